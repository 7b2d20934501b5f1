/*
 * life_tidy.c - operations of a random life on memory: packing, purging, time, and deaths in bulk that leave pools sparse.
 *
 * Nobody who uses the heap may notice that it was tidied: what lives, what it holds, what it counts and what an id says
 * stay as they were, in the middle of a collection too.
 */
#include "heap/heap_impl.h"
#include "tests/model/life_values.h"
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 100000 /* of packing or purging without an end */

/* ---- tidying ---- */

static void random_tidy(struct life *life)
{
    static const uint32_t decays[] = {0, 0, 1, 30, 1000}, pcts[] = {0, 10, 25, 50, 90, 100, 100};
    struct heap_tidy tidy = {.purge_decay_ms = decays[roll(life, ARRAY_LEN(decays))],
                             .pack_used_pct = pcts[roll(life, ARRAY_LEN(pcts))]};

    heap_set_tidy(life->heap, &tidy);
}

/* Whoever has a timer sets it to these: it must not go off for nothing. */
static void pack(struct life *life, size_t units)
{
    size_t left = heap_pack(life->heap, units);

    AGREE(life, left <= units, "packing gave back more units than it got");
    AGREE(life, left == 0 || heap_pack_at_ms(life->heap) > life->heap_ms, "packing had nothing left to do and is due");
}

static void purge(struct life *life, size_t units)
{
    size_t left = heap_purge(life->heap, units);

    AGREE(life, left <= units, "purging gave back more units than it got");
    AGREE(life, left == 0 || heap_purge_at_ms(life->heap) > life->heap_ms, "purging had nothing left to do and is due");
}

/* Any that ever was. */
static void compare_some_ids(struct life *life)
{
    for (int n = 0; n < 6 && life->naive.count > 0; n++) {
        uint32_t i = roll(life, life->naive.count);
        enum err e = heap_check(life->heap, naive_of(life, i)->id, NULL);

        AGREE(life, e == ERR_COLLECTED || (e == ERR_OK && !naive_of(life, i)->dead), "object %" PRIu64 " (number %u): %s",
              naive_of(life, i)->id, i, err_name(e));
        if (e == ERR_COLLECTED)
            life_learn_dead(life, i);
    }
    for (int n = 0; n < LIFE_WORN; n++)
        AGREE(life, life->worn[n] == 0 || heap_check(life->heap, life->worn[n], NULL) == ERR_COLLECTED,
              "id %" PRIu64 " was collected long ago", life->worn[n]);
}

/* A life is too small to waste enough, or to use pool numbers up: say that it does. */
static void make_it_due(struct life *life)
{
    if (roll(life, 4) != 0)
        heap_tidy_now(life->heap);
    else
        life->heap->pools.numbers_reserve = one_in(life, 4) ? POOLS_MAX : 0;
}

static void pass_heap_time(struct life *life)
{
    life->heap_ms += roll(life, one_in(life, 8) ? 2000 : 4);
    heap_tell_time(life->heap, life->heap_ms);
}

void tidy_a_little(struct life *life)
{
    if (life->habits.tidies == 0 || !one_in(life, life->habits.tidies))
        return;
    if (one_in(life, 4))
        pass_heap_time(life);
    if (one_in(life, 16))
        make_it_due(life);
    pack(life, 1 + roll(life, 12));
    if (one_in(life, 3))
        purge(life, 1 + roll(life, 4));
}

/* What counts what is there, not where. */
struct facts {
    uint64_t objects, links, weak_links, roots, created, freed, fell, doomed;
};

static struct facts facts_of(const struct life *life)
{
    const struct heap_stats *s = heap_counters(life->heap);

    return (struct facts){s->objects,      s->links, s->weak_links, s->roots, s->created, s->freed_by_refcount + s->freed_by_collector,
                          s->fell_nonzero, s->doomed};
}

/* Much of it at once, with memory refused perhaps: it needs some itself. */
static void tidy_op(struct life *life)
{
    struct facts before = facts_of(life), after;

    if (one_in(life, 4))
        random_tidy(life);
    pass_heap_time(life);
    if (roll(life, 2) == 0)
        make_it_due(life);
    life_may_refuse(life);
    for (uint32_t rounds = roll(life, 20); rounds > 0; rounds--) {
        pack(life, 1 + roll(life, one_in(life, 8) ? 20000 : 60));
        if (one_in(life, 3))
            purge(life, 1 + roll(life, 40));
    }
    life_must_not_refuse(life);
    after = facts_of(life);
    AGREE(life, memcmp(&before, &after, sizeof before) == 0, "tidying changed what is in the heap");
    compare_some_ids(life);
}

/* Everything that waits, whatever the decay; sometimes to the last. */
void tidy_at_rest(struct life *life)
{
    uint32_t rounds = 0;

    if (life->habits.tidies == 0 || one_in(life, 3))
        return;
    life->heap->pools.numbers_reserve = 0;
    heap_tidy_now(life->heap);
    while (heap_pack(life->heap, 1000) == 0)
        AGREE(life, rounds++ < ROUNDS_MAX, "packing does not come to an end");
    while (heap_purge(life->heap, 1000) == 0)
        AGREE(life, rounds++ < ROUNDS_MAX, "purging does not come to an end");
    AGREE(life, heap_pack_at_ms(life->heap) == UINT64_MAX && heap_purge_at_ms(life->heap) == UINT64_MAX,
          "all is tidied, and something waits");
    compare_some_ids(life);
}

/* ---- turns ---- */

#define WORN_SLOTS (1u << 16)
#define USED_UP 12u /* slots at least */

static obj_id wear_one(struct life *life, obj_id *last)
{
    static const struct label label = {{"worn", 4}, {NULL, 0}};
    obj_id id;

    CHECK(heap_new_record(life->heap, label, NULL, 0, &id, NULL) == ERR_OK);
    life->worn_ids++;
    AGREE(life, (id & SLOT_MAX) < WORN_SLOTS && id > last[id & SLOT_MAX], "id %" PRIu64 " was used before", id);
    last[id & SLOT_MAX] = id;
    return id;
}

static void drop_worn(struct life *life, obj_id id)
{
    heap_release(life->heap, id);
    (void)heap_reap(life->heap, 2);
}

static void remember_worn(struct life *life, const obj_id *last)
{
    uint32_t n = 0;

    for (uint32_t slot = 0; slot < WORN_SLOTS && n < LIFE_WORN; slot++)
        if (last[slot] >> SLOT_BITS > OBJECT_TURN_MAX / 2)
            life->worn[n++] = last[slot];
}

/* Use up the turns of some slots (slot.h): others of the pool are taken meanwhile, so that the same few are used again
 * and again; then those are given back, and slots are retired during the life. Ids of a slot must keep growing. */
void tidy_wear_few(struct life *life)
{
    static obj_id crew[POOL_CELLS];
    obj_id *last = calloc(WORN_SLOTS, sizeof *last);
    uint32_t crews = POOL_CELLS - 2 - roll(life, USED_UP), left = roll(life, 3);

    CHECK(last != NULL);
    for (uint32_t i = 0; i < crews; i++)
        crew[i] = wear_one(life, last);
    for (uint32_t used = 0; used < USED_UP * (OBJECT_TURN_MAX - left); used++) {
        drop_worn(life, wear_one(life, last));
        if (used % 512 == 0)
            tidy_a_little(life);
    }
    for (uint32_t i = 0; i < crews; i++)
        drop_worn(life, crew[i]);
    remember_worn(life, last);
    free(last);
}

/* All slots of some pools, so that pools come to their ends too. */
void tidy_wear_many(struct life *life)
{
    obj_id *last = calloc(WORN_SLOTS, sizeof *last);

    CHECK(last != NULL);
    for (uint32_t i = 0; i < OBJECT_TURN_MAX * POOL_CELLS - 2000; i++)
        drop_worn(life, wear_one(life, last));
    remember_worn(life, last);
    free(last);
}

/* ---- deaths in bulk ---- */

/* A list loses most of its items, here and there: their pools stay, nearly empty. In LIFE_STOP too, the consequences are
 * drawn at the end, since they are the same. */
static void thin_out(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST), keep_one_in = 2 + roll(life, 30);

    if (list == NAIVE_NONE || naive_of(life, list)->dead || naive_of(life, list)->part_count < 30)
        return;
    for (uint32_t at = naive_of(life, list)->part_count; at-- > 0 && heap_has(life->heap, life_id(life, list));) {
        if (one_in(life, keep_one_in) || at >= naive_of(life, list)->part_count)
            continue; /* breathing, somebody else may have taken some */

        enum err e = heap_delete_item(life->heap, life_id(life, list), at, NULL);

        if (!life_judge(life, e, list, NULL, 0))
            break;
        naive_delete(&life->naive, list, at);
        if (at % 16 == 0 && life->mode != LIFE_STOP)
            gc_breathe(life);
    }
    life_settle(life);
}

/* What holds from outside lets go of most at once. */
static void forget_most(struct life *life)
{
    if (life->naive.alive_count < life->habits.objects || !one_in(life, 4))
        return;
    for (uint32_t a = life->naive.alive_count; a-- > 0;) {
        uint32_t i = a < life->naive.alive_count ? life->naive.alive[a] : NAIVE_NONE;

        if (i != NAIVE_NONE && naive_of(life, i)->own_refs > 0 && roll(life, 8) != 0)
            while (naive_of(life, i)->own_refs > 0)
                hold_give(life, i);
    }
    hold_forget_most(life);
    life_settle(life);
}

/* An id that a slot will have one day is no object yet. */
static void ask_for_the_future(struct life *life)
{
    uint32_t i = life->naive.count == 0 ? NAIVE_NONE : roll(life, life->naive.count);
    uint64_t turns = 1 + roll(life, one_in(life, 3) ? 5000 : 3);
    obj_id id = life_id(life, i) + (turns << SLOT_BITS);

    if (i == NAIVE_NONE || naive_find(&life->naive, id) != NAIVE_NONE)
        return;
    AGREE(life, !heap_has(life->heap, id), "id %" PRIu64 " answers and was never given", id);
}

const struct op tidy_ops[] = {
    {"tidy", tidy_op, 8, 0, false},
    {"thin out a list", thin_out, 3, -1, false},
    {"forget most", forget_most, 2, -1, false},
    {"ask for the future", ask_for_the_future, 2, 0, false},
};
const size_t tidy_op_count = ARRAY_LEN(tidy_ops);
