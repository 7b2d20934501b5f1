/*
 * notify.h - what the service manager is told: ready, reloading, stopping, and that the loop still goes round.
 *
 * The protocol is systemd's (sd_notify(3)): datagrams of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names, which
 * may be abstract ("@name"). Nothing of it is needed where there is none, so it is spoken here and not linked.
 * With $WATCHDOG_USEC, WATCHDOG=1 is sent twice in that time by a timer of the loop: one that is stuck sends none, and
 * is killed and started again.
 */
#pragma once
#include "daemon/log.h"
#include <sys/un.h>
#include <uv.h>

struct notify {
    uint32_t magic;
    int fd; /* -1: there is nobody to tell */
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t beat_ms; /* 0: no watchdog */
    uv_timer_t beat;
};

/* Reads, and takes out of the environment, $NOTIFY_SOCKET, $WATCHDOG_USEC and $WATCHDOG_PID. One that cannot be understood
 * is logged and left alone. `n` stays where it is until the loop has run what notify_close() began. */
void notify_init(struct notify *n, uv_loop_t *loop, struct log *log);
void notify_close(struct notify *n);

/* It takes time until it is ready, and there is something new to say of it: said more often than NOTIFY_PATIENCE_MS, the
 * manager waits on. From the first time on the watchdog hears that the loop goes round. `status` is for people. */
#define NOTIFY_PATIENCE_MS 60000
void notify_starting(struct notify *n, const char *status);
/* Requests are answered from now on. The watchdog's time begins, if it has not. */
void notify_ready(struct notify *n, const char *status);
/* Files are read again; notify_ready() says when that is over. */
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n, const char *status);
