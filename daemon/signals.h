/*
 * signals.h - SIGTERM and SIGINT ask heapd to stop, SIGHUP to read its token file again; SIGPIPE says nothing that a
 * failed write does not.
 */
#pragma once
#include <uv.h>

struct signals {
    uint32_t magic;
    struct signal_handlers {
        void (*on_stop)(void *ctx, int signum);
        void (*on_reload)(void *ctx);
        void *ctx;
    } handlers;
    uv_signal_t term, interrupt, hangup;
};

/* `s` stays where it is until the loop has run what signals_close() began. */
void signals_init(struct signals *s, uv_loop_t *loop, struct signal_handlers handlers);
void signals_close(struct signals *s);
