/* activation.c - see activation.h. */
#include "daemon/activation.h"
#include "heap/base/num.h"
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t number_in(const char *variable, uint64_t max)
{
    const char *text = getenv(variable);
    uint64_t n = 0;

    return text != NULL && parse_u64(slice_of(text), max, &n) ? n : 0;
}

int activation_take(void)
{
    uint64_t pid = number_in("LISTEN_PID", INT32_MAX), fds = number_in("LISTEN_FDS", ACTIVATION_FDS_MAX);

    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (pid != (uint64_t)getpid())
        return 0;
    for (int fd = ACTIVATION_FD_FIRST; fd < ACTIVATION_FD_FIRST + (int)fds; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return (int)fds;
}
