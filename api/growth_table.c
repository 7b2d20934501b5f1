/* growth_table.c - see growth_table.h. */
#include "api/growth_table.h"
#include "heap/base/check.h"
#include "heap/base/map.h"
#include "heap/base/num.h"
#include "heap/root.h"
#include "heap/weak.h"

#define ROOM_MIN 16
#define MAP_SEED 0x960b1d     /* the keys are hashed already, by a hash of no secret: ids are handed out, not chosen */
#define REPLACE_UNITS 4       /* all that are watched are looked at for the smallest */
#define LARGER_PART 8         /* a newcomer is larger by so much, or two would take turns */

const uint32_t growth_max[GROWTH_KINDS] = {
    [GROWTH_SITE] = GROWTH_SITES_MAX,       [GROWTH_CLASS] = GROWTH_CLASSES_MAX, [GROWTH_ROOT] = GROWTH_ROOTS_MAX,
    [GROWTH_SESSION] = GROWTH_SESSIONS_MAX, [GROWTH_TOTAL] = GROWTH_TOTALS,
};

const char *growth_kind_name(enum growth_kind kind)
{
    static const char *const names[GROWTH_KINDS] = {
        [GROWTH_SITE] = "site",       [GROWTH_CLASS] = "class", [GROWTH_ROOT] = "root",
        [GROWTH_SESSION] = "session", [GROWTH_TOTAL] = "total",
    };

    return names[kind];
}

/* ---- the table of a kind ---- */

static uint32_t key_of(uint64_t id, uint32_t serial)
{
    return (uint32_t)hash_u64(serial, id);
}

static uint32_t entry_of(const struct growers *t, uint64_t id, uint32_t serial)
{
    uint32_t e = map_find(t->by_id, key_of(id, serial));

    while (e != MAP_NONE && (t->rows[map_value(t->by_id, e)].id != id || t->rows[map_value(t->by_id, e)].serial != serial))
        e = map_next(t->by_id, e);
    return e;
}

void growers_remove(struct growth *g, enum growth_kind kind, uint32_t row)
{
    struct growers *t = &g->of[kind];
    struct grower *r = &t->rows[row], *last = &t->rows[t->count - 1];

    map_remove(t->by_id, entry_of(t, r->id, r->serial));
    if (r != last) {
        map_set_value(t->by_id, entry_of(t, last->id, last->serial), row);
        *r = *last;
    }
    t->count--;
}

void growers_clear(struct growth *g, enum growth_kind kind)
{
    struct growers *t = &g->of[kind];

    map_destroy(&t->by_id);
    mem_free(g->world.mem, t->rows, t->room * sizeof *t->rows);
    *t = (struct growers){0};
}

static bool make_room(struct growth *g, struct growers *t, uint32_t max)
{
    uint32_t room = t->room == 0 ? ROOM_MIN : 2 * t->room;
    struct grower *rows;

    if (t->by_id == NULL && (t->by_id = map_create(g->world.mem, MAP_SEED)) == NULL)
        return false;
    if (t->count < t->room)
        return true;
    room = room < max ? room : max;
    rows = mem_realloc(g->world.mem, t->rows, t->room * sizeof *rows, room * sizeof *rows);
    if (rows == NULL)
        return false;
    t->rows = rows;
    t->room = room;
    return true;
}

/* A suspect is not given up for something else. */
static uint64_t rank_of(const struct grower *r)
{
    return grower_is_suspect(r) ? UINT64_MAX : r->last;
}

static uint32_t smallest(const struct growers *t)
{
    uint32_t smallest = 0;

    for (uint32_t i = 1; i < t->count; i++)
        if (rank_of(&t->rows[i]) < rank_of(&t->rows[smallest]))
            smallest = i;
    return smallest;
}

/* Without memory it is not watched; there is a next time. */
static void add(struct growth *g, enum growth_kind kind, const struct grower *r)
{
    struct growers *t = &g->of[kind];

    if (!make_room(g, t, growth_max[kind]) || !map_add(t->by_id, key_of(r->id, r->serial), t->count))
        return;
    t->rows[t->count] = *r;
    t->rows[t->count].floor = UINT64_MAX;
    t->count++;
}

/* Watch it, if it is one of the largest and is not watched yet. Returns what that cost. */
static size_t consider(struct growth *g, enum growth_kind kind, const struct grower *r)
{
    struct growers *t = &g->of[kind];
    uint32_t row;

    if (t->by_id != NULL && entry_of(t, r->id, r->serial) != MAP_NONE)
        return 1;
    if (t->count < growth_max[kind]) {
        add(g, kind, r);
        return 1;
    }
    row = smallest(t);
    if (grower_is_suspect(&t->rows[row]) || r->last <= t->rows[row].last + t->rows[row].last / LARGER_PART)
        return REPLACE_UNITS;
    growers_remove(g, kind, row);
    add(g, kind, r);
    return REPLACE_UNITS;
}

/* ---- looking at one ---- */

static bool look_at_tally(const struct growth *g, enum heap_tally which, const struct grower *r, uint64_t *ret_value,
                          uint64_t *ret_count)
{
    struct tally_info info;

    if (!heap_tally(g->world.heap, which, (uint32_t)r->id, r->serial, &info))
        return false;
    *ret_value = info.bytes;
    *ret_count = info.objects;
    return true;
}

/* The field of the root's object that links to the container; false: none does any more. */
static bool find_field(const struct heap *h, const struct grower *r, struct slice *ret)
{
    struct part parts[GROWTH_ROOT_PARTS];
    struct part_cursor cursor = {0};
    size_t count = heap_next_parts(h, r->root_object, &cursor, parts, GROWTH_ROOT_PARTS);

    for (size_t i = 0; i < count; i++) {
        if (parts[i].name.len == 0 || parts[i].value.kind != VALUE_LINK || parts[i].value.id != r->id)
            continue;
        *ret = parts[i].name;
        return true;
    }
    return false;
}

bool grower_root(const struct heap *h, const struct grower *r, struct grown_root *ret)
{
    struct object_info info;
    obj_id id;

    *ret = (struct grown_root){0};
    if (!root_at(h, r->root, &ret->name, &id) || id != r->root_object || heap_info(h, r->id, &info, NULL) != ERR_OK)
        return false;
    ret->kind = info.kind;
    ret->parts = info.parts;
    return r->id == r->root_object || find_field(h, r, &ret->field);
}

static bool look_at_root(const struct growth *g, const struct grower *r, uint64_t *ret_value)
{
    struct grown_root root;

    if (!grower_root(g->world.heap, r, &root))
        return false;
    *ret_value = root.parts;
    return true;
}

static uint64_t total(const struct growth *g, enum growth_total which)
{
    struct heap_stats heap;
    struct gc_state gc;

    switch (which) {
    case GROWTH_SESSIONS:
        return session_count(g->world.sessions);
    case GROWTH_GARBAGE:
        gc_get_state(g->world.gc, &gc);
        return gc.garbage;
    case GROWTH_ROOTS:
    case GROWTH_WEAK_NAMES:
        heap_stats(g->world.heap, &heap);
        return which == GROWTH_ROOTS ? heap.roots : heap.weak_names;
    case GROWTH_TOTALS:
        break;
    }
    UNREACHABLE();
}

bool growers_look(const struct growth *g, enum growth_kind kind, const struct grower *r, uint64_t *ret_value, uint64_t *ret_count)
{
    struct session_info session;

    *ret_count = 0;
    switch (kind) {
    case GROWTH_SITE:
        return look_at_tally(g, HEAP_SITES, r, ret_value, ret_count);
    case GROWTH_CLASS:
        return look_at_tally(g, HEAP_CLASSES, r, ret_value, ret_count);
    case GROWTH_ROOT:
        return look_at_root(g, r, ret_value);
    case GROWTH_SESSION:
        if (session_info(g->world.sessions, (session_id)r->id, &session, NULL) != ERR_OK)
            return false;
        *ret_value = session.holds;
        return true;
    case GROWTH_TOTAL:
        *ret_value = total(g, (enum growth_total)r->id);
        return true;
    case GROWTH_KINDS:
        break;
    }
    UNREACHABLE();
}

/* ---- looking through all there is ---- */

/* What has no site is no site; its classes tell of it. */
static size_t admit_tally(struct growth *g, enum growth_kind kind, enum heap_tally which)
{
    struct tally_info info;

    if (!heap_next_tally(g->world.heap, which, &g->at, &info))
        return 0;
    heap_mark_tally(g->world.heap, which, info.row);
    if (info.name.len == 0 || info.objects == 0)
        return 1;
    return consider(g, kind, &(struct grower){.id = info.row, .serial = info.serial, .last = info.bytes});
}

static size_t admit_container(struct growth *g, uint32_t root, obj_id root_object, obj_id id)
{
    struct object_info info;

    if (heap_info(g->world.heap, id, &info, NULL) != ERR_OK || info.kind == HEAP_BYTES)
        return 1;
    return consider(g, GROWTH_ROOT, &(struct grower){.id = id, .root = root, .root_object = root_object, .last = info.parts});
}

/* The object of a root, and what its first fields link to: registries are seldom deeper. */
static size_t admit_root(struct growth *g)
{
    struct part parts[GROWTH_ROOT_PARTS];
    struct part_cursor cursor = {0};
    struct slice name;
    size_t cost, count;
    obj_id id;

    if (!root_next(g->world.heap, &g->at, &name, &id))
        return 0;
    cost = admit_container(g, g->at - 1, id, id);
    count = heap_next_parts(g->world.heap, id, &cursor, parts, GROWTH_ROOT_PARTS);
    for (size_t i = 0; i < count && parts[i].name.len > 0; i++)
        if (parts[i].value.kind == VALUE_LINK)
            cost += admit_container(g, g->at - 1, id, parts[i].value.id);
    return cost;
}

static size_t admit_session(struct growth *g)
{
    struct session_info info;

    if (!session_next(g->world.sessions, &g->at, &info))
        return 0;
    return consider(g, GROWTH_SESSION, &(struct grower){.id = info.id, .last = info.holds});
}

static size_t admit_total(struct growth *g)
{
    if (g->at == GROWTH_TOTALS)
        return 0;
    return consider(g, GROWTH_TOTAL, &(struct grower){.id = g->at++});
}

/* The next of a kind; what it cost, 0: there is none. */
static size_t admit_next(struct growth *g)
{
    switch ((enum growth_kind)g->kind) {
    case GROWTH_SITE:
        return admit_tally(g, GROWTH_SITE, HEAP_SITES);
    case GROWTH_CLASS:
        return admit_tally(g, GROWTH_CLASS, HEAP_CLASSES);
    case GROWTH_ROOT:
        return admit_root(g);
    case GROWTH_SESSION:
        return admit_session(g);
    case GROWTH_TOTAL:
        return admit_total(g);
    case GROWTH_KINDS:
        break;
    }
    UNREACHABLE();
}

size_t growers_admit(struct growth *g, size_t units)
{
    while (units > 0 && g->kind < GROWTH_KINDS) {
        size_t cost = admit_next(g);

        units = units_less(units, cost > 0 ? cost : 1);
        if (cost > 0)
            continue;
        g->kind++;
        g->at = 0;
    }
    return units;
}
