/*
 * json_mem.c - see json_mem.h.
 */
#include "api/json_mem.h"
#include "heap/base/check.h"
#include <jansson.h>
#include <stdlib.h>

#define ALONE_BYTES (JSON_CHUNK_BYTES / (JSON_CHUNK_WASTE + 1)) /* larger ones have a chunk of their own */

static struct mem *account;                      /* with these two the only state outside of what main() makes */
static _Thread_local struct json_region *inside; /* NULL: blocks, on the account */
static _Thread_local bool lent;

/* ---- blocks: jansson frees without naming a size, so each begins with its own ---- */

union json_block {
    size_t size;
    max_align_t align;
};

static void *block_alloc(size_t size)
{
    union json_block *b = mem_alloc(account, size);

    if (b == NULL) {
        b = mem_realloc_spent(account, NULL, 0, size);
        CHECK(b != NULL);
        lent = true;
    }
    b->size = size;
    return b + 1;
}

static void block_free(void *ptr)
{
    union json_block *b = ptr;

    if (b != NULL)
        mem_free(account, b - 1, b[-1].size);
}

/* ---- regions ---- */

struct json_chunk {
    struct json_chunk *next;
    size_t bytes;
};

_Static_assert(sizeof(struct json_chunk) % JSON_ALIGN == 0, "what follows a chunk's head is aligned");

static void *map_spent(struct mem *mem, size_t bytes)
{
    size_t max = mem->max_bytes;
    void *ptr;

    mem->max_bytes = 0;
    ptr = mem_map(mem, bytes, MEM_PAGE_BYTES);
    mem->max_bytes = max;
    CHECK(ptr != NULL);
    lent = true;
    return ptr;
}

static struct json_chunk *new_chunk(struct json_region *r, size_t size)
{
    size_t bytes = (size + sizeof(struct json_chunk) + MEM_PAGE_BYTES - 1) & ~(size_t)(MEM_PAGE_BYTES - 1);
    struct json_chunk *chunk = mem_map(r->mem, bytes, MEM_PAGE_BYTES);

    if (chunk == NULL)
        chunk = map_spent(r->mem, bytes);
    *chunk = (struct json_chunk){.next = r->chunks, .bytes = bytes};
    r->chunks = chunk;
    return chunk;
}

static void *region_alloc(struct json_region *r, size_t size)
{
    char *ptr;

    size = (size + JSON_ALIGN - 1) & ~(size_t)(JSON_ALIGN - 1);
    if (size > ALONE_BYTES)
        return new_chunk(r, size) + 1;
    if (size > (size_t)(r->end - r->at)) {
        r->at = (char *)(new_chunk(r, JSON_CHUNK_BYTES - sizeof(struct json_chunk)) + 1);
        r->end = r->at + JSON_CHUNK_BYTES - sizeof(struct json_chunk);
    }
    ptr = r->at;
    r->at += size;
    return ptr;
}

void json_region_init(struct json_region *r, struct mem *mem)
{
    *r = (struct json_region){.mem = mem};
}

void json_region_enter(struct json_region *r)
{
    CHECK(inside == NULL && account != NULL);
    inside = r;
}

void json_region_leave(void)
{
    CHECK(inside != NULL);
    inside = NULL;
}

void json_region_fini(struct json_region *r)
{
    while (r->chunks != NULL) {
        struct json_chunk *chunk = r->chunks;

        r->chunks = chunk->next;
        mem_unmap(r->mem, chunk, chunk->bytes);
    }
    r->at = r->end = NULL;
}

/* ---- what jansson knows ---- */

static void *json_alloc(size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    return inside != NULL ? region_alloc(inside, size) : block_alloc(size + sizeof(union json_block));
}

static void json_free(void *ptr)
{
    if (inside == NULL)
        block_free(ptr);
}

void json_mem_use(struct mem *mem)
{
    account = mem;
    json_set_alloc_funcs(json_alloc, json_free);
}

bool json_mem_has_room(size_t bytes)
{
    return inside != NULL || account == NULL || bytes <= mem_room(account);
}

void json_mem_begin(void)
{
    lent = false;
}

bool json_mem_lent(void)
{
    return lent;
}
