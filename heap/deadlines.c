/* deadlines.c - see deadlines.h. */
#include "heap/deadlines.h"
#include "heap/base/check.h"

static void put(struct deadlines *d, uint32_t i, struct deadline *one)
{
    d->heap[i] = one;
    one->place = i;
}

static void sift_up(struct deadlines *d, uint32_t i, struct deadline *one)
{
    while (i > 0 && d->heap[(i - 1) / 2]->at_ms > one->at_ms) {
        put(d, i, d->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(d, i, one);
}

static void sift_down(struct deadlines *d, uint32_t i, struct deadline *one)
{
    for (uint32_t child; (child = 2 * i + 1) < d->count; i = child) {
        if (child + 1 < d->count && d->heap[child + 1]->at_ms < d->heap[child]->at_ms)
            child++;
        if (d->heap[child]->at_ms >= one->at_ms)
            break;
        put(d, i, d->heap[child]);
    }
    put(d, i, one);
}

bool deadlines_reserve(struct deadlines *d, struct mem *mem)
{
    uint32_t room = d->room == 0 ? 16 : 2 * d->room;
    struct deadline **heap;

    if (d->count < d->room)
        return true;
    if ((heap = mem_realloc(mem, d->heap, d->room * sizeof(struct deadline *), room * sizeof(struct deadline *))) == NULL)
        return false;
    d->heap = heap;
    d->room = room;
    return true;
}

void deadlines_fini(struct deadlines *d, struct mem *mem)
{
    mem_free(mem, d->heap, d->room * sizeof(struct deadline *));
    *d = (struct deadlines){.count = 0};
}

void deadlines_add(struct deadlines *d, struct deadline *one)
{
    CHECK(d->count < d->room);
    sift_up(d, d->count++, one);
}

void deadlines_remove(struct deadlines *d, struct deadline *one)
{
    uint32_t i = one->place;
    struct deadline *last;

    if (i == DEADLINE_NONE)
        return;
    CHECK(i < d->count && d->heap[i] == one);
    last = d->heap[--d->count];
    one->place = DEADLINE_NONE;
    if (last == one)
        return;
    if (i > 0 && d->heap[(i - 1) / 2]->at_ms > last->at_ms)
        sift_up(d, i, last);
    else
        sift_down(d, i, last);
}

void deadlines_put_off_first(struct deadlines *d, uint64_t at_ms)
{
    CHECK(d->count > 0 && d->heap[0]->at_ms <= at_ms);
    d->heap[0]->at_ms = at_ms;
    sift_down(d, 0, d->heap[0]);
}

size_t deadlines_validate(const struct deadlines *d)
{
    size_t broken = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        broken += d->heap[i]->place != i;
        broken += i > 0 && d->heap[(i - 1) / 2]->at_ms > d->heap[i]->at_ms;
    }
    return broken;
}
