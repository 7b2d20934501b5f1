/*
 * check.c - see check.h. Writes without allocating: the heap may be what is broken.
 *
 * A check is an expression anywhere, with no object at hand that could carry the hook: it is a variable of this file.
 */
#include "heap/base/check.h"
#include <stdio.h>
#include <stdlib.h>

static check_hook *hook_to_call; /* NULL: none, or it has been called */

void check_tell(check_hook *hook)
{
    hook_to_call = hook;
}

_Noreturn void check_failed(const char *file, int line, const char *claim)
{
    check_hook *hook = hook_to_call;

    hook_to_call = NULL;
    if (hook != NULL)
        hook(file, line, claim);
    else
        fprintf(stderr, "heapd: check failed at %s:%d: %s\n", file, line, claim);
    fflush(stderr);
    abort();
}
