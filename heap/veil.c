/* veil.c - see veil.h. */
#include "heap/veil.h"
#include "heap/heap_impl.h"
#include "heap/slot.h"

/* ---- life ---- */

struct veil *veil_open(struct heap *h)
{
    struct veil *v = mem_zalloc(h->mem, sizeof *v);

    if (v == NULL)
        return NULL;
    if (!slotset_init(&v->slots, h->mem)) {
        mem_free(h->mem, v, sizeof *v);
        return NULL;
    }
    v->heap = h;
    v->next = h->veils;
    v->at = &h->veils;
    if (v->next != NULL)
        v->next->at = &v->next;
    h->veils = v;
    return v;
}

static void take_down(struct veil *v)
{
    struct mem *mem = v->heap->mem;

    *v->at = v->next;
    if (v->next != NULL)
        v->next->at = v->at;
    mem_uncharge(mem, v->charged_bytes);
    slotset_fini(&v->slots, mem);
    mem_free(mem, v, sizeof *v);
}

void veil_lift(struct veil **pv)
{
    struct veil *v = *pv;

    *pv = NULL;
    if (v == NULL)
        return;
    CHECK(v->heap->behind == NULL && !v->forsaken);
    take_down(v);
}

void veil_forsake(struct veil **pv)
{
    struct veil *v = *pv;

    *pv = NULL;
    if (v == NULL)
        return;
    CHECK(v->heap->behind == NULL && !v->forsaken);
    v->forsaken = true;
    if (v->slots.count == 0)
        take_down(v);
}

void veils_fini(struct heap *h)
{
    while (h->veils != NULL) {
        CHECK(h->veils->forsaken);
        take_down(h->veils);
    }
}

/* ---- behind it ---- */

void veil_enter(struct veil *v)
{
    CHECK(v->heap->behind == NULL && !v->forsaken);
    v->heap->behind = v;
}

/* What the set costs is spent: it is not asked for. */
static void charge(struct veil *v)
{
    size_t bytes = (size_t)v->pools * sizeof v->slots.bits[0];

    mem_charge_spent(v->heap->mem, bytes - v->charged_bytes);
    v->charged_bytes = bytes;
}

void veil_leave(struct veil *v)
{
    CHECK(v->heap->behind == v);
    v->heap->behind = NULL;
    charge(v);
}

bool veil_hides(const struct heap *h, slot_t slot)
{
    for (const struct veil *v = h->veils; v != NULL; v = v->next)
        if (v != h->behind && slotset_has(&v->slots, slot))
            return true;
    return false;
}

void veil_add(struct heap *h, slot_t slot)
{
    struct veil *v = h->behind;

    v->pools += !bits_has(v->slots.pools, pool_of(slot));
    CHECK(slotset_add(&v->slots, slot));
}

void veil_note_death(struct heap *h, slot_t slot)
{
    for (struct veil *v = h->veils, *next; v != NULL; v = next) {
        next = v->next;
        if (!slotset_has(&v->slots, slot))
            continue;
        slotset_remove(&v->slots, slot);
        if (v->forsaken && v->slots.count == 0)
            take_down(v);
    }
}

/* ---- all of them ---- */

uint64_t heap_veiled(const struct heap *h)
{
    uint64_t count = 0;

    for (const struct veil *v = h->veils; v != NULL; v = v->next)
        count += v->slots.count;
    return count;
}

size_t veil_bytes(const struct heap *h)
{
    size_t bytes = 0;

    for (const struct veil *v = h->veils; v != NULL; v = v->next)
        bytes += v->charged_bytes;
    return bytes;
}

static size_t validate(const struct veil *v)
{
    slot_t end = v->slots.pool_end << POOL_SHIFT;
    size_t broken = 0;
    uint64_t count = 0;

    for (slot_t s = 0; (s = bits_next(v->slots.bits[0], s, end)) < end; s++) {
        count++;
        broken += !pool_is_objects(&v->heap->pools, pool_of(s)) || !bits_has(v->heap->pools.used, s) ||
                  !heap_is_alive(v->heap, s);
    }
    return broken + (count != v->slots.count) + (v->forsaken && count == 0);
}

size_t veil_validate(const struct heap *h)
{
    size_t broken = 0;

    for (const struct veil *v = h->veils; v != NULL; v = v->next)
        broken += validate(v);
    return broken;
}
