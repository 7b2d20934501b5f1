/*
 * signals.h - SIGTERM and SIGINT ask heapd to stop; SIGPIPE says nothing that a failed write does not.
 */
#pragma once
#include <uv.h>

struct signals {
    uint32_t magic;
    void (*on_stop)(void *ctx, int signum);
    void *ctx;
    uv_signal_t term, interrupt;
};

/* `s` stays where it is until the loop has run what signals_close() began. */
void signals_init(struct signals *s, uv_loop_t *loop, void (*on_stop)(void *ctx, int signum), void *ctx);
void signals_close(struct signals *s);
