/*
 * reach.c - see reach.h.
 *
 * Every look at the table goes to a random place in it, and so does every look at an object: the links of some objects are
 * gathered, and their places fetched, before anything is done about the first (as gc/links.h does).
 */
#include "heap/graph/reach_impl.h"
#include "heap/heap_impl.h"
#include "heap/slot.h"

#define WORDS_PER_UNIT 4

/* ---- what waits ---- */

static void level_push(struct level *l, slot_t slot)
{
    if (l->count < REACH_QUEUE_MAX && l->rest.count == 0)
        l->queue[l->count++] = slot;
    else
        slotset_add(&l->rest, slot);
}

static bool level_is_empty(const struct level *l)
{
    return l->count == 0 && l->taken == 0 && l->rest.count == 0;
}

/* 0: none; or, if it is not empty, none yet: call again. */
static slot_t level_pop(struct level *l)
{
    slot_t slot;

    if (l->count > 0)
        return l->queue[--l->count];
    if (l->taken == 0 && l->rest.count > 0)
        l->group = slotset_take_group(&l->rest, l->group, &l->taken);
    if (l->taken == 0)
        return 0;
    slot = l->group + (slot_t)__builtin_ctzll(l->taken);
    l->taken &= l->taken - 1;
    return slot;
}

void reach_push(struct reach *r, slot_t slot)
{
    level_push(&r->level[!r->now], slot);
}

/* ---- what is found ---- */

static void note_holder(struct reach *r, origin_t by)
{
    bool again = r->holder_count > 0 && r->holder[r->holder_count - 1] == by; /* by another of its links */

    if (r->holder_count < r->holders_max && !again)
        r->holder[r->holder_count++] = by;
}

static void retain(struct reach *r, slot_t slot)
{
    slotset_add(&r->noted, slot);
    r->objects++;
    r->bytes += heap_bytes_of(r->heap, slot);
}

void reach_act_on_links(struct reach *r)
{
    for (uint32_t i = 0; i < r->link_count; i++) {
        origin_t *from = &r->from[r->link[i].target];

        if (*from == origin(REACHED_TARGET, 0))
            note_holder(r, r->link[i].by);
        if (*from != 0)
            continue;
        *from = r->link[i].by;
        if (r->phase == REACH_RETAINED)
            retain(r, r->link[i].target);
        reach_push(r, r->link[i].target);
    }
    r->link_count = 0;
}

/* ---- LINKS ---- */

bool reach_is_there(const struct reach *r, slot_t slot)
{
    const struct heap *h = r->heap;

    return slot < r->end && pool_is_objects(&h->pools, pool_of(slot)) &&
           bits_has(h->pools.used, slot) && heap_is_alive(h, slot);
}

static void visit(void *ctx, slot_t target)
{
    struct reach *r = ctx;

    reach_found(r, target, origin(REACHED_BY_OBJECT, r->scan.slot));
}

/* One whose values lie elsewhere, and may be many: its scan stays open if the units run out. */
static size_t look_through_other(struct reach *r, slot_t slot, size_t units)
{
    uint32_t cost = 1 + RECORD_SLOTS_MAX / WORDS_PER_UNIT;

    heap_open_scan(r->heap, &r->scan, slot);
    units = heap_scan(r->heap, &r->scan, units > 0 ? units : 1, visit, r);
    return units_less(units, cost);
}

static size_t look_through(struct reach *r, slot_t slot, size_t units)
{
    const struct object *o;
    uint32_t values, cost;

    if (!reach_is_there(r, slot) || (o = object_at(r->heap, slot))->kind == KIND_BYTES)
        return units_less(units, 1);
    if (!object_is_inline(o))
        return look_through_other(r, slot, units);
    values = pool_words(&r->heap->pools, slot) - OBJECT_HEADER_WORDS;
    for (uint32_t i = 0; i < values; i++)
        if (word_tag(o->word[i]) == WORD_LINK)
            reach_found(r, word_payload(o->word[i]), origin(REACHED_BY_OBJECT, slot));
    cost = 1 + values / WORDS_PER_UNIT;
    return units_less(units, cost);
}

/* Some of those that wait; their cells are fetched. */
static uint32_t take_some(struct reach *r, slot_t slots[REACH_AHEAD], size_t units)
{
    uint32_t count = 0, most = units < REACH_AHEAD ? (uint32_t)units : REACH_AHEAD;

    for (slot_t slot; count < most && (slot = level_pop(&r->level[r->now])) != 0; slots[count++] = slot)
        if (pool_is_objects(&r->heap->pools, pool_of(slot)) && !pool_is_packed(&r->heap->pools, pool_of(slot)))
            __builtin_prefetch(pool_cell(&r->heap->pools, slot));
    return count;
}

/* Those that cannot be looked through now, behind one with many parts, wait again. */
static size_t look_through_some(struct reach *r, size_t units)
{
    slot_t slots[REACH_AHEAD];
    uint32_t count = take_some(r, slots, units);

    if (count == 0)
        return units_less(units, SLOTSET_LOOKS); /* there are some, and none where it looked */
    for (uint32_t i = 0; i < count; i++) {
        if (r->scan.slot == 0)
            units = look_through(r, slots[i], units);
        else
            level_push(&r->level[r->now], slots[i]);
    }
    return units;
}

/* The scan of an object that died is closed. */
size_t reach_links(struct reach *r, size_t units)
{
    while (units > 0 && !reach_has_enough(r)) {
        if (r->scan.slot != 0)
            units = heap_scan(r->heap, &r->scan, units, visit, r);
        else if (!level_is_empty(&r->level[r->now]))
            units = look_through_some(r, units);
        else if (reach_act_on_links(r), level_is_empty(&r->level[!r->now]))
            break;
        else
            r->now = !r->now;
    }
    reach_act_on_links(r);
    return units;
}

/* ---- BEHIND ---- */

static void reach_behind(struct reach *r, slot_t slot)
{
    if (r->from[slot] != 0 || !reach_is_there(r, slot))
        return;
    r->from[slot] = origin(REACHED_BEHIND, 0);
    r->passed = true;
    reach_push(r, slot);
}

/* What gained a reference before it was reached, and has not been reached since; then what that reaches. */
static size_t step_behind(struct reach *r, size_t units)
{
    while (units > 0 && !reach_has_enough(r)) {
        if ((units = reach_links(r, units)) == 0 || r->noted.count == 0)
            return units;

        uint64_t members;
        slot_t group = slotset_take_group(&r->noted, 0, &members);

        for (; members != 0; members &= members - 1)
            reach_behind(r, group + (slot_t)__builtin_ctzll(members));
        units--;
    }
    return units;
}

static size_t forget_noted(struct reach *r, size_t units)
{
    for (uint32_t pool = 0; units > 0 && r->noted.count > 0; units--) {
        pool = bits_next(r->noted.pools, pool, r->noted.pool_end);
        slotset_clear_pool(&r->noted, pool);
    }
    return units;
}

/* ---- what the heap tells ---- */

static void on_born(void *ctx, slot_t slot, enum object_kind kind)
{
    struct reach *r = ctx;

    (void)kind;
    if (slot < r->end)
        r->from[slot] = origin(REACHED_NEWBORN, 0);
}

static void note_gain(struct reach *r, slot_t slot)
{
    if (slot == r->target)
        r->target_gained = true;
    else if (slot < r->end && r->from[slot] == 0)
        slotset_add(&r->noted, slot);
}

static void on_counted(void *ctx, slot_t slot, bool gained)
{
    struct reach *r = ctx;

    if (r->phase < REACH_SETTLE) {
        if (gained)
            note_gain(r, slot);
    } else if (r->phase > REACH_SETTLE && slot < r->end) {
        bool was_noted = slotset_has(&r->noted, slot);

        r->changed |= was_noted && (!gained || r->phase == REACH_RETAINED);
        r->passed_late |= !was_noted && gained && r->from[slot] == 0;
    }
}

static void on_dying(void *ctx, slot_t slot)
{
    struct reach *r = ctx;

    if (r->phase >= REACH_OVER && slot < r->end && slotset_has(&r->noted, slot))
        r->changed = true;
}

static void on_changing(void *ctx, slot_t slot)
{
    struct reach *r = ctx;

    r->changed |= slot < r->end && slot != r->target && slotset_has(&r->noted, slot);
}

void reach_watch_changes(struct reach *r)
{
    heap_remove_watch(r->heap, &r->watch);
    r->watch.changing = on_changing;
    heap_add_watch(r->heap, &r->watch);
}

/* ---- life ---- */

enum err reach_begin(struct heap *h, const struct reach_outside *outside, obj_id target, uint32_t holders_max,
                     struct reach **ret, struct why *why)
{
    struct reach *r;
    slot_t slot;
    enum err e = slot_find(h, target, &slot, why);

    if (e != ERR_OK)
        return e;
    if ((r = mem_zalloc(h->mem, sizeof *r + holders_max * sizeof r->holder[0])) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin a walk");
    r->magic = REACH_MAGIC;
    r->heap = h;
    r->outside = outside;
    r->target = slot;
    r->end = h->pools.pool_end << POOL_SHIFT;
    r->scopes_done = UINT64_MAX;
    r->holders_max = holders_max;
    r->watch = (struct heap_watch){.ctx = r, .born = on_born, .counted = on_counted, .dying = on_dying};
    reach_next_source(r);
    if (!reach_open_tables(r)) {
        size_t bytes = reach_table_bytes(r);

        reach_close(r);
        return why_set(why, ERR_NOMEM, "no memory to walk the heap: it takes %zu bytes", bytes);
    }
    r->from[slot] = origin(REACHED_TARGET, 0);
    heap_add_watch(h, &r->watch);
    *ret = r;
    return ERR_OK;
}

size_t reach_step(struct reach *r, size_t units)
{
    CHECK_IS(r, REACH_MAGIC);
    CHECK(!r->ended && r->heap->undo == NULL);
    if (r->phase == REACH_OPEN && (units = reach_fetch_tables(r, units)) > 0)
        r->phase = REACH_OUTSIDE;
    if (r->phase == REACH_OUTSIDE && (units = reach_step_outside(r, units)) > 0)
        r->phase = REACH_LINKS;
    if (r->phase == REACH_LINKS && (units = reach_links(r, units)) > 0)
        r->phase = r->holder_count > 0 ? REACH_SETTLE : REACH_BEHIND;
    if (r->phase == REACH_BEHIND && (units = step_behind(r, units)) > 0)
        r->phase = REACH_SETTLE;
    if (r->phase == REACH_SETTLE && (units = forget_noted(r, units)) > 0)
        r->phase = REACH_OVER;
    return units;
}

uint32_t reach_holders(const struct reach *r)
{
    CHECK(r->phase >= REACH_OVER);
    return r->holder_count;
}

bool reach_is_lost(const struct reach *r)
{
    CHECK(r->phase >= REACH_OVER);
    return r->holder_count == 0 && r->target_gained;
}

bool reach_was_passed(const struct reach *r)
{
    CHECK(r->phase >= REACH_OVER);
    return r->passed;
}

size_t reach_end(struct reach **at, size_t units)
{
    struct reach *r = *at;

    if (r == NULL)
        return units;
    CHECK_IS(r, REACH_MAGIC);
    if (!r->ended) {
        heap_close_scan(r->heap, &r->scan);
        heap_remove_watch(r->heap, &r->watch);
        r->ended = true;
    }
    if ((units = reach_trim_tables(r, units)) == 0)
        return 0;
    reach_close(r);
    *at = NULL;
    return units;
}
