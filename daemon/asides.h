/*
 * asides.h - what is done on other threads: struct aside (api/api.h) by libuv's pool.
 *
 * Owns:      the line of those that wait, and ASIDES_AT_ONCE seats for those that run.
 * Knows not: what they do.
 *
 * Few at once, so that the loop keeps a core to itself, and so that no more than a few long bodies are in memory
 * both as text and as JSON.
 */
#pragma once
#include "api/api.h"
#include <uv.h>

#define ASIDES_AT_ONCE 2

struct asides {
    uint32_t magic;
    uv_loop_t *loop;
    void (*on_done)(void *ctx); /* one is done: whoever waits may go on */
    void *ctx;
    struct aside *first, **last; /* the line */
    struct aside_seat {
        struct asides *all;
        struct aside *taken; /* NULL: free */
        uv_work_t work;
    } seats[ASIDES_AT_ONCE];
};

/* It stays where it is until the loop has come to rest: a loop that runs runs until all are done. */
void asides_init(struct asides *a, uv_loop_t *loop, void (*on_done)(void *ctx), void *ctx);
/* Run it when it is its turn. It is the line's until its done() is called, on the loop's thread. */
void asides_add(struct asides *a, struct aside *aside);
