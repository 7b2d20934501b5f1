/*
 * loop.h - libuv's loop without time and without events: it turns when it is told to, and its clock stands until then.
 *
 * Owns:      the handles that are open, the time, the one thread that was started and runs when it is waited for.
 * Knows not: sockets; there are none.
 *
 * Takes the place of those functions of libuv, and of daemon/clock.h, that what is linked with it calls. So daemon/keeper.c,
 * daemon/recovery.c and daemon/store/store.c live in one thread and the same way each time.
 */
#pragma once
#include <uv.h>

/* No handles, and this is the time. */
void loop_begin(uint64_t now_us);
uint64_t loop_now_us(void);
/* The same in whole milliseconds, kept up to date. */
const uint64_t *loop_clock_ms(void);
void loop_pass(uint64_t us);
/* Whatever is due: timers, handles that are idle, what is to be done before the loop sleeps, what threads have told. */
void loop_turn(void);
/* Called whenever a thread is woken. */
void loop_on_signal(void (*fn)(void *ctx), void *ctx);
/* How many handles are open. */
size_t loop_handles(void);
