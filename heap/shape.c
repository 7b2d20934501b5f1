/*
 * shape.c - see shape.h. Shapes and classes are numbered in tables that are reserved once and never move; each
 * number that was used is on the account.
 */
#include "heap/shape.h"
#include "heap/base/bits.h"
#include "heap/base/num.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/keys.h"

#define IDLE_FREED_AT_ONCE 2   /* more than one can become idle, so that refused creations leave nothing behind */
#define CLASSES_MAX SHAPES_MAX /* a class has at least one shape */

enum err shape_tables_create(struct heap *h)
{
    h->shape_end = h->class_end = 1; /* 0 is none */
    h->shapes = mem_reserve(h->mem, SHAPES_MAX * sizeof *h->shapes);
    h->classes = mem_reserve(h->mem, CLASSES_MAX * sizeof *h->classes);
    h->classes_used = mem_reserve(h->mem, CLASSES_MAX / 8);
    h->shape_by_parts = map_create(h->mem, h->seed);
    h->class_by_name = map_create(h->mem, h->seed);
    if (h->shapes && h->classes && h->classes_used && h->shape_by_parts && h->class_by_name)
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
    map_destroy(&h->class_by_name);
    if (h->shape_end > 1)
        mem_uncharge(h->mem, (h->shape_end - 1) * sizeof *h->shapes);
    if (h->class_end > 1)
        mem_uncharge(h->mem, (h->class_end - 1) * sizeof *h->classes);
    mem_unreserve(h->mem, h->shapes, SHAPES_MAX * sizeof *h->shapes);
    mem_unreserve(h->mem, h->classes, CLASSES_MAX * sizeof *h->classes);
    mem_unreserve(h->mem, h->classes_used, CLASSES_MAX / 8);
}

/* ---- classes ---- */

static uint32_t find_class(const struct heap *h, slot_t name)
{
    uint32_t e = map_find(h->class_by_name, name);

    return e == MAP_NONE ? 0 : map_value(h->class_by_name, e);
}

static uint32_t class_number(struct heap *h)
{
    uint32_t c = h->class_free;

    if (c != 0) {
        h->class_free = h->classes[c].next_free;
        return c;
    }
    if (h->class_end == CLASSES_MAX || !mem_charge(h->mem, sizeof *h->classes))
        return 0;
    return h->class_end++;
}

/* The class of that name (taking over the caller's reference on it), made if need be; 0: no memory. */
static uint32_t take_class(struct heap *h, slot_t name)
{
    uint32_t c = find_class(h, name);

    if (c != 0) {
        string_release(h, name);
        return c;
    }
    c = class_number(h);
    if (c == 0)
        return 0;
    if (!map_add(h->class_by_name, name, c)) {
        h->classes[c] = (struct class){.next_free = h->class_free};
        h->class_free = c;
        return 0;
    }
    h->classes[c] = (struct class){.name = name};
    bits_add(h->classes_used, c);
    h->stats.classes++;
    return c;
}

static void drop_class_without_shapes(struct heap *h, uint32_t c)
{
    struct class *class = &h->classes[c];

    if (class->shapes > 0)
        return;
    CHECK(class->objects == 0 && class->bytes == 0);
    map_remove(h->class_by_name, map_find(h->class_by_name, class->name));
    string_release(h, class->name);
    *class = (struct class){.next_free = h->class_free};
    bits_remove(h->classes_used, c);
    h->class_free = c;
    h->stats.classes--;
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

static uint32_t parts_hash(const struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    return (uint32_t)hash_u64(hash_u64(h->seed, keys), (uint64_t)class_name << 32 | site);
}

static uint32_t find_entry(const struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    uint32_t e = map_find(h->shape_by_parts, parts_hash(h, class_name, site, keys));

    for (; e != MAP_NONE; e = map_next(h->shape_by_parts, e)) {
        const struct shape *s = &h->shapes[map_value(h->shape_by_parts, e)];

        if (s->site == site && s->keys == keys && h->classes[s->class].name == class_name)
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
    map_remove(h->shape_by_parts, find_entry(h, h->classes[shape.class].name, shape.site, shape.keys));
    if (shape.site != 0)
        string_release(h, shape.site);
    keys_unuse(h, shape.keys);
    h->stats.shapes--;
    h->classes[shape.class].shapes--;
    drop_class_without_shapes(h, shape.class);
    return_shape_number(h, s);
}

/* Take over one reference on each string (site 0: none), whatever comes of it. 0: no memory, or no number. */
static uint32_t new_shape(struct heap *h, slot_t class_name, slot_t site, uint32_t keys)
{
    uint32_t hash = parts_hash(h, class_name, site, keys), number = shape_number(h), class;

    if (number != 0 && map_add(h->shape_by_parts, hash, number)) {
        if ((class = take_class(h, class_name)) != 0) {
            h->shapes[number] = (struct shape){.class = class, .site = site, .keys = keys,
                                               .field_count = keys_count(h, keys), .names = keys_names(h, keys)};
            keys_use(h, keys);
            h->classes[class].shapes++;
            h->stats.shapes++;
            idle_add(h, number);
            return number;
        }
        uint32_t e = map_find(h->shape_by_parts, hash);

        while (map_value(h->shape_by_parts, e) != number)
            e = map_next(h->shape_by_parts, e);
        map_remove(h->shape_by_parts, e);
    }
    if (number != 0)
        return_shape_number(h, number);
    string_release(h, class_name);
    if (site != 0)
        string_release(h, site);
    return 0;
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
    slot_t class_name = h->classes[s.class].name;
    uint32_t keys = keys_for(h, &s, names, count), shape;

    if (count > 0 && keys == 0) {
        *ret_err = ERR_NOMEM;
        return 0;
    }
    if ((shape = find_shape(h, class_name, s.site, keys)) != 0)
        return shape;
    if (count > 0 && (h->classes[s.class].shapes >= CLASS_SHAPES_MAX || shapes_are_full(h))) {
        keys_trim(h, keys);
        return 0;
    }
    string_hold(h, class_name);
    if (s.site != 0)
        string_hold(h, s.site);
    if ((shape = new_shape(h, class_name, s.site, keys)) == 0) {
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
    struct class *class = &h->classes[h->shapes[s].class];

    CHECK(class->objects >= count && class->bytes >= bytes);
    class->objects -= count;
    class->bytes -= bytes;
    unuse_times(h, s, (uint32_t)count);
}

void shape_resize_object(struct heap *h, uint32_t s, int64_t delta)
{
    struct class *class = &h->classes[h->shapes[s].class];

    class->bytes += (uint64_t)delta;
}

struct slice shape_class_name(const struct heap *h, uint32_t s)
{
    return string_slice(h, h->classes[h->shapes[s].class].name);
}

struct slice shape_site(const struct heap *h, uint32_t s)
{
    return h->shapes[s].site != 0 ? string_slice(h, h->shapes[s].site) : (struct slice){NULL, 0};
}

bool heap_next_class(const struct heap *h, uint32_t *cursor, struct class_info *ret)
{
    uint32_t c = bits_next(h->classes_used, *cursor == 0 ? 1 : *cursor, h->class_end);

    *cursor = c + 1;
    if (c >= h->class_end)
        return false;

    const struct class *class = &h->classes[c];

    *ret = (struct class_info){string_slice(h, class->name), class->objects, class->bytes, class->shapes};
    return true;
}

uint64_t shape_side_bytes(const struct heap *h)
{
    return (h->shape_end - 1) * sizeof *h->shapes + (h->class_end - 1) * sizeof *h->classes +
           map_bytes(h->shape_by_parts) + map_bytes(h->class_by_name) + keys_side_bytes(h);
}

/* ---- proof: the tables row by row, and at last the sums of one moment ---- */

static size_t validate_shapes(const struct heap *h, struct proof *p, size_t units)
{
    for (; p->at < h->shape_end && units > 0; p->at++, units--) {
        const struct shape *s = &h->shapes[p->at];

        if (p->at > 0 && s->class != 0)
            p->broken += find_shape(h, h->classes[s->class].name, s->site, s->keys) != p->at;
    }
    return units;
}

static size_t validate_sums(const struct heap *h)
{
    uint64_t shapes = 0, with_keys = 0, of_classes = 0, objects = 0, users = 0, idle = 0;

    for (uint32_t s = 1; s < h->shape_end; s++) {
        const struct shape *shape = &h->shapes[s];

        if (shape->class == 0)
            continue;
        shapes++;
        with_keys += shape->keys != 0;
        users += shape->users;
        idle += shape->users == 0;
    }
    for (uint32_t c = 1; c < h->class_end; c++) {
        of_classes += h->classes[c].shapes;
        objects += h->classes[c].objects;
    }
    return (size_t)(shapes != h->stats.shapes || of_classes != shapes || idle != h->idle_count) +
           (objects != h->stats.objects + h->unreleased || users != objects + h->form_count) +
           keys_validate_sums(h, with_keys);
}

static size_t validate_part(const struct heap *h, struct proof *p, size_t units)
{
    const struct map *maps[] = {h->shape_by_parts, h->class_by_name, h->keys_by_step};

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
    while (units > 0 && p->part < 6) {
        units = validate_part(h, p, units);
        if (units > 0)
            proof_next(p);
    }
    return units;
}
