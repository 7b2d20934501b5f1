/* check.c - see check.h. Writes without allocating: the heap may be what is broken. */
#include "heap/base/check.h"
#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *claim)
{
    fprintf(stderr, "heapd: check failed at %s:%d: %s\n", file, line, claim);
    fflush(stderr);
    abort();
}
