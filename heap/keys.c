/* keys.c - see keys.h. Numbered in a table that is reserved once and never moves. */
#include "heap/keys.h"
#include "heap/base/num.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"

enum err keys_create(struct heap *h)
{
    h->keys_end = 1;
    h->keys = mem_reserve(h->mem, KEYS_MAX * sizeof *h->keys);
    h->keys_by_step = map_create(h->mem, h->seed);
    return h->keys != NULL && h->keys_by_step != NULL ? ERR_OK : ERR_NOMEM;
}

void keys_destroy(struct heap *h)
{
    map_destroy(&h->keys_by_step);
    if (h->keys_end > 1)
        mem_uncharge(h->mem, (h->keys_end - 1) * sizeof *h->keys);
    mem_unreserve(h->mem, h->keys, KEYS_MAX * sizeof *h->keys);
}

static uint32_t step_hash(const struct heap *h, uint32_t parent, slot_t name)
{
    return (uint32_t)hash_u64(h->seed, (uint64_t)parent << 32 | name);
}

static bool is_step(const struct keys *k, uint32_t parent, slot_t name)
{
    return k->parent == parent && k->names[k->count - 1] == name;
}

static uint32_t find_entry(const struct heap *h, uint32_t parent, slot_t name)
{
    uint32_t e = map_find(h->keys_by_step, step_hash(h, parent, name));

    while (e != MAP_NONE && !is_step(&h->keys[map_value(h->keys_by_step, e)], parent, name))
        e = map_next(h->keys_by_step, e);
    return e;
}

static uint32_t take_number(struct heap *h)
{
    uint32_t n = h->keys_free;

    if (n != 0) {
        h->keys_free = h->keys[n].next_free;
        return n;
    }
    if (h->keys_end == KEYS_MAX || !mem_charge(h->mem, sizeof *h->keys))
        return 0;
    return h->keys_end++;
}

static void return_number(struct heap *h, uint32_t n)
{
    h->keys[n] = (struct keys){.next_free = h->keys_free};
    h->keys_free = n;
}

static uint32_t new_step(struct heap *h, uint32_t parent, slot_t name)
{
    uint32_t count = keys_count(h, parent) + 1;
    slot_t *names = mem_alloc(h->mem, count * sizeof *names);
    uint32_t n = names != NULL ? take_number(h) : 0;

    if (n == 0 || !map_add(h->keys_by_step, step_hash(h, parent, name), n)) {
        if (n != 0)
            return_number(h, n);
        mem_free(h->mem, names, count * sizeof *names);
        return 0;
    }
    if (count > 1)
        memcpy(names, h->keys[parent].names, (count - 1) * sizeof *names);
    names[count - 1] = name;
    string_hold(h, name);
    keys_use(h, parent);
    h->keys[n] = (struct keys){.parent = parent,
                               .count = count,
                               .names = names,
                               .hash = hash_more(keys_hash(h, parent), string_hash(h, name))};
    h->keys_names_bytes += count * sizeof *names;
    return n;
}

uint32_t keys_with(struct heap *h, uint32_t keys, slot_t name)
{
    uint32_t e = find_entry(h, keys, name);

    return e != MAP_NONE ? map_value(h->keys_by_step, e) : new_step(h, keys, name);
}

void keys_use(struct heap *h, uint32_t keys)
{
    h->keys[keys].users += keys != 0;
}

void keys_unuse(struct heap *h, uint32_t keys)
{
    if (keys == 0)
        return;
    CHECK(h->keys[keys].users > 0);
    h->keys[keys].users--;
    keys_trim(h, keys);
}

void keys_trim(struct heap *h, uint32_t n)
{
    while (n != 0 && h->keys[n].users == 0) {
        struct keys k = h->keys[n];

        map_remove(h->keys_by_step, find_entry(h, k.parent, k.names[k.count - 1]));
        string_release(h, k.names[k.count - 1]);
        h->keys_names_bytes -= k.count * sizeof *k.names;
        mem_free(h->mem, k.names, k.count * sizeof *k.names);
        return_number(h, n);
        n = k.parent;
        h->keys[n].users -= n != 0;
    }
}

uint64_t keys_hash(const struct heap *h, uint32_t keys)
{
    return keys != 0 ? h->keys[keys].hash : h->seed;
}

uint32_t keys_count(const struct heap *h, uint32_t keys)
{
    return h->keys[keys].count;
}

const slot_t *keys_names(const struct heap *h, uint32_t keys)
{
    return h->keys[keys].names;
}

uint64_t keys_side_bytes(const struct heap *h)
{
    return (h->keys_end - 1) * sizeof *h->keys + map_bytes(h->keys_by_step) + h->keys_names_bytes;
}

size_t keys_validate_step(const struct heap *h, struct proof *p, size_t units)
{
    for (; p->at < h->keys_end && units > 0; p->at++, units--) {
        const struct keys *k = &h->keys[p->at];

        if (p->at > 0 && k->count > 0)
            p->broken += k->users == 0 || k->count != keys_count(h, k->parent) + 1 ||
                         find_entry(h, k->parent, k->names[k->count - 1]) == MAP_NONE;
    }
    return units;
}

size_t keys_validate_sums(const struct heap *h, uint64_t shapes)
{
    uint64_t used = 0, users = 0, children = 0;

    for (uint32_t n = 1; n < h->keys_end; n++) {
        const struct keys *k = &h->keys[n];

        if (k->count == 0)
            continue;
        used++;
        users += k->users;
        children += k->parent != 0;
    }
    return (size_t)(used != map_count(h->keys_by_step)) + (users != shapes + children);
}
