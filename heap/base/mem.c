/* mem.c - see mem.h. malloc below the account for small blocks, mmap for pages. */
#include "heap/base/mem.h"
#include "heap/base/check.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define START_BRK_FIELD 47   /* of /proc/self/stat, proc(5) */
#define LOOK_PAGES      1024u /* that the system is asked about at a time */

void mem_init(struct mem *m, size_t max_bytes)
{
    *m = (struct mem){.max_bytes = max_bytes};
}

void mem_fini(struct mem *m)
{
    CHECK(m->used_bytes == 0 && m->block_bytes == 0);
}

static bool asked_to_fail(struct mem *m)
{
    m->request_count++;
    if (m->fail_at == 0)
        return false;
    return m->fail_on ? m->request_count >= m->fail_at : m->request_count == m->fail_at;
}

/* How far whoever asks now may go. */
static size_t limit(const struct mem *m)
{
    size_t beyond = m->reach_bytes > 0 ? m->over_bytes + m->reach_bytes : 0;

    return beyond < SIZE_MAX - m->max_bytes ? m->max_bytes + beyond : SIZE_MAX;
}

size_t mem_room(const struct mem *m)
{
    size_t taken = m->used_bytes + m->aside_bytes, max = limit(m);

    if (m->max_bytes == 0)
        return SIZE_MAX;
    return taken < max ? max - taken : 0;
}

void mem_set_max(struct mem *m, size_t max_bytes)
{
    size_t taken = m->used_bytes + m->aside_bytes;

    m->max_bytes = max_bytes;
    m->over_bytes = max_bytes != 0 && taken > max_bytes ? taken - max_bytes : 0;
}

void mem_charge_spent(struct mem *m, size_t size)
{
    m->used_bytes += size;
    if (m->used_bytes > m->peak_bytes)
        m->peak_bytes = m->used_bytes;
}

bool mem_charge(struct mem *m, size_t size)
{
    if (asked_to_fail(m))
        return false;
    if (size > mem_room(m)) {
        m->refused_count++;
        return false;
    }
    mem_charge_spent(m, size);
    return true;
}

void mem_uncharge(struct mem *m, size_t size)
{
    CHECK(m->used_bytes >= size);
    m->used_bytes -= size;
}

static size_t as_block(size_t size)
{
    return size < MEM_BLOCK_BYTES_MAX ? size : 0;
}

void *mem_alloc(struct mem *m, size_t size)
{
    CHECK(size > 0);
    if (!mem_charge(m, size))
        return NULL;

    void *ptr = malloc(size);

    if (ptr == NULL)
        mem_uncharge(m, size);
    else
        m->block_bytes += as_block(size);
    return ptr;
}

void *mem_zalloc(struct mem *m, size_t size)
{
    CHECK(size > 0);
    if (!mem_charge(m, size))
        return NULL;

    void *ptr = calloc(1, size);

    if (ptr == NULL)
        mem_uncharge(m, size);
    else
        m->block_bytes += as_block(size);
    return ptr;
}

void *mem_zalloc_spent(struct mem *m, size_t size)
{
    void *ptr = calloc(1, size);

    CHECK(size > 0);
    if (ptr == NULL)
        return NULL;
    mem_charge_spent(m, size);
    m->block_bytes += as_block(size);
    return ptr;
}

void *mem_realloc(struct mem *m, void *ptr, size_t old_size, size_t new_size)
{
    CHECK(new_size > 0);
    CHECK((ptr == NULL) == (old_size == 0));
    if (new_size > old_size ? !mem_charge(m, new_size - old_size) : asked_to_fail(m))
        return NULL;

    void *moved = realloc(ptr, new_size);

    if (moved == NULL) {
        if (new_size > old_size)
            mem_uncharge(m, new_size - old_size);
        return NULL;
    }
    if (new_size < old_size)
        mem_uncharge(m, old_size - new_size);
    m->block_bytes += as_block(new_size) - as_block(old_size);
    return moved;
}

void *mem_realloc_spent(struct mem *m, void *ptr, size_t old_size, size_t new_size)
{
    CHECK(new_size > 0);
    CHECK((ptr == NULL) == (old_size == 0));

    void *moved = realloc(ptr, new_size);

    if (moved == NULL)
        return NULL;
    mem_uncharge(m, old_size);
    mem_charge_spent(m, new_size);
    m->block_bytes += as_block(new_size) - as_block(old_size);
    return moved;
}

void mem_free(struct mem *m, void *ptr, size_t size)
{
    if (ptr == NULL)
        return;
    mem_uncharge(m, size);
    m->block_bytes -= as_block(size);
    free(ptr);
}

/* Aligned by mapping too much and giving the ends back: mmap itself promises a page only. */
static void *map_aligned(size_t size, size_t align)
{
    size_t extra = align > MEM_PAGE_BYTES ? align : 0;
    char *base = mmap(NULL, size + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (base == MAP_FAILED)
        return NULL;
    if (extra == 0)
        return base;

    size_t head = (align - ((uintptr_t)base & (align - 1))) & (align - 1);

    if (head > 0)
        munmap(base, head);
    if (extra > head)
        munmap(base + head + size, extra - head);
    return base + head;
}

void *mem_map(struct mem *m, size_t size, size_t align)
{
    CHECK(size > 0 && size % MEM_PAGE_BYTES == 0);
    CHECK(align >= MEM_PAGE_BYTES && (align & (align - 1)) == 0);
    if (!mem_charge(m, size))
        return NULL;

    void *ptr = map_aligned(size, align);

    if (ptr == NULL)
        mem_uncharge(m, size);
    return ptr;
}

void mem_unmap(struct mem *m, void *ptr, size_t size)
{
    if (ptr == NULL)
        return;
    mem_uncharge(m, size);
    CHECK(munmap(ptr, size) == 0);
}

void *mem_reserve(struct mem *m, size_t size)
{
    if (asked_to_fail(m))
        return NULL;

    void *ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (ptr == MAP_FAILED)
        return NULL;
    (void)madvise(ptr, size, MADV_NOHUGEPAGE); /* where the system knows none, there is nothing to refuse */
    return ptr;
}

void mem_unreserve(struct mem *m, void *ptr, size_t size)
{
    (void)m;
    if (ptr != NULL)
        CHECK(munmap(ptr, size) == 0);
}

void mem_discard(void *ptr, size_t size)
{
    uintptr_t from = ((uintptr_t)ptr + MEM_PAGE_BYTES - 1) & ~(uintptr_t)(MEM_PAGE_BYTES - 1);
    uintptr_t to = ((uintptr_t)ptr + size) & ~(uintptr_t)(MEM_PAGE_BYTES - 1);

    if (from < to)
        CHECK(madvise((void *)from, to - from, MADV_DONTNEED) == 0);
}

void mem_populate(void *ptr, size_t size)
{
    (void)madvise(ptr, size, MADV_POPULATE_WRITE);
}

void mem_trim(void)
{
    malloc_trim(0);
}

void mem_settle(void)
{
    mallopt(M_MMAP_THRESHOLD, MEM_BLOCK_BYTES_MAX);
    mallopt(M_ARENA_MAX, 1);
}

/* Where the heap of the C library begins. Fields are counted from the name in parentheses, which may hold anything. */
static uintptr_t blocks_start(void)
{
    static uintptr_t start;
    char text[1024];
    FILE *f = start == 0 ? fopen("/proc/self/stat", "re") : NULL;

    if (f == NULL)
        return start;

    size_t len = fread(text, 1, sizeof text - 1, f);
    const char *at;

    fclose(f);
    text[len] = '\0';
    at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < START_BRK_FIELD; field++)
        at = strchr(at + 1, ' ');
    if (at != NULL)
        start = (uintptr_t)strtoull(at, NULL, 10);
    return start;
}

static uintptr_t blocks_first_page(void)
{
    return blocks_start() & ~(uintptr_t)(MEM_PAGE_BYTES - 1);
}

size_t mem_blocks_extent(void)
{
    uintptr_t from = blocks_first_page(), end = (uintptr_t)sbrk(0);

    return from == 0 || end < from ? 0 : end - from;
}

/* Pages of [at, at + bytes) that are in memory. Some may be gone altogether by now: then none is. */
static size_t resident_pages(uintptr_t at, size_t bytes)
{
    unsigned char here[LOOK_PAGES];
    size_t pages = 0;

    if (mincore((void *)at, bytes, here) != 0)
        return 0;
    for (size_t i = 0; i < (bytes + MEM_PAGE_BYTES - 1) / MEM_PAGE_BYTES; i++)
        pages += here[i] & 1;
    return pages;
}

bool mem_blocks_look(struct mem_blocks_look *look, size_t bytes_max)
{
    uintptr_t end = blocks_first_page() + mem_blocks_extent();

    if (look->at == 0)
        *look = (struct mem_blocks_look){.at = blocks_first_page(), .resident_bytes = look->resident_bytes};
    for (size_t bytes; look->at < end && bytes_max > 0; look->at += bytes) {
        bytes = end - look->at < LOOK_PAGES * MEM_PAGE_BYTES ? end - look->at : LOOK_PAGES * MEM_PAGE_BYTES;
        look->pages += resident_pages(look->at, bytes);
        bytes_max -= bytes < bytes_max ? bytes : bytes_max;
    }
    if (look->at < end)
        return false;
    look->resident_bytes = look->pages * MEM_PAGE_BYTES;
    look->at = 0;
    return true;
}

size_t mem_blocks_resident(void)
{
    struct mem_blocks_look look = {0};

    CHECK(mem_blocks_look(&look, SIZE_MAX));
    return look.resident_bytes;
}
