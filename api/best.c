/* best.c - see best.h. */
#include "api/best.h"
#include "heap/base/check.h"
#include <stdlib.h>
#include <string.h>

bool best_init(struct best *b, struct mem *mem, row_order *order, size_t row_bytes, size_t limit)
{
    CHECK(limit > 0);
    *b = (struct best){.mem = mem, .order = order, .row_bytes = row_bytes, .limit = limit};
    b->rows = mem_alloc(mem, (limit + 1) * row_bytes); /* one to swap by */
    return b->rows != NULL;
}

void best_fini(struct best *b)
{
    if (b->rows != NULL)
        mem_free(b->mem, b->rows, (b->limit + 1) * b->row_bytes);
    *b = (struct best){.rows = NULL};
}

static char *row_at(struct best *b, size_t i)
{
    return b->rows + i * b->row_bytes;
}

static void swap(struct best *b, size_t i, size_t j)
{
    char *kept = row_at(b, b->limit);

    memcpy(kept, row_at(b, i), b->row_bytes);
    memcpy(row_at(b, i), row_at(b, j), b->row_bytes);
    memcpy(row_at(b, j), kept, b->row_bytes);
}

static void sift_up(struct best *b, size_t i)
{
    for (size_t parent; i > 0; i = parent) {
        parent = (i - 1) / 2;
        if (b->order(row_at(b, i), row_at(b, parent)) <= 0)
            return;
        swap(b, i, parent);
    }
}

static void sift_down(struct best *b, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < b->count; i = child) {
        if (child + 1 < b->count && b->order(row_at(b, child + 1), row_at(b, child)) > 0)
            child++;
        if (b->order(row_at(b, child), row_at(b, i)) <= 0)
            return;
        swap(b, i, child);
    }
}

void best_consider(struct best *b, const void *row)
{
    if (b->count < b->limit) {
        memcpy(row_at(b, b->count++), row, b->row_bytes);
        sift_up(b, b->count - 1);
    } else if (b->order(row, row_at(b, 0)) < 0) {
        memcpy(row_at(b, 0), row, b->row_bytes);
        sift_down(b, 0);
    }
}

void best_sort(struct best *b)
{
    qsort(b->rows, b->count, b->row_bytes, b->order);
}
