/*
 * json_mem.c - see json_mem.h.
 */
#include "api/json_mem.h"
#include "heap/base/check.h"
#include <jansson.h>
#include <stdlib.h>

static _Thread_local struct mem *account; /* with `lent` the only state outside of what main() makes */
static _Thread_local bool lent;

/* jansson frees without naming a size, so each block begins with its own. */
union json_block {
    size_t size;
    max_align_t align;
};

static void *lend(size_t size)
{
    void *ptr = mem_realloc_spent(account, NULL, 0, size);

    CHECK(ptr != NULL);
    lent = true;
    return ptr;
}

static void *json_alloc(size_t size)
{
    union json_block *b;

    if (size > SIZE_MAX - sizeof(*b))
        return NULL;
    b = mem_alloc(account, size + sizeof(*b));
    if (b == NULL)
        b = lend(size + sizeof(*b));
    b->size = size + sizeof(*b);
    return b + 1;
}

static void json_free(void *ptr)
{
    union json_block *b = ptr;

    if (b != NULL)
        mem_free(account, b - 1, b[-1].size);
}

void json_mem_use(struct mem *mem)
{
    account = mem;
    json_set_alloc_funcs(json_alloc, json_free);
}

struct mem *json_mem_switch(struct mem *mem)
{
    struct mem *before = account;

    account = mem;
    return before;
}

void json_mem_begin(void)
{
    lent = false;
}

bool json_mem_lent(void)
{
    return lent;
}
