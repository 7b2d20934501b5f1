/*
 * life_snapshot.c - snapshots of the heap are taken while it lives (heap/graph/snapshot.h), a few units between any two
 * operations. What comes out is what there was at the cut: of each object its head, of each link and each holder a hash, all of
 * them added up, so that their order does not matter.
 */
#include "heap/base/num.h"
#include "heap/graph/snapshot.h"
#include "heap/root.h"
#include "heap/session_impl.h"
#include "tests/model/life_impl.h"

/* ---- hashes of what there is ---- */

#define SEED 4327

enum { OBJECT, LINK, WEAK_LINK, ROOT, SESSION, BATCH, GARBAGE };

struct summed {
    uint64_t count, sum;
};

static uint64_t text_hash(struct slice text)
{
    return hash_bytes(SEED, text.data, text.len);
}

static void add(struct summed *s, int what, uint64_t from, uint64_t name, uint64_t to)
{
    s->count++;
    s->sum += hash_u64(hash_u64(hash_u64(hash_u64(SEED, (uint64_t)what), from), name), to);
}

static void add_object(struct summed *s, obj_id id, int kind, struct slice class, struct slice site, uint64_t bytes)
{
    add(s, OBJECT, id, hash_u64(text_hash(class) + (uint64_t)kind, text_hash(site)), bytes);
}

/* ---- of the heap ---- */

static void sum_parts(struct life *life, struct summed *s, obj_id id, enum heap_kind kind)
{
    struct part_cursor cursor = {0};
    struct part part;

    while (heap_next_part(life->heap, id, &cursor, &part)) {
        uint64_t name = kind == HEAP_RECORD ? text_hash(part.name) : part.index;

        if (part.value.kind == VALUE_LINK)
            add(s, LINK, id, name, part.value.id);
        else if (part.value.kind == VALUE_WEAK && part.value.id != 0)
            add(s, WEAK_LINK, id, name, part.value.id);
    }
}

static void sum_objects(struct life *life, struct summed *s)
{
    struct object_info info;
    slot_t slot = 0;
    obj_id id;

    do {
        if ((id = heap_next_object(life->heap, &slot, SIZE_MAX)) == 0)
            continue;
        AGREE(life, heap_info(life->heap, id, &info, NULL) == ERR_OK, "object %" PRIu64 " is listed and not there", id);
        add_object(s, id, (int)info.kind, info.class, info.site, info.bytes);
        sum_parts(life, s, id, info.kind);
    } while (slot != 0);
}

static void sum_session(struct life *life, struct summed *s, const struct session *of)
{
    for (uint32_t e = 0; e < map_count(of->holds); e++)
        add(s, SESSION, of->id, 0, heap_id(life->heap, map_key(of->holds, e)));
}

static void sum_holders(struct life *life, struct summed *s)
{
    uint32_t cursor = 0, garbage = UINT32_MAX;
    struct slice name;
    obj_id id;

    while (root_next(life->heap, &cursor, &name, &id))
        add(s, ROOT, 0, text_hash(name), id);
    for (uint32_t n = 0; n < life->sessions->table_end; n++)
        if (life->sessions->table[n] != NULL)
            sum_session(life, s, life->sessions->table[n]);
    for (const struct session *ended = life->sessions->ending; ended != NULL; ended = ended->next)
        sum_session(life, s, ended);
    for (const struct scope *sc = heap_next_scope(life->heap, NULL); sc != NULL; sc = heap_next_scope(life->heap, sc))
        for (uint32_t i = 0; i < scope_end(sc); i++)
            if (scope_slot(sc, i) != 0)
                add(s, BATCH, 0, 0, heap_id(life->heap, scope_slot(sc, i)));
    while (gc_next_garbage(life->gc, &garbage, &id))
        add(s, GARBAGE, 0, 0, id);
}

/* ---- of a frozen graph ---- */

static void sum_edge(struct summed *s, const struct frozen *f, uint32_t node, uint32_t e)
{
    const struct frozen_label *l = frozen_label_of(f, node);
    uint64_t name = frozen_names_edges(l->kind) ? text_hash(frozen_string(f, f->edge_name[e])) : f->edge_name[e];
    uint64_t to = f->id[f->edge_to[e]];

    if (l->kind < FROZEN_OUTSIDE)
        add(s, LINK, f->id[node], name, to);
    else if (l->kind == FROZEN_ROOTS)
        add(s, ROOT, 0, name, to);
    else if (l->kind == FROZEN_SESSION)
        add(s, SESSION, f->id[node], 0, to);
    else if (l->kind == FROZEN_BATCHES || l->kind == FROZEN_GARBAGE)
        add(s, l->kind == FROZEN_BATCHES ? BATCH : GARBAGE, 0, 0, to);
}

static struct summed sum_frozen(const struct frozen *f)
{
    struct summed s = {0};

    for (uint32_t n = 0; n < f->node_count; n++) {
        const struct frozen_label *l = frozen_label_of(f, n);

        if (frozen_is_object(f, n))
            add_object(&s, f->id[n], (int)l->kind, frozen_string(f, l->class), frozen_string(f, l->site), f->bytes[n]);
        for (uint32_t e = f->first_edge[n]; e < f->first_edge[n + 1]; e++)
            sum_edge(&s, f, n, e);
    }
    for (uint32_t e = 0; e < f->weak_count; e++) {
        bool named = frozen_names_edges(frozen_label_of(f, f->weak_from[e])->kind);

        add(&s, WEAK_LINK, f->id[f->weak_from[e]], named ? text_hash(frozen_string(f, f->weak_name[e])) : f->weak_name[e],
            f->id[f->weak_to[e]]);
    }
    return s;
}

/* ---- taken ---- */

static struct summed sum_heap(struct life *life)
{
    struct summed s = {0};

    sum_objects(life, &s);
    sum_holders(life, &s);
    return s;
}

void snapshot_stop(struct life *life)
{
    while (snapshot_end(&life->snapshot, 100) == 0)
        ;
}

/* What is dead goes first, so that the first step is the cut. */
void snapshot_start(struct life *life)
{
    struct summed then;
    bool done;
    enum err e;

    if (snapshot_begin(life->heap, &life->snapshot, NULL) != ERR_OK) {
        AGREE(life, life->refused, "a snapshot was refused");
        return;
    }
    while (heap_reap(life->heap, 1000) == 0)
        ;
    then = sum_heap(life);
    life->snapshot_count = then.count;
    life->snapshot_sum = then.sum;
    e = snapshot_step(life->snapshot, 1, &done, NULL);
    AGREE(life, e == ERR_OK || life->refused, "a snapshot found no memory");
    if (e != ERR_OK)
        snapshot_stop(life);
}

static void compare(struct life *life)
{
    const struct frozen *f = snapshot_frozen(life->snapshot);
    struct summed s;

    AGREE(life, frozen_validate(f) == 0, "the graph of a snapshot is broken");
    s = sum_frozen(f);
    AGREE(life, s.count == life->snapshot_count && s.sum == life->snapshot_sum,
          "a snapshot has %" PRIu64 " objects, links and holds, of %" PRIu64 ", or others", s.count, life->snapshot_count);
}

/* Memory may have been refused where nobody could be told. */
void snapshot_go_on(struct life *life, size_t units)
{
    bool done = false;
    enum err e = snapshot_step(life->snapshot, units, &done, NULL);

    AGREE(life, e == ERR_OK || life->habits.refuses, "a snapshot found no memory");
    if (done)
        compare(life);
    life->snapshots += done;
    if (e != ERR_OK || done)
        snapshot_stop(life);
}
