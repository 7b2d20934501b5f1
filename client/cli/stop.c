/*
 * stop.c - see stop.h.
 */
#include "client/cli/stop.h"
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>

int stop_open(void)
{
    sigset_t stops;

    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGHUP);
    return sigprocmask(SIG_BLOCK, &stops, NULL) == 0 ? signalfd(-1, &stops, SFD_CLOEXEC) : -1;
}
