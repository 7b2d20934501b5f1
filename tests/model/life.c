/* life.c - see life.h. */
#include "tests/model/life_impl.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void life_fail(struct life *life, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "\n%s, op %" PRIu64 " (%s): ", life->name, life->op, life->op_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

uint64_t life_op(const struct life *life)
{
    return life->op;
}

bool life_is_over(const struct life *life)
{
    return dice_is_over(&life->dice);
}

/* ---- beginning and end ---- */

static void on_dying(void *ctx, slot_t slot)
{
    struct life *life = ctx;

    if (life->dying_count == life->dying_room) {
        life->dying_room = life->dying_room == 0 ? 64 : 2 * life->dying_room;
        life->dying = realloc(life->dying, life->dying_room * sizeof *life->dying);
        CHECK(life->dying != NULL);
    }
    life->dying[life->dying_count++] = heap_id(life->heap, slot);
}

static void on_condemned(void *ctx, uint32_t pool, const uint64_t cells[POOL_CELLS / 64])
{
    for (uint32_t place = bits_next(cells, 0, POOL_CELLS); place < POOL_CELLS;
         place = bits_next(cells, place + 1, POOL_CELLS))
        on_dying(ctx, pool << POOL_SHIFT | place);
}

/* The references of the life's own. */
static void on_recount(void *ctx, void (*count)(void *to, slot_t slot), void *to)
{
    struct life *life = ctx;

    for (uint32_t a = 0; a < life->naive.alive_count; a++) {
        const struct naive_object *o = naive_of(life, life->naive.alive[a]);

        for (uint64_t n = o->own_refs; n > 0; n--)
            count(to, heap_slot(life->heap, o->id));
    }
}

static void choose_habits(struct life *life)
{
    static const uint32_t sizes[] = {12, 60, 200, 500}, items[] = {8, 40, 300, 1500}, steps[] = {2, 8, 30, 100};
    static const uint32_t tidies[] = {0, 1, 2, 8};
    struct habits *h = &life->habits;

    h->objects = sizes[roll(life, ARRAY_LEN(sizes))];
    h->list_items = items[roll(life, ARRAY_LEN(items))];
    h->steps = steps[roll(life, ARRAY_LEN(steps))];
    h->links_pct = 25 + roll(life, 60);
    h->many = one_in(life, 4);
    h->wide = one_in(life, 3);
    h->reaps = one_in(life, 3);
    h->automatic = roll(life, 3) != 0;
    h->refuses = one_in(life, 4);
    h->freezes = roll(life, 2) == 0;
    h->saves = roll(life, 2) == 0;
    h->tidies = tidies[roll(life, ARRAY_LEN(tidies))];
    h->check_every = life->paranoid || (h->objects < 100 && !h->many && one_in(life, 4)) ? 1 : h->objects < 100 ? 100 : 400;
    h->rest_every = 600 + roll(life, 3000);
}

/* Not of a life that bytes decide: it is lived a thousand times a second. */
static void wear_slots(struct life *life)
{
    uint32_t how = life->dice.bytes == NULL ? roll(life, 320) : 0;

    if (how == 319)
        tidy_wear_many(life);
    else if (how > 280)
        tidy_wear_few(life);
}

struct life *life_begin(struct dice dice, enum life_mode mode, bool paranoid, const char *name)
{
    struct life *life = calloc(1, sizeof *life);

    CHECK(life != NULL);
    life->dice = dice;
    life->mode = mode;
    life->paranoid = paranoid;
    life->name = name;
    life->op_name = "begin";
    life->frozen_below = UINT32_MAX;
    choose_habits(life);
    values_begin(life);
    naive_init(&life->naive);
    mem_init(&life->mem, 0);
    CHECK(heap_create(&life->mem, UINT64_C(0x5eed) + roll(life, 256), &life->heap) == ERR_OK);
    journal_begin(life);
    CHECK(gc_create(life->heap, &life->gc) == ERR_OK);
    CHECK(session_set_create(life->heap, &life->sessions) == ERR_OK);
    wear_slots(life);
    life->watch = (struct heap_watch){.ctx = life, .dying = on_dying, .condemned = on_condemned, .recount = on_recount};
    heap_add_watch(life->heap, &life->watch);
    hold_begin(life);
    form_begin(life);
    gc_random_tuning(life);
    return life;
}

void life_end(struct life **at)
{
    struct life *life = *at;
    bool sessions_first = roll(life, 2) == 0;

    *at = NULL;
    life->op_name = "end";
    hold_end(life);
    form_end(life);
    journal_end(life);
    heap_remove_watch(life->heap, &life->watch);
    if (sessions_first)
        session_set_destroy(&life->sessions);
    gc_destroy(&life->gc);
    session_set_destroy(&life->sessions);
    heap_destroy(&life->heap);
    AGREE(life, life->mem.used_bytes == 0, "%zu bytes leaked", life->mem.used_bytes);
    mem_fini(&life->mem);
    naive_fini(&life->naive);
    free(life->dying);
    free(life);
}

/* ---- picking ---- */

obj_id life_id(struct life *life, uint32_t i)
{
    static const obj_id never[] = {0, 1, SLOT_MAX, ID_MAX, UINT64_MAX, 5ull << SLOT_BITS | SLOT_MAX};

    return i == NAIVE_NONE ? never[life->op % ARRAY_LEN(never)] : naive_of(life, i)->id;
}

uint32_t life_pick_alive(struct life *life)
{
    uint32_t count = life->naive.alive_count;

    return count == 0 ? NAIVE_NONE : life->naive.alive[roll(life, count)];
}

uint32_t life_pick(struct life *life)
{
    if (one_in(life, 40))
        return one_in(life, 4) || life->naive.count == 0 ? NAIVE_NONE : roll(life, life->naive.count);
    return life_pick_alive(life);
}

uint32_t life_pick_kind(struct life *life, enum heap_kind kind)
{
    uint32_t scanned = roll(life, 2) == 0 ? gc_looked_at(life) : NAIVE_NONE;

    if (scanned != NAIVE_NONE && naive_of(life, scanned)->kind == kind)
        return scanned;
    for (int tries = 0; tries < 12; tries++) {
        uint32_t i = life_pick(life);

        if (i != NAIVE_NONE && naive_of(life, i)->kind == kind)
            return i;
    }
    return NAIVE_NONE;
}

/* ---- memory that is refused ---- */

void life_may_refuse(struct life *life)
{
    life->refused = life->habits.refuses && one_in(life, 8);
    if (!life->refused)
        return;
    life->mem.fail_at = life->mem.request_count + 1 + roll(life, 5);
    life->mem.fail_on = roll(life, 2) == 0;
}

void life_must_not_refuse(struct life *life)
{
    life->mem.fail_at = 0;
    life->mem.fail_on = false;
}

/* ---- deaths ---- */

/* No death so far was of an object that is held: what is reached holds none that is dead. */
static void check_the_dead(struct life *life)
{
    uint32_t i;

    gc_learn(life);
    i = naive_reach(&life->naive);
    AGREE(life, i == NAIVE_NONE, "object %" PRIu64 " (number %u) is dead and still held", naive_of(life, i)->id, i);
}

void life_hear(struct life *life)
{
    uint32_t news = 0;

    for (uint32_t d = 0; d < life->dying_count; d++) {
        uint32_t i = naive_find(&life->naive, life->dying[d]);

        AGREE(life, i != NAIVE_NONE, "object %" PRIu64 " died and was never made", life->dying[d]);
        if (naive_of(life, i)->dead)
            continue;
        AGREE(life, life->mode != LIFE_STOP, "object %" PRIu64 " (number %u) died and should live", life->dying[d], i);
        naive_kill(&life->naive, i);
        news++;
    }
    life->dying_count = 0;
    if (news > 0)
        check_the_dead(life);
}

void life_learn_dead(struct life *life, uint32_t i)
{
    const struct naive_object *o = naive_of(life, i);

    life_hear(life); /* what it was held by may be dead too */
    if (o->dead)
        return;
    AGREE(life, life->mode != LIFE_STOP, "object %" PRIu64 " (number %u) is dead and should live", o->id, i);
    naive_kill(&life->naive, i);
    check_the_dead(life);
}

static void compare_population(struct life *life)
{
    uint64_t alive = heap_counters(life->heap)->objects;

    AGREE(life, alive == life->naive.alive_count, "%" PRIu64 " objects live where %u should", alive,
          life->naive.alive_count);
}

void life_drain(struct life *life)
{
    hold_drain(life, SIZE_MAX);
    while (heap_reap(life->heap, SIZE_MAX) == 0)
        ;
}

void life_settle(struct life *life)
{
    const struct heap_stats *s = heap_counters(life->heap);

    if (life->mode != LIFE_STOP || life->as_one)
        return;
    life_drain(life);
    if (s->fell_nonzero + s->freed_by_refcount + s->freed_by_collector == life->falls)
        return; /* no count has fallen: nobody to look for */
    life->falls = s->fell_nonzero + s->freed_by_refcount + s->freed_by_collector;
    naive_settle(&life->naive);
    life_hear(life);
    compare_population(life);
}

/* ---- judging ---- */

static bool is_reference(const struct naive_value *v)
{
    return v->kind == VALUE_LINK || v->kind == VALUE_WEAK;
}

static void judge_success(struct life *life, uint32_t subject, const struct naive_value *values, size_t count)
{
    AGREE(life, subject == NAIVE_NONE || !naive_of(life, subject)->dead, "a dead object was changed");
    for (size_t v = 0; v < count; v++)
        AGREE(life, !is_reference(&values[v]) || (values[v].target != NAIVE_NONE && !naive_of(life, values[v].target)->dead),
              "a reference to a dead object was stored");
}

static void judge_dangling(struct life *life, const struct naive_value *values, size_t count)
{
    bool some = false;

    for (size_t v = 0; v < count; v++) {
        uint32_t target = values[v].target;

        if (!is_reference(&values[v]) || (target != NAIVE_NONE && heap_has(life->heap, naive_of(life, target)->id)))
            continue;
        some = true;
        if (target != NAIVE_NONE)
            life_learn_dead(life, target);
    }
    AGREE(life, some, "refused as dangling, and nothing is");
}

bool life_judge(struct life *life, enum err e, uint32_t subject, const struct naive_value *values, size_t count)
{
    life_must_not_refuse(life);
    switch (e) {
    case ERR_OK:
        judge_success(life, subject, values, count);
        return true;
    case ERR_COLLECTED:
        AGREE(life, subject != NAIVE_NONE, "collected, and there was no object");
        AGREE(life, !heap_has(life->heap, naive_of(life, subject)->id), "collected, and it is alive");
        life_learn_dead(life, subject);
        return false;
    case ERR_NO_OBJECT:
        AGREE(life, subject == NAIVE_NONE, "object %" PRIu64 " is said never to have been", life_id(life, subject));
        return false;
    case ERR_DANGLING:
        judge_dangling(life, values, count);
        return false;
    case ERR_NOMEM:
        AGREE(life, life->refused, "memory was refused and nobody asked for that");
        return false;
    default:
        life_fail(life, "an error that has no reason: %s", err_name(e));
    }
}

/* ---- one operation ---- */

static uint32_t weight_of(const struct life *life, const struct op *op)
{
    bool full = life->naive.alive_count > life->habits.objects;

    if (op->grows == 0)
        return 2 * op->weight;
    return full == (op->grows < 0) ? 3 * op->weight : op->weight;
}

static uint32_t weight_of_all(const struct life *life, const struct op *ops, size_t count)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += weight_of(life, &ops[i]);
    return sum;
}

/* The operation that `at` falls on. */
static const struct op *op_at(const struct life *life, const struct op *ops, uint32_t at)
{
    for (uint32_t weight; at >= (weight = weight_of(life, ops)); ops++)
        at -= weight;
    return ops;
}

static const struct op *choose_op(struct life *life)
{
    const struct {
        const struct op *ops;
        uint32_t weight;
    } kinds[] = {
        {make_ops, weight_of_all(life, make_ops, make_op_count)},
        {write_ops, weight_of_all(life, write_ops, write_op_count)},
        {form_ops, weight_of_all(life, form_ops, form_op_count)},
        {hold_ops, weight_of_all(life, hold_ops, hold_op_count)},
        {gc_ops, weight_of_all(life, gc_ops, gc_op_count)},
        {tidy_ops, weight_of_all(life, tidy_ops, tidy_op_count)},
        {undo_ops, weight_of_all(life, undo_ops, undo_op_count)},
    };
    uint32_t sum = 0, at;
    size_t k = 0;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        sum += kinds[i].weight;
    for (at = roll(life, sum); at >= kinds[k].weight; k++)
        at -= kinds[k].weight;
    return op_at(life, kinds[k].ops, at);
}

void life_step(struct life *life)
{
    const struct op *op = choose_op(life);

    life->op++;
    life->op_name = op->name;
    op->run(life);
    life_must_not_refuse(life);
    life_settle(life);
    life_hear(life);
    gc_between(life);
    if (life->op % 64 == 0)
        check_safety(life);
    if (life->op % life->habits.check_every == 0)
        check_rules(life);
    if (life->op % life->habits.rest_every == 0)
        life_rest(life);
}
