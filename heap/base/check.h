/*
 * check.h - our own bugs stop the process; the world's mistakes are an enum err (err.h).
 *
 * CHECK      always on, cheap; dense where counts and lists change.
 * CHECK_IS   a struct that opens with `uint32_t magic` is what its pointer says.
 * INVARIANT  may walk; compiled in by -Dparanoid=true only.
 *
 * A failed check prints one line to stderr and aborts, after calling the hook that the daemon may
 * have set (to add what it was doing); the hook must not return to the heap.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* base/check.c; never returns. */
_Noreturn void check_failed(const char *file, int line, const char *claim);

#define CHECK(claim)                                                                                         \
    do {                                                                                                     \
        if (__builtin_expect(!(claim), 0))                                                                   \
            check_failed(__FILE__, __LINE__, #claim);                                                        \
    } while (0)

#define CHECK_IS(ptr, expected_magic) CHECK((ptr) != NULL && (ptr)->magic == (expected_magic))

#ifdef HEAPD_PARANOID
#define INVARIANT(claim) CHECK(claim)
#else
#define INVARIANT(claim) ((void)sizeof((claim) ? 1 : 0))
#endif

#define UNREACHABLE() check_failed(__FILE__, __LINE__, "unreachable")
