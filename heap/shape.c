/*
 * shape.c - see shape.h. Shapes are numbered in a table that is reserved once and never moves; each number that was used
 * is on the account.
 */
#include "heap/shape.h"
#include "heap/base/num.h"
#include "heap/intern.h"
#include "heap/keys.h"

#define IDLE_FREED_AT_ONCE 2   /* more than one can become idle, so that refused creations leave nothing behind */

enum err shape_tables_create(struct heap *h)
{
    h->shape_end = 1; /* 0 is none */
    h->shapes = mem_reserve(h->mem, SHAPES_MAX * sizeof *h->shapes);
    h->shape_by_parts = map_create(h->mem, h->seed);
    if (h->shapes != NULL && h->shape_by_parts != NULL && tallies_create(&h->classes, h) == ERR_OK &&
        tallies_create(&h->sites, h) == ERR_OK)
        return keys_create(h);
    return ERR_NOMEM;
}

static void free_oldest_idle(struct heap *h);

void shape_tables_destroy(struct heap *h)
{
    while (h->idle_count > 0)
        free_oldest_idle(h);
    keys_destroy(h);
    map_destroy(&h->shape_by_parts);
    tallies_destroy(&h->classes);
    tallies_destroy(&h->sites);
    if (h->shape_end > 1)
        mem_uncharge(h->mem, (h->shape_end - 1) * sizeof *h->shapes);
    mem_unreserve(h->mem, h->shapes, SHAPES_MAX * sizeof *h->shapes);
}

/* ---- numbers, and the idle ---- */

static uint32_t shape_number(struct heap *h)
{
    uint32_t s = h->shape_free;

    if (s != 0) {
        h->shape_free = h->shapes[s].newer;
        return s;
    }
    if (h->shape_end == SHAPES_MAX || !mem_charge(h->mem, sizeof *h->shapes))
        return 0;
    return h->shape_end++;
}

static void return_shape_number(struct heap *h, uint32_t s)
{
    h->shapes[s] = (struct shape){.newer = h->shape_free};
    h->shape_free = s;
}

static void idle_add(struct heap *h, uint32_t s)
{
    struct shape *shape = &h->shapes[s];

    shape->older = h->idle_tail;
    shape->newer = 0;
    if (h->idle_tail != 0)
        h->shapes[h->idle_tail].newer = s;
    else
        h->idle_head = s;
    h->idle_tail = s;
    h->idle_count++;
}

void shape_wake(struct heap *h, uint32_t s)
{
    struct shape *shape = &h->shapes[s];

    if (shape->older != 0)
        h->shapes[shape->older].newer = shape->newer;
    else
        h->idle_head = shape->newer;
    if (shape->newer != 0)
        h->shapes[shape->newer].older = shape->older;
    else
        h->idle_tail = shape->older;
    h->idle_count--;
}

static void unuse_times(struct heap *h, uint32_t s, uint32_t times)
{
    CHECK(h->shapes[s].users >= times);
    if ((h->shapes[s].users -= times) > 0)
        return;
    idle_add(h, s);
    for (int i = 0; i < IDLE_FREED_AT_ONCE && h->idle_count > SHAPES_IDLE_MAX; i++)
        free_oldest_idle(h);
}

void shape_unuse(struct heap *h, uint32_t s)
{
    unuse_times(h, s, 1);
}

/* ---- finding one by its parts ---- */

static slot_t class_name_of(const struct heap *h, const struct shape *s)
{
    return h->classes.rows[s->class].name;
}

static slot_t site_name(const struct heap *h, const struct shape *s)
{
    return h->sites.rows[s->site].name;
}

static uint32_t parts_hash(const struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    return (uint32_t)hash_u64(hash_u64(h->seed, keys), (uint64_t)class_name << 32 | site);
}

static uint32_t find_entry(const struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    uint32_t e = map_find(h->shape_by_parts, parts_hash(h, class_name, site, keys));

    for (; e != MAP_NONE; e = map_next(h->shape_by_parts, e)) {
        const struct shape *s = &h->shapes[map_value(h->shape_by_parts, e)];

        if (s->keys == keys && site_name(h, s) == site && class_name_of(h, s) == class_name)
            break;
    }
    return e;
}

static uint32_t find_shape(const struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    uint32_t e = find_entry(h, class_name, site, keys);

    return e == MAP_NONE ? 0 : map_value(h->shape_by_parts, e);
}

/* ---- making and freeing ---- */

static void free_oldest_idle(struct heap *h)
{
    uint32_t s = h->idle_head;
    struct shape shape = h->shapes[s];

    shape_wake(h, s);
    map_remove(h->shape_by_parts, find_entry(h, class_name_of(h, &shape), site_name(h, &shape), shape.keys));
    keys_unuse(h, shape.keys);
    h->stats.shapes--;
    tally_drop(h, &h->classes, shape.class);
    tally_drop(h, &h->sites, shape.site);
    return_shape_number(h, s);
}

/* Take over one reference on each string (site 0: none), whatever comes of it. False: no memory. */
static bool take_tallies(struct heap *h, slot_t class_name, slot_t site, struct shape *ret)
{
    bool has_class = tally_take(h, &h->classes, class_name, &ret->class);
    bool has_site = tally_take(h, &h->sites, site, &ret->site);

    if (has_class && has_site)
        return true;
    if (has_class)
        tally_drop(h, &h->classes, ret->class);
    if (has_site)
        tally_drop(h, &h->sites, ret->site);
    return false;
}

/* The same. 0: no memory, or no number. */
static uint32_t new_shape(struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    struct shape shape = {.keys = keys, .field_count = keys_count(h, keys), .names = keys_names(h, keys)};
    uint32_t hash = parts_hash(h, class_name, site, keys), number;

    if (!take_tallies(h, class_name, site, &shape))
        return 0;
    number = shape_number(h);
    if (number == 0 || !map_add(h->shape_by_parts, hash, number)) {
        if (number != 0)
            return_shape_number(h, number);
        tally_drop(h, &h->classes, shape.class);
        tally_drop(h, &h->sites, shape.site);
        return 0;
    }
    h->shapes[number] = shape;
    keys_use(h, keys);
    h->stats.shapes++;
    idle_add(h, number);
    return number;
}

static bool shapes_are_full(const struct heap *h)
{
    return h->shape_end == SHAPES_MAX && h->shape_free == 0;
}

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NOMEM, "no memory for a class");
}

static enum err new_base(struct heap *h, struct label label, uint32_t *ret, struct why *why)
{
    slot_t name, site = 0;
    enum err e;

    if ((e = name_check(label.class, "class", why)) ||
        (label.site.len > 0 && (e = name_check(label.site, "site", why))))
        return e;
    if (shapes_are_full(h))
        return why_limit(why, ERR_LIMIT, "shapes_max", SHAPES_MAX, "the heap has all the shapes it may have");
    if ((name = string_take(h, label.class)) == 0)
        return no_memory(why);
    if (label.site.len > 0 && (site = string_take(h, label.site)) == 0) {
        string_release(h, name);
        return no_memory(why);
    }
    *ret = new_shape(h, name, site, 0);
    return *ret != 0 ? ERR_OK : no_memory(why);
}

/* Whether number `s` is, now, the base of that label. */
static bool is_base_of(const struct heap *h, uint32_t s, struct label label)
{
    const struct shape *shape = &h->shapes[s];

    return shape->class != 0 && shape->field_count == 0 && slice_eq(shape_class_name(h, s), label.class) &&
           slice_eq(shape_site(h, s), label.site);
}

static uint32_t find_base(const struct heap *h, struct label label)
{
    slot_t name = string_lookup(h, label.class), site = label.site.len > 0 ? string_lookup(h, label.site) : 0;

    return name != 0 && (site != 0 || label.site.len == 0) ? find_shape(h, name, site, 0) : 0;
}

/* Objects often come in runs of one label, so the base asked for last is tried first. */
enum err shape_base(struct heap *h, struct label label, uint32_t *ret, struct why *why)
{
    if (is_base_of(h, h->recent_base, label)) {
        *ret = h->recent_base;
        return ERR_OK;
    }
    if ((*ret = find_base(h, label)) == 0) {
        enum err e = new_base(h, label, ret, why);

        if (e != ERR_OK)
            return e;
    }
    h->recent_base = *ret;
    return ERR_OK;
}

/* The keys for these names, going on from those of `shape` as far as they agree. 0: no memory. */
static uint32_t keys_for(struct heap *h, const struct shape *s, const slot_t *names, uint32_t count)
{
    bool goes_on = s->field_count <= count &&
                   (s->field_count == 0 || memcmp(s->names, names, s->field_count * sizeof *names) == 0);
    uint32_t keys = goes_on ? s->keys : 0;

    for (uint32_t i = keys_count(h, keys); i < count; i++) {
        uint32_t next = keys_with(h, keys, names[i]);

        if (next == 0)
            keys_trim(h, keys);
        if (next == 0)
            return 0;
        keys = next;
    }
    return keys;
}

/* Whether number `s` is, now, the shape of the same class and site with these fields. */
static bool is_shape_of(const struct heap *h, uint32_t s, const struct shape *like, const slot_t *names, uint32_t count)
{
    const struct shape *shape = &h->shapes[s];

    return count > 0 && shape->class == like->class && shape->site == like->site && shape->field_count == count &&
           memcmp(shape->names, names, count * sizeof *names) == 0;
}

static uint32_t find_or_make(struct heap *h, uint32_t like, const slot_t *names, uint32_t count, enum err *ret_err)
{
    struct shape s = h->shapes[like];
    slot_t class_name = class_name_of(h, &s), site = site_name(h, &s);
    uint32_t keys = keys_for(h, &s, names, count), shape;

    if (count > 0 && keys == 0) {
        *ret_err = ERR_NOMEM;
        return 0;
    }
    if ((shape = find_shape(h, class_name, site, keys)) != 0)
        return shape;
    if (count > 0 && (h->classes.rows[s.class].shapes >= CLASS_SHAPES_MAX || shapes_are_full(h))) {
        keys_trim(h, keys);
        return 0;
    }
    string_hold(h, class_name);
    if (site != 0)
        string_hold(h, site);
    if ((shape = new_shape(h, class_name, site, keys)) == 0) {
        keys_trim(h, keys);
        *ret_err = ERR_NOMEM;
    }
    return shape;
}

/* Records of a class mostly grow alike, so the shape that this one grew into last is tried first. */
uint32_t shape_of_fields(struct heap *h, uint32_t like, const slot_t *names, uint32_t count, enum err *ret_err)
{
    uint32_t recent = h->shapes[like].recent, shape;

    *ret_err = ERR_OK;
    if (is_shape_of(h, recent, &h->shapes[like], names, count))
        return recent;
    shape = find_or_make(h, like, names, count, ret_err);
    h->shapes[like].recent = shape;
    return shape;
}

/* ---- questions ---- */

int shape_place(const struct heap *h, uint32_t s, slot_t name)
{
    const struct shape *shape = &h->shapes[s];

    for (uint32_t i = 0; i < shape->field_count; i++)
        if (shape->names[i] == name)
            return (int)i;
    return -1;
}

void shape_lose_objects(struct heap *h, uint32_t s, uint64_t count, uint64_t bytes)
{
    struct tally *class = &h->classes.rows[h->shapes[s].class];

    CHECK(class->objects >= count && class->bytes >= bytes);
    tally_lose(class, count, bytes);
    tally_lose(&h->sites.rows[h->shapes[s].site], count, bytes);
    unuse_times(h, s, (uint32_t)count);
}

void shape_resize_object(struct heap *h, uint32_t s, int64_t delta)
{
    tally_resize(&h->classes.rows[h->shapes[s].class], delta);
    tally_resize(&h->sites.rows[h->shapes[s].site], delta);
}

struct slice shape_class_name(const struct heap *h, uint32_t s)
{
    return string_slice(h, class_name_of(h, &h->shapes[s]));
}

struct slice shape_site(const struct heap *h, uint32_t s)
{
    slot_t name = site_name(h, &h->shapes[s]);

    return name != 0 ? string_slice(h, name) : (struct slice){NULL, 0};
}

uint64_t shape_side_bytes(const struct heap *h)
{
    return (h->shape_end - 1) * sizeof *h->shapes + map_bytes(h->shape_by_parts) + tallies_side_bytes(&h->classes) +
           tallies_side_bytes(&h->sites) + keys_side_bytes(h);
}

/* ---- proof: the tables row by row, and at last the sums of one moment ---- */

static size_t validate_shapes(const struct heap *h, struct proof *p, size_t units)
{
    for (; p->at < h->shape_end && units > 0; p->at++, units--) {
        const struct shape *s = &h->shapes[p->at];

        if (p->at > 0 && s->class != 0)
            p->broken += find_shape(h, class_name_of(h, s), site_name(h, s), s->keys) != p->at;
    }
    return units;
}

static struct tally sum_of(const struct tallies *t)
{
    struct tally sum = {0};

    for (uint32_t n = 0; n < t->end; n++) {
        sum.shapes += t->rows[n].shapes;
        sum.objects += t->rows[n].objects;
        sum.bytes += t->rows[n].bytes;
    }
    return sum;
}

static size_t validate_sums(const struct heap *h)
{
    struct tally classes = sum_of(&h->classes), sites = sum_of(&h->sites);
    uint64_t shapes = 0, with_keys = 0, users = 0, idle = 0;

    for (uint32_t s = 1; s < h->shape_end; s++) {
        const struct shape *shape = &h->shapes[s];

        if (shape->class == 0)
            continue;
        shapes++;
        with_keys += shape->keys != 0;
        users += shape->users;
        idle += shape->users == 0;
    }
    return (size_t)(shapes != h->stats.shapes || classes.shapes != shapes || sites.shapes != shapes || idle != h->idle_count) +
           (classes.objects != h->stats.objects + h->unreleased || users != classes.objects + h->form_count) +
           (sites.objects != classes.objects || sites.bytes != classes.bytes) + keys_validate_sums(h, with_keys);
}

static size_t validate_part(const struct heap *h, struct proof *p, size_t units)
{
    const struct map *maps[] = {h->shape_by_parts, h->classes.by_name, h->sites.by_name, h->keys_by_step};

    if (p->part < ARRAY_LEN(maps))
        return map_validate_step(maps[p->part], p, units);
    if (p->part == ARRAY_LEN(maps))
        return validate_shapes(h, p, units);
    if (p->part == ARRAY_LEN(maps) + 1)
        return keys_validate_step(h, p, units);
    p->broken += validate_sums(h);
    return units;
}

size_t shape_validate_step(const struct heap *h, struct proof *p, size_t units)
{
    while (units > 0 && p->part < 7) {
        units = validate_part(h, p, units);
        if (units > 0)
            proof_next(p);
    }
    return units;
}
