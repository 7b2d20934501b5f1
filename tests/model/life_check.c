/* life_check.c - everything that the real heap and the naive one must agree on, at any time and at rest. */
#include "tests/model/life_impl.h"
#include <stdio.h>

/* ---- at any time ---- */

void check_safety(struct life *life)
{
    gc_learn(life);
    AGREE(life, naive_reach(&life->naive) == NAIVE_NONE, "a dead object is held");
    for (uint32_t a = 0; a < life->naive.alive_count; a++) {
        uint32_t i = life->naive.alive[a];

        AGREE(life, !naive_is_reached(&life->naive, i) || heap_has(life->heap, naive_of(life, i)->id),
              "object %" PRIu64 " (number %u) is held and dead", naive_of(life, i)->id, i);
    }
}

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "\n%s", sentence);
}

void check_rules(struct life *life)
{
    AGREE(life, heap_validate(life->heap, tell, NULL) == 0, "the rules above are broken");
}

/* ---- at rest ---- */

static void come_to_rest(struct life *life)
{
    do {
        life_drain(life);
        if (life->mode == LIFE_STOP)
            naive_settle(&life->naive);
        gc_quiet(life);
    } while (gc_has_work(life->gc) || heap_counters(life->heap)->doomed > 0);
    life_hear(life);
    gc_learn(life);
}

/* What nothing reached may have died without being asked for. */
static void learn_deaths(struct life *life)
{
    for (uint32_t a = life->naive.alive_count; a-- > 0;) {
        uint32_t i = life->naive.alive[a];

        if (!heap_has(life->heap, naive_of(life, i)->id))
            life_learn_dead(life, i);
    }
}

/* When there was something between two operations, only the real heap knows who became how old. */
static void learn_generation(struct life *life, uint32_t i, const struct object_info *info)
{
    struct naive_object *o = naive_of(life, i);

    AGREE(life, !info->frozen || o->generation == NAIVE_FROZEN || i >= life->frozen_below,
          "object %" PRIu64 " is frozen and should not be", o->id);
    AGREE(life, info->frozen || o->generation != NAIVE_FROZEN, "object %" PRIu64 " should be frozen and is not", o->id);
    o->generation = info->frozen ? NAIVE_FROZEN : info->generation;
}

static void compare_object(struct life *life, uint32_t i)
{
    const struct naive_object *o = naive_of(life, i);
    bool tracked = o->kind != HEAP_BYTES, frozen;
    struct object_info info;

    AGREE(life, heap_info(life->heap, o->id, &info, NULL) == ERR_OK, "object %" PRIu64 " (number %u) is not alive", o->id, i);
    AGREE(life, info.refs == o->refs, "object %" PRIu64 " (number %u) counts %" PRIu64 " references, not %" PRIu64, o->id, i,
          info.refs, o->refs);
    AGREE(life, info.weak_refs == o->weak_refs, "object %" PRIu64 " counts %" PRIu64 " weak references, not %" PRIu64, o->id,
          info.weak_refs, o->weak_refs);
    AGREE(life, o->refs > 0, "object %" PRIu64 " lives and nothing holds it", o->id);
    if (tracked && life->mode != LIFE_STOP)
        learn_generation(life, i, &info);
    frozen = tracked && o->generation == NAIVE_FROZEN;
    AGREE(life, info.frozen == frozen && info.generation == (tracked && !frozen ? o->generation : -1),
          "object %" PRIu64 " is of generation %d, not %d", o->id, info.generation, o->generation);
}

static void compare_objects(struct life *life)
{
    naive_count(&life->naive);
    for (uint32_t a = 0; a < life->naive.alive_count; a++)
        compare_object(life, life->naive.alive[a]);
}

/* Every id ever given: it is alive, or it was collected. */
static void compare_ids(struct life *life)
{
    for (uint32_t i = 0; i < life->naive.count; i++) {
        const struct naive_object *o = naive_of(life, i);
        enum err e = heap_check(life->heap, o->id, NULL), expected = o->dead ? ERR_COLLECTED : ERR_OK;

        AGREE(life, e == expected, "object %" PRIu64 " (number %u): %s, not %s", o->id, i, err_name(e), err_name(expected));
    }
}

static void compare_contents(struct life *life)
{
    for (uint32_t a = 0; a < life->naive.alive_count; a++)
        values_compare(life, life->naive.alive[a]);
}

/* The walk over the heap meets everyone once. */
static void compare_walk(struct life *life)
{
    uint32_t met = 0;
    slot_t slot = 0;

    do {
        obj_id id = heap_next_object(life->heap, &slot, 1 + roll(life, 5000));
        uint32_t i = id != 0 ? naive_find(&life->naive, id) : NAIVE_NONE;

        AGREE(life, id == 0 || (i != NAIVE_NONE && !naive_of(life, i)->dead), "the walk met object %" PRIu64, id);
        met += id != 0;
    } while (slot != 0);
    AGREE(life, met == life->naive.alive_count, "the walk met %u objects, not %u", met, life->naive.alive_count);
}

static void count_values(const struct naive_object *o, uint64_t *links, uint64_t *weak_links)
{
    for (uint32_t p = 0; p < o->part_count; p++) {
        *links += o->parts[p].value.kind == VALUE_LINK;
        *weak_links += o->parts[p].value.kind == VALUE_WEAK;
    }
}

static void compare_statistics(struct life *life)
{
    const struct naive *n = &life->naive;
    uint64_t links = 0, weak_links = 0, tracked = 0;
    struct heap_stats s;

    for (uint32_t a = 0; a < n->alive_count; a++) {
        count_values(naive_of(life, n->alive[a]), &links, &weak_links);
        tracked += naive_of(life, n->alive[a])->kind != HEAP_BYTES;
    }
    heap_stats(life->heap, &s);
    AGREE(life, s.objects == n->alive_count && s.tracked == tracked, "%" PRIu64 " objects, %" PRIu64 " tracked; not %u and %" PRIu64,
          s.objects, s.tracked, n->alive_count, tracked);
    AGREE(life, s.links == links && s.weak_links == weak_links, "%" PRIu64 " links, %" PRIu64 " weak; not %" PRIu64 " and %" PRIu64,
          s.links, s.weak_links, links, weak_links);
    AGREE(life, s.created - life->worn_ids == n->count, "%" PRIu64 " objects were made, not %u", s.created,
          n->count);
    AGREE(life, s.freed_by_refcount + s.freed_by_collector - life->worn_ids == n->count - n->alive_count,
          "the dead do not add up");
    AGREE(life, s.doomed == 0 && s.doomed_bytes == 0, "%" PRIu64 " dead objects have not returned their memory", s.doomed);
}

static void compare_notices(struct life *life)
{
    hold_take_notices(life, SIZE_MAX);
    for (uint32_t w = 0; w < NAIVE_WEAK_NAMES; w++)
        AGREE(life, !life->naive.weak_names[w].notice, "the death behind weak name %u was never told", w);
}

static void collect_this_and_that(struct life *life)
{
    if (one_in(life, 3))
        gc_collect_exactly(life, (int)roll(life, 2), one_in(life, 3));
    if (one_in(life, 3))
        gc_collect_exactly(life, 2, true);
    gc_collect_exactly(life, 2, false);
}

void life_rest(struct life *life)
{
    life->op_name = "rest";
    come_to_rest(life);
    learn_deaths(life);
    tidy_at_rest(life);
    compare_objects(life);
    collect_this_and_that(life);
    compare_ids(life);
    compare_objects(life);
    compare_contents(life);
    compare_walk(life);
    compare_statistics(life);
    compare_notices(life);
    hold_compare(life);
    gc_compare(life);
    check_rules(life);
    journal_compare(life);
}
