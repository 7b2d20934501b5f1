/* restore.c - see restore.h. */
#include "heap/restore.h"
#include "heap/birth.h"
#include "heap/bytes.h"
#include "heap/death.h"
#include "heap/heap_gc.h"
#include "heap/heap_impl.h"
#include "heap/list.h"
#include "heap/record.h"
#include "heap/weak.h"

enum err heap_restore_begin(struct heap *h, uint32_t pool_end, struct why *why)
{
    if (pool_end < 1 || pool_end > POOLS_MAX)
        return why_set(why, ERR_BAD_VALUE, "there cannot be %u pools", pool_end);
    if (!pools_restore_begin(&h->pools, pool_end))
        return why_set(why, ERR_NOMEM, "no memory for the tables of %u pools", pool_end);
    return ERR_OK;
}

enum err heap_restore_pool(struct heap *h, uint32_t number, uint32_t words, uint32_t turn_base, uint32_t turn, struct why *why)
{
    enum err e = pools_restore(&h->pools, number, words, turn_base, turn);

    if (e == ERR_NOMEM)
        return why_set(why, e, "no memory for pool %u", number);
    if (e != ERR_OK)
        return why_set(why, e, "pool %u with cells of %u words and turns from %u on cannot be", number, words, turn_base);
    return ERR_OK;
}

/* ---- objects ---- */

static uint32_t words_min(enum heap_kind kind)
{
    switch (kind) {
    case HEAP_RECORD:
        return OBJECT_HEADER_WORDS + RECORD_OWN_WORDS_MIN;
    case HEAP_LIST:
        return OBJECT_HEADER_WORDS + LIST_OWN_WORDS;
    case HEAP_BYTES:
        return OBJECT_HEADER_WORDS + BYTES_OWN_WORDS;
    }
    UNREACHABLE();
}

/* What a cell has that nobody has had since its pool came back: a free one never has the turn after the last. */
static uint32_t unused_turn(const struct heap *h, uint32_t n)
{
    uint32_t turn = h->pools.restore_turn[n];

    return turn < OBJECT_TURN_MAX ? turn : OBJECT_TURN_MAX;
}

/* The cell of an id that can be born there now; NULL: it cannot. */
static struct object *find_cell(const struct heap *h, obj_id id, enum heap_kind kind)
{
    slot_t slot = id & SLOT_MAX;
    uint32_t n = pool_of(slot);
    uint64_t turn = id >> SLOT_BITS;
    struct object *o;

    if (id > ID_MAX || n >= h->pools.restore_end || !pool_is_objects(&h->pools, n) || bits_has(h->pools.used, slot) ||
        pool_words(&h->pools, slot) < words_min(kind) || turn < h->pools.turn_base[n])
        return NULL;
    o = object_at(h, slot);
    turn -= h->pools.turn_base[n];
    if (o->state != STATE_FREE || turn > OBJECT_TURN_MAX)
        return NULL;
    if (turn < object_turn(o) && object_turn(o) != unused_turn(h, n))
        return NULL;
    object_set_turn(o, (uint32_t)turn);
    return o;
}

static enum err give_payload(struct heap *h, obj_id id, struct why *why)
{
    struct payload *none = payload_create(h->mem, 0);
    enum err e = none != NULL ? ERR_OK : why_set(why, ERR_NOMEM, "no memory for bytes");

    if (e == ERR_OK)
        e = heap_set_bytes(h, id, &none, why);
    payload_release(&none);
    return e;
}

enum err heap_restore_object(struct heap *h, obj_id id, enum heap_kind kind, struct label label, struct why *why)
{
    slot_t slot = id & SLOT_MAX;
    struct object *o;
    uint32_t base, words;
    enum err e;

    if ((e = shape_base(h, label, &base, why)) != ERR_OK)
        return e;
    if ((o = find_cell(h, id, kind)) == NULL)
        return why_set(why, ERR_BAD_VALUE, "object %llu cannot have been where its id says", (unsigned long long)id);
    words = pool_words(&h->pools, slot);
    memset(o->word, 0, (words - OBJECT_HEADER_WORDS) * sizeof *o->word);
    pools_restore_cell(&h->pools, slot);
    object_begin(h, slot, (enum object_kind)kind, words, base);
    object_born(h, slot, (enum object_kind)kind);
    return kind == HEAP_BYTES ? give_payload(h, id, why) : ERR_OK;
}

/* ---- deaths ---- */

enum err heap_restore_dead(struct heap *h, uint32_t pool, const uint64_t *cells, struct why *why)
{
    if (pool >= h->pools.restore_end || !pool_is_objects(&h->pools, pool))
        return why_set(why, ERR_BAD_VALUE, "nothing can have died in pool %u", pool);
    for (uint32_t place = 0; (place = bits_next(cells, place, POOL_CELLS)) < POOL_CELLS; place++) {
        slot_t slot = pool << POOL_SHIFT | place;

        if (object_at(h, slot)->state != STATE_LIVE)
            return why_set(why, ERR_BAD_VALUE, "there was no object in cell %u to die", slot);
        h->unburied_refs += ref_count(h, slot) - 1;
        ref_kill(h, slot);
        object_set_next_dead(object_at(h, slot), h->unburied);
        h->unburied = slot;
    }
    return ERR_OK;
}

/* A link of one of them to one of them. */
static void count_inner(void *ctx, slot_t target)
{
    struct heap *h = ctx;

    if (object_at(h, target)->state == STATE_DEAD)
        h->unburied_refs--;
}

/* All that refers to the dead is dead with them. */
static bool are_left_by_all(struct heap *h)
{
    for (slot_t slot = h->unburied; slot != 0; slot = object_next_dead(object_at(h, slot))) {
        struct edge_scan scan;

        heap_open_scan(h, &scan, slot);
        (void)heap_scan(h, &scan, SIZE_MAX, count_inner, h);
        heap_close_scan(h, &scan);
    }
    return h->unburied_refs == 0;
}

/* None is free before all have let go: they may link to each other. */
enum err heap_restore_bury(struct heap *h, struct why *why)
{
    slot_t first = h->unburied;

    if (!are_left_by_all(h))
        return why_set(why, ERR_BAD_VALUE, "some that are said to have died are kept by others");
    for (slot_t slot = first; slot != 0; slot = object_next_dead(object_at(h, slot)))
        CHECK(object_release_contents(h, slot, SIZE_MAX) > 0);
    while (h->unburied != 0) {
        slot_t slot = h->unburied;

        h->unburied = object_next_dead(object_at(h, slot));
        object_free(h, slot);
    }
    return ERR_OK;
}

/* ---- the end ---- */

/* Turns of this pool have run out, of which cells is not known: those that may be it are never used again. */
static void retire_worn(struct heap *h, uint32_t n)
{
    for (slot_t slot = n << POOL_SHIFT; slot < (n + 1) << POOL_SHIFT; slot++) {
        struct object *o = object_at(h, slot);

        if (o->state != STATE_FREE || object_turn(o) < OBJECT_TURN_MAX)
            continue;
        o->state = STATE_RETIRED;
        pools_restore_cell(&h->pools, slot);
        pool_retire(&h->pools, slot);
    }
}

static void end_pools(struct heap *h)
{
    for (uint32_t n = 1; n < h->pools.restore_end; n++)
        if (pool_is_objects(&h->pools, n) && h->pools.pool[n].turn_max > OBJECT_TURN_MAX)
            retire_worn(h, n);
    pools_restore_end(&h->pools);
}

size_t heap_restore_end(struct heap *h, slot_t *cursor, size_t units)
{
    while (units > 0) {
        obj_id id = heap_next_object(h, cursor, units);

        if (id != 0)
            heap_release(h, id);
        else if (*cursor == 0)
            break;
        units--;
    }
    if (units > 0)
        end_pools(h);
    return units;
}
