/*
 * check.h - our own bugs stop the process; the world's mistakes are an enum err (err.h).
 *
 * CHECK      always on, cheap; dense where counts and lists change.
 * CHECK_IS   a struct that opens with `uint32_t magic` is what its pointer says.
 * INVARIANT  may walk; compiled in by -Dparanoid=true only.
 *
 * A failed check says so in one line to stderr, or has the hook say it that the daemon has set (to add what it was
 * doing), and aborts. The hook may read what is left; a check that fails in it aborts at once.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* base/check.c; never returns. */
_Noreturn void check_failed(const char *file, int line, const char *claim);

typedef void check_hook(const char *file, int line, const char *claim);
/* Who says it from now on; NULL: nobody. */
void check_tell(check_hook *hook);

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
