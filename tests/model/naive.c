/* naive.c - see naive.h. Slow on purpose: what could be remembered is found out again. */
#include "tests/model/naive.h"
#include "heap/base/check.h"
#include <stdlib.h>

static void *grow(void *items, uint32_t *room, size_t each)
{
    *room = *room == 0 ? 16 : 2 * *room;
    items = realloc(items, *room * each);
    CHECK(items != NULL);
    return items;
}

void naive_init(struct naive *n)
{
    *n = (struct naive){.epoch = 1};
    for (uint32_t r = 0; r < NAIVE_ROOTS; r++)
        n->roots[r] = NAIVE_NONE;
    for (uint32_t w = 0; w < NAIVE_WEAK_NAMES; w++)
        n->weak_names[w].target = NAIVE_NONE;
}

void naive_fini(struct naive *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        free(n->objects[i].parts);
    for (uint32_t s = 0; s < NAIVE_SESSIONS; s++)
        free(n->sessions[s].items);
    for (uint32_t s = 0; s < NAIVE_SCOPES; s++)
        free(n->scopes[s].items);
    free(n->objects);
    free(n->alive);
    free(n->by_id);
    free(n->waiting);
}

/* ---- ids ---- */

static uint32_t *place_of_id(const struct naive *n, obj_id id)
{
    uint64_t at = id * UINT64_C(0x9e3779b97f4a7c15) >> 32;

    for (;; at++) {
        uint32_t *place = &n->by_id[at & (n->by_id_room - 1)];

        if (*place == 0 || n->objects[*place - 1].id == id)
            return place;
    }
}

static void grow_ids(struct naive *n)
{
    n->by_id_room = 4 * n->room;
    free(n->by_id);
    n->by_id = calloc(n->by_id_room, sizeof *n->by_id);
    CHECK(n->by_id != NULL);
    for (uint32_t i = 0; i < n->count; i++)
        *place_of_id(n, n->objects[i].id) = i + 1;
}

uint32_t naive_find(const struct naive *n, obj_id id)
{
    return n->count == 0 ? NAIVE_NONE : *place_of_id(n, id) - 1;
}

uint32_t naive_add(struct naive *n, obj_id id, enum heap_kind kind, uint32_t class)
{
    uint32_t i = n->count;

    if (naive_find(n, id) != NAIVE_NONE)
        return NAIVE_NONE;
    if (i == n->room) {
        n->objects = grow(n->objects, &n->room, sizeof *n->objects);
        n->alive = realloc(n->alive, n->room * sizeof *n->alive);
        n->waiting = realloc(n->waiting, n->room * sizeof *n->waiting);
        CHECK(n->alive != NULL && n->waiting != NULL);
        grow_ids(n);
    }
    n->objects[i] = (struct naive_object){.id = id, .kind = kind, .class = class, .alive_at = n->alive_count};
    n->alive[n->alive_count++] = i;
    n->count++;
    *place_of_id(n, id) = i + 1;
    return i;
}

void naive_kill(struct naive *n, uint32_t i)
{
    struct naive_object *o = &n->objects[i];
    uint32_t last = n->alive[--n->alive_count];

    CHECK(!o->dead);
    n->alive[o->alive_at] = last;
    n->objects[last].alive_at = o->alive_at;
    o->dead = true;
    o->garbage = false;
    free(o->parts);
    o->parts = NULL;
    o->part_count = o->part_room = 0;
    for (uint32_t w = 0; w < NAIVE_WEAK_NAMES; w++)
        if (n->weak_names[w].target == i)
            n->weak_names[w].notice = true;
}

/* ---- contents ---- */

static void add_part(struct naive_object *o, uint32_t name, struct naive_value v)
{
    if (o->part_count == o->part_room)
        o->parts = grow(o->parts, &o->part_room, sizeof *o->parts);
    o->parts[o->part_count++] = (struct naive_part){name, v};
}

static void remove_part(struct naive_object *o, uint32_t at)
{
    CHECK(at < o->part_count);
    for (uint32_t p = at; p + 1 < o->part_count; p++)
        o->parts[p] = o->parts[p + 1];
    o->part_count--;
}

uint32_t naive_field(const struct naive *n, uint32_t record, uint32_t name)
{
    const struct naive_object *o = &n->objects[record];
    uint32_t p = 0;

    while (p < o->part_count && o->parts[p].name != name)
        p++;
    return p;
}

void naive_set_field(struct naive *n, uint32_t record, uint32_t name, struct naive_value v)
{
    struct naive_object *o = &n->objects[record];
    uint32_t p = naive_field(n, record, name);

    if (p < o->part_count)
        o->parts[p].value = v;
    else
        add_part(o, name, v);
}

void naive_unset_field(struct naive *n, uint32_t record, uint32_t name)
{
    uint32_t p = naive_field(n, record, name);

    if (p < n->objects[record].part_count)
        remove_part(&n->objects[record], p);
}

void naive_push(struct naive *n, uint32_t list, struct naive_value v)
{
    add_part(&n->objects[list], 0, v);
}

void naive_delete(struct naive *n, uint32_t list, uint32_t index)
{
    remove_part(&n->objects[list], index);
}

/* ---- sets ---- */

static uint32_t place_in(const struct naive_set *s, uint32_t i)
{
    uint32_t at = 0;

    while (at < s->count && s->items[at] != i)
        at++;
    return at;
}

bool naive_set_has(const struct naive_set *s, uint32_t i)
{
    return place_in(s, i) < s->count;
}

void naive_set_add(struct naive_set *s, uint32_t i)
{
    if (s->count == s->room)
        s->items = grow(s->items, &s->room, sizeof *s->items);
    s->items[s->count++] = i;
}

void naive_set_remove(struct naive_set *s, uint32_t i)
{
    uint32_t at = place_in(s, i);

    CHECK(at < s->count);
    s->items[at] = s->items[--s->count];
}

/* ---- what is held from outside ---- */

typedef void (*held_fn)(struct naive *n, uint32_t i);

static void each_in_set(struct naive *n, const struct naive_set *s, held_fn held)
{
    for (uint32_t e = 0; e < s->count; e++)
        held(n, s->items[e]);
}

/* Call `held` for each hold of a root, session or scope. */
static void each_hold(struct naive *n, held_fn held)
{
    for (uint32_t r = 0; r < NAIVE_ROOTS; r++)
        if (n->roots[r] != NAIVE_NONE)
            held(n, n->roots[r]);
    for (uint32_t s = 0; s < NAIVE_SESSIONS; s++)
        each_in_set(n, &n->sessions[s], held);
    for (uint32_t s = 0; s < NAIVE_SCOPES; s++)
        each_in_set(n, &n->scopes[s], held);
}

/* ---- flood fill ---- */

static void wait_if_new(struct naive *n, uint32_t i, uint32_t *waiting)
{
    if (n->objects[i].dead)
        n->dead_reached = i;
    if (n->objects[i].dead || n->objects[i].mark == n->epoch)
        return;
    n->objects[i].mark = n->epoch;
    n->waiting[(*waiting)++] = i;
}

static void flood(struct naive *n, uint32_t waiting)
{
    while (waiting > 0) {
        const struct naive_object *o = &n->objects[n->waiting[--waiting]];

        for (uint32_t p = 0; p < o->part_count; p++)
            if (o->parts[p].value.kind == VALUE_LINK)
                wait_if_new(n, o->parts[p].value.target, &waiting);
    }
}

static void reach_held(struct naive *n, uint32_t i)
{
    uint32_t waiting = 0;

    wait_if_new(n, i, &waiting);
    flood(n, waiting);
}

/* What is held from outside, and outside is all but the tracked objects of generations 0 .. `oldest`. */
static void reach_from_outside(struct naive *n, int oldest)
{
    uint32_t waiting = 0;

    n->epoch++;
    n->dead_reached = NAIVE_NONE;
    each_hold(n, reach_held);
    for (uint32_t a = 0; a < n->alive_count; a++) {
        const struct naive_object *o = &n->objects[n->alive[a]];

        if (o->own_refs > 0 || o->garbage || (o->kind != HEAP_BYTES && o->generation > oldest))
            wait_if_new(n, n->alive[a], &waiting);
    }
    flood(n, waiting);
}

uint32_t naive_reach(struct naive *n)
{
    reach_from_outside(n, 2);
    return n->dead_reached;
}

bool naive_is_reached(const struct naive *n, uint32_t i)
{
    return n->objects[i].mark == n->epoch;
}

/* ---- counting ---- */

static void count_hold(struct naive *n, uint32_t i)
{
    n->objects[i].refs++;
}

static void count_parts(struct naive *n, const struct naive_object *o)
{
    for (uint32_t p = 0; p < o->part_count; p++) {
        const struct naive_value *v = &o->parts[p].value;

        if (v->kind == VALUE_LINK)
            n->objects[v->target].refs++;
        else if (v->kind == VALUE_WEAK)
            n->objects[v->target].weak_refs++;
    }
}

void naive_count(struct naive *n)
{
    for (uint32_t a = 0; a < n->alive_count; a++) {
        struct naive_object *o = &n->objects[n->alive[a]];

        o->refs = o->own_refs + o->garbage;
        o->weak_refs = 0;
    }
    for (uint32_t a = 0; a < n->alive_count; a++)
        count_parts(n, &n->objects[n->alive[a]]);
    each_hold(n, count_hold);
    for (uint32_t w = 0; w < NAIVE_WEAK_NAMES; w++)
        if (n->weak_names[w].target != NAIVE_NONE)
            n->objects[n->weak_names[w].target].weak_refs++;
}

/* The objects named by those that die lose a reference each; the stack holds who is at zero. */
static void let_go(struct naive *n, uint32_t i)
{
    uint32_t waiting = 0;

    n->waiting[waiting++] = i;
    while (waiting > 0) {
        const struct naive_object *o = &n->objects[i = n->waiting[--waiting]];

        for (uint32_t p = 0; p < o->part_count; p++)
            if (o->parts[p].value.kind == VALUE_LINK) {
                uint32_t target = o->parts[p].value.target;

                if (--n->objects[target].refs == 0 && !n->objects[target].dead && target != i)
                    n->waiting[waiting++] = target;
            }
        naive_kill(n, i);
    }
}

/* Downwards: whoever moves into the place of a dead one has been looked at. */
void naive_settle(struct naive *n)
{
    naive_count(n);
    for (uint32_t a = n->alive_count; a-- > 0;)
        if (a < n->alive_count && n->objects[n->alive[a]].refs == 0)
            let_go(n, n->alive[a]);
}

/* ---- collecting ---- */

static bool is_member(const struct naive_object *o, int generation)
{
    return o->kind != HEAP_BYTES && o->generation <= generation;
}

static void end_of_trash(struct naive *n, uint32_t i, bool save_all)
{
    if (save_all)
        n->objects[i].garbage = true;
    else
        naive_kill(n, i);
}

uint64_t naive_collect(struct naive *n, int generation, bool dry_run, bool save_all, uint64_t *ret_members)
{
    uint64_t trash = 0;

    *ret_members = 0;
    reach_from_outside(n, generation);
    for (uint32_t a = n->alive_count; a-- > 0;) { /* downwards: killing moves the last one here */
        uint32_t i = n->alive[a];
        struct naive_object *o = &n->objects[i];

        if (!is_member(o, generation))
            continue;
        ++*ret_members;
        trash += o->mark != n->epoch;
        if (dry_run)
            continue;
        o->generation = generation == 0 ? 1 : 2;
        if (o->mark != n->epoch)
            end_of_trash(n, i, save_all);
    }
    if (!dry_run)
        naive_settle(n);
    return trash;
}

void naive_freeze(struct naive *n, bool freeze, uint32_t below)
{
    for (uint32_t a = 0; a < n->alive_count; a++) {
        struct naive_object *o = &n->objects[n->alive[a]];

        if (o->kind == HEAP_BYTES || n->alive[a] >= below)
            continue;
        if (freeze)
            o->generation = NAIVE_FROZEN;
        else if (o->generation == NAIVE_FROZEN)
            o->generation = 2;
    }
}
