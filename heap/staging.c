/* staging.c - see staging.h. */
#include "heap/staging.h"
#include "heap/heap_impl.h"
#include "heap/ref.h"
#include "heap/slot.h"

/* ---- life ---- */

struct staging *staging_open(struct heap *h)
{
    struct staging *s = mem_zalloc(h->mem, sizeof *s);

    if (s == NULL)
        return NULL;
    if (!slotset_init(&s->slots, h->mem)) {
        mem_free(h->mem, s, sizeof *s);
        return NULL;
    }
    s->heap = h;
    s->next = h->stagings;
    s->at = &h->stagings;
    if (s->next != NULL)
        s->next->at = &s->next;
    h->stagings = s;
    return s;
}

static void leave_line(struct staging *s)
{
    *s->at = s->next;
    if (s->next != NULL)
        s->next->at = s->at;
}

static void free_area(struct staging *s)
{
    struct mem *mem = s->heap->mem;

    mem_uncharge(mem, s->charged_bytes);
    slotset_fini(&s->slots, mem);
    mem_free(mem, s, sizeof *s);
}

static void take_down(struct staging *s)
{
    leave_line(s);
    free_area(s);
}

void staging_publish(struct staging **pv)
{
    struct staging *s = *pv;

    *pv = NULL;
    if (s == NULL)
        return;
    CHECK(s->heap->entered == NULL && !s->abandoned);
    take_down(s);
}

void staging_abandon(struct staging **pv)
{
    struct staging *s = *pv;

    *pv = NULL;
    if (s == NULL)
        return;
    CHECK(s->heap->entered == NULL && !s->abandoned);
    s->abandoned = true;
    if (s->slots.count == 0)
        take_down(s);
}

void staging_each(const struct staging *s, void (*fn)(struct heap *h, slot_t slot))
{
    const struct slotset *set = &s->slots;

    for (uint32_t n = 0; (n = bits_next(set->pools, n, set->pool_end)) < set->pool_end; n++)
        for (uint32_t i = 0; (i = bits_next(set->bits[n], i, POOL_CELLS)) < POOL_CELLS; i++)
            fn(s->heap, n << POOL_SHIFT | i);
}

static void kill_one(struct heap *h, slot_t slot)
{
    h->stats.freed_by_refcount++;
    ref_kill(h, slot);
}

static void release_one(struct heap *h, slot_t slot)
{
    CHECK(object_release_contents(h, slot, SIZE_MAX) > 0);
}

void staging_kill(struct staging **ps)
{
    struct staging *s = *ps;

    *ps = NULL;
    CHECK(s->heap->entered == NULL && !s->abandoned);
    leave_line(s); /* so that no death changes the set, which is gone through three times */
    staging_each(s, kill_one);
    staging_each(s, release_one); /* links among them count nothing any more */
    staging_each(s, object_free);
    free_area(s);
}

void stagings_fini(struct heap *h)
{
    while (h->stagings != NULL) {
        CHECK(h->stagings->abandoned);
        take_down(h->stagings);
    }
}

/* ---- what is staged ---- */

void staging_enter(struct staging *s)
{
    CHECK(s->heap->entered == NULL && !s->abandoned);
    s->heap->entered = s;
}

/* The pages of the set came without being asked for. */
static void charge(struct staging *s)
{
    size_t bytes = (size_t)s->pools * sizeof s->slots.bits[0];

    mem_charge_spent(s->heap->mem, bytes - s->charged_bytes);
    s->charged_bytes = bytes;
}

void staging_leave(struct staging *s)
{
    CHECK(s->heap->entered == s);
    s->heap->entered = NULL;
    charge(s);
}

bool staging_hides(const struct heap *h, slot_t slot)
{
    for (const struct staging *s = h->stagings; s != NULL; s = s->next)
        if (s != h->entered && slotset_has(&s->slots, slot))
            return true;
    return false;
}

void staging_add(struct heap *h, slot_t slot)
{
    struct staging *s = h->entered;

    s->pools += !bits_has(s->slots.pools, pool_of(slot));
    CHECK(slotset_add(&s->slots, slot));
}

void staging_note_death(struct heap *h, slot_t slot)
{
    for (struct staging *s = h->stagings, *next; s != NULL; s = next) {
        next = s->next;
        if (!slotset_has(&s->slots, slot))
            continue;
        slotset_remove(&s->slots, slot);
        if (s->abandoned && s->slots.count == 0)
            take_down(s);
    }
}

/* ---- all of them ---- */

uint64_t heap_staged(const struct heap *h)
{
    uint64_t count = 0;

    for (const struct staging *s = h->stagings; s != NULL; s = s->next)
        count += s->slots.count;
    return count;
}

size_t staging_bytes(const struct heap *h)
{
    size_t bytes = 0;

    for (const struct staging *s = h->stagings; s != NULL; s = s->next)
        bytes += sizeof *s + s->charged_bytes;
    return bytes;
}

static size_t validate(const struct staging *s)
{
    slot_t end = s->slots.pool_end << POOL_SHIFT;
    size_t broken = 0;
    uint64_t count = 0;

    for (slot_t slot = 0; (slot = bits_next(s->slots.bits[0], slot, end)) < end; slot++) {
        count++;
        broken += !pool_is_objects(&s->heap->pools, pool_of(slot)) || !bits_has(s->heap->pools.used, slot) ||
                  object_at(s->heap, slot)->state != STATE_LIVE;
    }
    return broken + (count != s->slots.count) + (s->abandoned && count == 0);
}

size_t staging_validate(const struct heap *h)
{
    size_t broken = 0;

    for (const struct staging *s = h->stagings; s != NULL; s = s->next)
        broken += validate(s);
    return broken;
}
