/*
 * noise.h - what the machine does to a thread that is in nobody's way, and what another process really used.
 */
#pragma once
#include <stdint.h>
#include <sys/types.h>

uint64_t now_ns(void);
/* CPU time of this thread; reading it takes 0.4 us. */
uint64_t thread_ns(void);

/* The longest time between two looks at the clock that two threads see which only spin for `ns`: one here,
 * one on the cores where `other` may run. */
uint64_t spin_gap(pid_t other, uint64_t ns);

/* A descriptor for cpu_ns(); -1 if the kernel does not allow it (kernel.perf_event_paranoid). */
int cpu_open(pid_t other);
/* The CPU time that `other` has used since cpu_open(), exact even while it runs, which neither its CPU clock
 * nor /proc is: seen from another process they lag by up to a tick. 0 for a descriptor of -1. */
uint64_t cpu_ns(int fd);
