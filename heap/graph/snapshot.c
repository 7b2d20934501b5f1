/* snapshot.c - see snapshot.h: its life, and how much room it takes. */
#include "heap/graph/snapshot_impl.h"
#include "heap/names.h"
#include "heap/scope.h"

/* ---- how much there was at the cut ---- */

struct extent {
    uint64_t slots, objects, links, weak_links;
    uint64_t holds;   /* of watchers */
    uint64_t holders; /* sessions, at most */
    uint64_t edges;   /* all together */
};

static uint64_t scope_entries(const struct heap *h)
{
    uint64_t count = 0;

    for (const struct scope *s = heap_next_scope(h, NULL); s != NULL; s = heap_next_scope(h, s))
        count += scope_end(s);
    return count;
}

static struct extent measure(const struct heap *h)
{
    struct extent x = {.slots = (uint64_t)h->pools.pool_end << POOL_SHIFT,
                       .objects = h->stats.objects,
                       .links = h->stats.links,
                       .weak_links = h->stats.weak_links};

    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->held_count != NULL)
            x.holds += h->watch[i]->held_count(h->watch[i]->ctx);
    x.holders = x.holds;
    x.edges = GROUPS + x.links + names_count(h->roots) + scope_entries(h) + x.holds + x.holders;
    return x;
}

/* A part that is as long as all of that has to be on the account at once; what comes later is charged as it comes. */
static bool open_lane(struct lane *l, struct mem *mem, uint64_t count, uint64_t later, size_t size)
{
    return lane_open(l, mem, count + later, size) && (count == 0 || lane_charge(l, (size_t)count * size));
}

static bool open_lanes(struct snapshot *s, const struct extent *x)
{
    uint64_t nodes = x->objects + 1, later = x->holders + GROUPS, edges = x->edges - x->holders;
    struct mem *mem = s->mem;

    return open_lane(&s->node_of, mem, x->slots, 0, 4) && open_lane(&s->id, mem, nodes, later, 8) &&
           open_lane(&s->bytes, mem, nodes, later, 8) && open_lane(&s->label, mem, nodes, later, 4) &&
           open_lane(&s->first_edge, mem, nodes + 1, later, 4) && open_lane(&s->edge_to, mem, edges, x->holders, 4) &&
           open_lane(&s->edge_name, mem, edges, x->holders, 4) && open_lane(&s->weak_from, mem, x->weak_links, 0, 4) &&
           open_lane(&s->weak_to, mem, x->weak_links, 0, 4) && open_lane(&s->weak_name, mem, x->weak_links, 0, 4) &&
           lane_open(&s->wides, mem, x->objects, sizeof(struct gather *)) &&
           lane_open(&s->sessions, mem, x->holders, sizeof(struct gather *));
}

/* ---- the cut ---- */

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NOMEM, "no memory for a snapshot of all objects");
}

/* As for any audit: it is too much to go beyond the cap for (mem_reach()). */
static enum err open_all(struct snapshot *s, const struct extent *x, struct why *why)
{
    size_t reach;
    bool opened;

    if (x->edges > UINT32_MAX)
        return why_limit(why, ERR_LIMIT, "snapshot_links_max", UINT32_MAX, "there are too many links for a snapshot");
    reach = mem_reach(s->mem, 0);
    opened = open_lanes(s, x) && texts_open(&s->texts, s->heap, x->holders) &&
             (s->session_by_id = map_create(s->mem, s->seed)) != NULL;
    mem_reach(s->mem, reach);
    if (!opened)
        return why_set(why, ERR_NOMEM, "no memory for a snapshot of %llu objects and %llu links",
                       (unsigned long long)x->objects, (unsigned long long)x->links);
    return ERR_OK;
}

static enum err cut(struct snapshot *s, struct why *why)
{
    struct heap *h = s->heap;
    struct extent x = measure(h);
    enum err e = open_all(s, &x, why);

    if (e != ERR_OK) {
        s->failed = true;
        return e;
    }
    s->end = (slot_t)x.slots;
    s->objects = (uint32_t)x.objects;
    s->nodes = 1;
    s->edges = GROUPS;
    s->root_at = 1;
    onlooker_cut(h, &s->look);
    return ERR_OK;
}

/* ---- life ---- */

enum err snapshot_begin(struct heap *h, struct snapshot **ret, struct why *why)
{
    struct snapshot *s;
    enum err e = onlooker_claim(h, why);

    if (e != ERR_OK)
        return e;
    if ((s = mem_zalloc(h->mem, sizeof *s)) == NULL) {
        h->onlooked = false;
        return no_memory(why);
    }
    s->magic = SNAPSHOT_MAGIC;
    s->heap = h;
    s->mem = h->mem;
    s->seed = h->seed;
    s->look.ops = &snapshot_ops;
    s->look.watch = snapshot_watch(s);
    *ret = s;
    return ERR_OK;
}

/* The heap has told all that it was asked; from here on it may change, and go, as it likes. */
static size_t leave_heap(struct snapshot *s, size_t units)
{
    CHECK(s->nodes + s->wide_count == s->objects + 1);
    onlooker_leave(s->heap, &s->look);
    s->heap = NULL;
    return units;
}

static size_t (*const phases[])(struct snapshot *s, size_t units) = {
    snapshot_copy_objects, snapshot_copy_roots, snapshot_copy_scopes, snapshot_copy_watchers, leave_heap,
    snapshot_resolve_edges, snapshot_resolve_weak, snapshot_lay_wides, snapshot_lay_sessions, snapshot_lay_groups,
    snapshot_trim,
};

enum err snapshot_step(struct snapshot *s, size_t units, bool *ret_done, struct why *why)
{
    enum err e;

    CHECK_IS(s, SNAPSHOT_MAGIC);
    CHECK(s->heap == NULL || s->heap->undo == NULL); /* what may be taken back is one change: it is met before or after */
    *ret_done = false;
    if (s->end == 0 && !s->failed && (units = heap_reap(s->heap, units)) == 0)
        return ERR_OK;
    if (s->end == 0 && !s->failed && (e = cut(s, why)) != ERR_OK)
        return e;
    while (units > 0 && s->phase < ARRAY_LEN(phases) && !s->failed) {
        units = phases[s->phase](s, units);
        s->phase += units > 0;
    }
    if (s->failed)
        return no_memory(why);
    *ret_done = s->phase == ARRAY_LEN(phases);
    return ERR_OK;
}

void snapshot_progress(const struct snapshot *s, uint64_t *ret_done, uint64_t *ret_all)
{
    *ret_all = (uint64_t)s->end + s->edges;
    *ret_done = s->end == 0 ? 0 : (uint64_t)s->at + s->resolved;
}

const struct frozen *snapshot_frozen(const struct snapshot *s)
{
    CHECK_IS(s, SNAPSHOT_MAGIC);
    CHECK(s->phase == ARRAY_LEN(phases));
    return &s->frozen;
}

#define LANES 12

static struct lane *const *lanes_of(struct snapshot *s, struct lane *ret[LANES + 1])
{
    struct lane *all[LANES + 1] = {&s->node_of,   &s->id,      &s->bytes,     &s->label, &s->first_edge, &s->edge_to, &s->edge_name,
                            &s->weak_from, &s->weak_to, &s->weak_name, &s->wides, &s->sessions,   NULL};

    memcpy(ret, all, sizeof all);
    return ret;
}

static uint64_t beyond(const struct lane *l, uint64_t written)
{
    return l->charged > written ? l->charged - written : 0;
}

/* Rows are charged at the cut and written afterwards. */
static uint64_t untouched_bytes(const struct snapshot *s)
{
    uint64_t nodes = (uint64_t)s->nodes + s->wide_count, edges = s->edges, weak = s->weak;

    if (s->heap == NULL)
        return 0;
    return beyond(&s->node_of, 4 * (uint64_t)s->at) + beyond(&s->id, 8 * nodes) + beyond(&s->bytes, 8 * nodes) +
           beyond(&s->label, 4 * nodes) + beyond(&s->first_edge, 4 * nodes) + beyond(&s->edge_to, 4 * edges) +
           beyond(&s->edge_name, 4 * edges) + beyond(&s->weak_from, 4 * weak) + beyond(&s->weak_to, 4 * weak) +
           beyond(&s->weak_name, 4 * weak);
}

uint64_t snapshot_bytes(const struct snapshot *s, uint64_t *ret_untouched)
{
    struct lane *all[LANES + 1];
    uint64_t bytes = sizeof *s + texts_bytes(&s->texts);

    for (struct lane *const *l = lanes_of((struct snapshot *)(uintptr_t)s, all); *l != NULL; l++)
        bytes += (*l)->charged - (*l)->gone;
    if (ret_untouched != NULL)
        *ret_untouched = untouched_bytes(s);
    return bytes;
}

size_t snapshot_end(struct snapshot **at, size_t units)
{
    struct snapshot *s = *at;
    struct lane *all[LANES + 1];

    if (s == NULL)
        return units;
    CHECK_IS(s, SNAPSHOT_MAGIC);
    if (s->heap != NULL) {
        onlooker_leave(s->heap, &s->look);
        s->heap = NULL;
    }
    units = snapshot_drop_gathered(s, units);
    for (struct lane *const *l = lanes_of(s, all); *l != NULL && units > 0; l++)
        units = lane_close(*l, units);
    if (units == 0 || (units = texts_close(&s->texts, units)) == 0)
        return 0;
    s->magic = 0;
    mem_free(s->mem, s, sizeof *s);
    *at = NULL;
    return units;
}
