/*
 * panic.h - last words: when a CHECK fails, the processor refuses to go on, or a watchdog ends heapd (SIGABRT), one line to
 * stderr says where, and how heapd was doing; then the process ends as it would have anyway, and leaves its core.
 *
 *     heapd: fatal check-failed at=heap/ref.c:72 claim="o->count > 0" phase=spread objects=12 roots=3 sessions=1
 *                  connections=2 uptime_s=61 version=0.1.0 instance=f00d... pid=4711        (in one line)
 *     heapd: fatal signal name=SIGSEGV address=0x10 phase=idle ...
 *
 * Counts and names of this process only: no token, nothing of what is in the heap. It is written by a signal handler in
 * the middle of anything, so nothing is allocated, locked or formatted by the C library, and the words that come first are
 * those that need no look at the heap, which may be what is broken.
 */
#pragma once
#include <stdint.h>

/* How heapd is doing. */
struct panic_facts {
    const char *phase; /* of the collector */
    uint64_t objects, roots, sessions, connections;
};

#define PANIC_STACK_BYTES (32u << 10) /* the handler's own: the stack may be what is used up */

struct panic {
    void (*facts)(void *ctx, struct panic_facts *ret); /* reads, and does nothing else */
    void *ctx;
    const char *instance;
    uint64_t began_us;
    char stack[PANIC_STACK_BYTES];
};

/* From now on, until panic_calm(): `p` stays where it is. Its first members are the caller's to set. */
void panic_prepare(struct panic *p);
/* The facts are about to be unmade: a report does without. */
void panic_calm(void);
