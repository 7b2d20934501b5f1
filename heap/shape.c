/*
 * shape.c - see shape.h. Shapes and classes are numbered in tables that are reserved once and never move; each
 * number that was used is on the account.
 */
#include "heap/shape.h"
#include "heap/base/num.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"

#define CLASSES_MAX SHAPES_MAX /* a class has at least one shape */

enum err shape_tables_create(struct heap *h)
{
    h->shape_end = h->class_end = 1; /* 0 is none */
    h->shapes = mem_reserve(h->mem, SHAPES_MAX * sizeof *h->shapes);
    h->classes = mem_reserve(h->mem, CLASSES_MAX * sizeof *h->classes);
    h->transitions = map_create(h->mem, h->seed);
    h->bases = map_create(h->mem, h->seed);
    h->class_by_name = map_create(h->mem, h->seed);
    if (h->shapes && h->classes && h->transitions && h->bases && h->class_by_name)
        return ERR_OK;
    return ERR_NOMEM;
}

static void free_oldest_idle(struct heap *h);

void shape_tables_destroy(struct heap *h)
{
    while (h->idle_count > 0)
        free_oldest_idle(h);
    map_destroy(&h->transitions);
    map_destroy(&h->bases);
    map_destroy(&h->class_by_name);
    if (h->shape_end > 1)
        mem_uncharge(h->mem, (h->shape_end - 1) * sizeof *h->shapes);
    if (h->class_end > 1)
        mem_uncharge(h->mem, (h->class_end - 1) * sizeof *h->classes);
    mem_unreserve(h->mem, h->shapes, SHAPES_MAX * sizeof *h->shapes);
    mem_unreserve(h->mem, h->classes, CLASSES_MAX * sizeof *h->classes);
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

static void idle_remove(struct heap *h, uint32_t s)
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

void shape_use(struct heap *h, uint32_t s)
{
    if (h->shapes[s].users++ == 0)
        idle_remove(h, s);
}

static void lose_user(struct heap *h, uint32_t s)
{
    CHECK(h->shapes[s].users > 0);
    if (--h->shapes[s].users == 0)
        idle_add(h, s);
}

void shape_unuse(struct heap *h, uint32_t s)
{
    lose_user(h, s);
    for (uint32_t i = 0; i <= RECORD_SLOTS_MAX && h->idle_count > SHAPES_IDLE_MAX; i++)
        free_oldest_idle(h); /* which may make its parent idle: at most a whole chain */
}

/* ---- finding one by its hash ---- */

static uint32_t pair_hash(const struct heap *h, uint32_t a, uint32_t b)
{
    return (uint32_t)hash_u64(h->seed, (uint64_t)a << 32 | b);
}

static uint32_t base_hash(const struct heap *h, slot_t class_name, slot_t site)
{
    return pair_hash(h, class_name, site);
}

static uint32_t find_base(const struct heap *h, slot_t class_name, slot_t site)
{
    for (uint32_t e = map_find(h->bases, base_hash(h, class_name, site)); e != MAP_NONE; e = map_next(h->bases, e)) {
        const struct shape *s = &h->shapes[map_value(h->bases, e)];

        if (s->site == site && h->classes[s->class].name == class_name)
            return map_value(h->bases, e);
    }
    return 0;
}

static uint32_t find_child(const struct heap *h, uint32_t parent, slot_t name)
{
    uint32_t e = map_find(h->transitions, pair_hash(h, parent, name));

    for (; e != MAP_NONE; e = map_next(h->transitions, e)) {
        const struct shape *s = &h->shapes[map_value(h->transitions, e)];

        if (s->parent == parent && s->name == name)
            return map_value(h->transitions, e);
    }
    return 0;
}

static void forget_hash(struct map *m, uint32_t hash, uint32_t shape)
{
    uint32_t e = map_find(m, hash);

    while (e != MAP_NONE && map_value(m, e) != shape)
        e = map_next(m, e);
    CHECK(e != MAP_NONE);
    map_remove(m, e);
}

/* ---- making and freeing ---- */

static void free_oldest_idle(struct heap *h)
{
    uint32_t s = h->idle_head;
    struct shape shape = h->shapes[s];

    idle_remove(h, s);
    if (shape.parent == 0)
        forget_hash(h->bases, base_hash(h, h->classes[shape.class].name, shape.site), s);
    else
        forget_hash(h->transitions, pair_hash(h, shape.parent, shape.name), s);
    if (shape.site != 0)
        string_release(h, shape.site);
    if (shape.name != 0)
        string_release(h, shape.name);
    mem_free(h->mem, shape.names, shape.field_count * sizeof *shape.names);
    h->stats.shapes--;
    h->stats.shared_bytes -= shape.field_count * sizeof *shape.names;
    h->classes[shape.class].shapes--;
    drop_class_without_shapes(h, shape.class);
    return_shape_number(h, s);
    if (shape.parent != 0)
        lose_user(h, shape.parent);
}

static void add_shape(struct heap *h, uint32_t number, struct shape shape)
{
    h->shapes[number] = shape;
    h->classes[shape.class].shapes++;
    h->stats.shapes++;
    h->stats.shared_bytes += shape.field_count * sizeof *shape.names;
    idle_add(h, number);
}

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NOMEM, "no memory for a class");
}

/* Takes over both strings, whatever comes of it. */
static enum err new_base(struct heap *h, slot_t class_name, slot_t site, uint32_t *ret, struct why *why)
{
    enum err e = ERR_NOMEM;
    uint32_t class = 0, number;

    if (h->shape_end == SHAPES_MAX && h->shape_free == 0)
        e = why_limit(why, ERR_LIMIT, "shapes_max", SHAPES_MAX, "the heap has all the shapes it may have");
    else if ((number = shape_number(h)) == 0)
        e = no_memory(why);
    else if (!map_add(h->bases, base_hash(h, class_name, site), number)) {
        return_shape_number(h, number);
        e = no_memory(why);
    } else if ((class = take_class(h, class_name)) == 0) {
        forget_hash(h->bases, base_hash(h, class_name, site), number);
        return_shape_number(h, number);
        e = no_memory(why);
    } else {
        add_shape(h, number, (struct shape){.class = class, .site = site});
        *ret = number;
        return ERR_OK;
    }
    string_release(h, class_name);
    if (site != 0)
        string_release(h, site);
    return e;
}

enum err shape_base(struct heap *h, struct label label, uint32_t *ret, struct why *why)
{
    enum err e;
    slot_t name = string_lookup(h, label.class), site = label.site.len > 0 ? string_lookup(h, label.site) : 0;

    if (name != 0 && (site != 0 || label.site.len == 0) && (*ret = find_base(h, name, site)) != 0)
        return ERR_OK;
    if ((e = name_check(label.class, "class", why)) ||
        (label.site.len > 0 && (e = name_check(label.site, "site", why))))
        return e;
    name = string_take(h, label.class);
    site = label.site.len > 0 ? string_take(h, label.site) : 0;
    if (name != 0 && (site != 0 || label.site.len == 0))
        return new_base(h, name, site, ret, why);
    if (name != 0)
        string_release(h, name);
    return no_memory(why);
}

uint32_t shape_base_of(const struct heap *h, uint32_t s)
{
    while (h->shapes[s].parent != 0)
        s = h->shapes[s].parent;
    return s;
}

static uint32_t new_child(struct heap *h, uint32_t parent, slot_t name)
{
    uint32_t count = h->shapes[parent].field_count + 1;
    slot_t *names = mem_alloc(h->mem, count * sizeof *names);
    uint32_t number = names != NULL ? shape_number(h) : 0;

    if (number == 0 || !map_add(h->transitions, pair_hash(h, parent, name), number)) {
        if (number != 0)
            return_shape_number(h, number);
        mem_free(h->mem, names, count * sizeof *names);
        return 0;
    }
    if (count > 1)
        memcpy(names, h->shapes[parent].names, (count - 1) * sizeof *names);
    names[count - 1] = name;
    string_hold(h, name);
    shape_use(h, parent);
    add_shape(h, number, (struct shape){.class = h->shapes[parent].class, .site = h->shapes[parent].site,
                                        .parent = parent, .name = name, .field_count = count, .names = names});
    if (h->shapes[number].site != 0)
        string_hold(h, h->shapes[number].site);
    return number;
}

uint32_t shape_with(struct heap *h, uint32_t s, slot_t name, enum err *ret_err)
{
    uint32_t child = find_child(h, s, name);

    *ret_err = ERR_OK;
    if (child != 0)
        return child;
    if (h->shapes[s].field_count == RECORD_SLOTS_MAX || h->classes[h->shapes[s].class].shapes >= CLASS_SHAPES_MAX ||
        (h->shape_end == SHAPES_MAX && h->shape_free == 0))
        return 0;
    child = new_child(h, s, name);
    if (child == 0)
        *ret_err = ERR_NOMEM;
    return child;
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

void shape_gain_object(struct heap *h, uint32_t s, uint64_t bytes)
{
    struct class *class = &h->classes[h->shapes[s].class];

    shape_use(h, s);
    class->objects++;
    class->bytes += bytes;
}

void shape_lose_object(struct heap *h, uint32_t s, uint64_t bytes)
{
    struct class *class = &h->classes[h->shapes[s].class];

    CHECK(class->objects > 0 && class->bytes >= bytes);
    class->objects--;
    class->bytes -= bytes;
    shape_unuse(h, s);
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
    uint32_t c = *cursor == 0 ? 1 : *cursor;

    while (c < h->class_end && h->classes[c].name == 0)
        c++;
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
           map_bytes(h->transitions) + map_bytes(h->bases) + map_bytes(h->class_by_name);
}

size_t shape_validate(const struct heap *h)
{
    size_t broken = map_validate(h->transitions) + map_validate(h->bases) + map_validate(h->class_by_name);
    uint64_t shapes = 0, of_classes = 0, objects = 0, users = 0, children = 0;

    for (uint32_t s = 1; s < h->shape_end; s++) {
        const struct shape *shape = &h->shapes[s];

        if (shape->class == 0)
            continue;
        shapes++;
        users += shape->users;
        children += shape->parent != 0;
        broken += shape->field_count != (shape->parent == 0 ? 0 : h->shapes[shape->parent].field_count + 1);
    }
    for (uint32_t c = 1; c < h->class_end; c++) {
        of_classes += h->classes[c].shapes;
        objects += h->classes[c].objects;
    }
    broken += shapes != h->stats.shapes || of_classes != shapes || objects != h->stats.objects;
    return broken + (users != h->stats.objects + children);
}
