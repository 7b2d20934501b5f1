/*
 * idmap.c - see idmap.h. Open addressing, linear probing, Fibonacci hashing.
 */
#include "client/cli/idmap.h"
#include <stdlib.h>

enum { IDMAP_FIRST_CAPACITY = 1024 };

void idmap_fini(struct idmap *m)
{
    free(m->entries);
    *m = (struct idmap){0};
}

/* The entry of a stored key, or the free one where it would go. */
static struct idmap_entry *find(const struct idmap *m, uint64_t stored)
{
    size_t i = (size_t)((stored * 0x9e3779b97f4a7c15u) >> 20) & (m->capacity - 1);

    while (m->entries[i].key != 0 && m->entries[i].key != stored)
        i = (i + 1) & (m->capacity - 1);
    return &m->entries[i];
}

static bool grow(struct idmap *m)
{
    struct idmap larger = {.capacity = m->capacity ? m->capacity * 2 : IDMAP_FIRST_CAPACITY,
                           .count = m->count};

    larger.entries = calloc(larger.capacity, sizeof *larger.entries);
    if (larger.entries == NULL)
        return false;
    for (size_t i = 0; i < m->capacity; i++)
        if (m->entries[i].key != 0)
            *find(&larger, m->entries[i].key) = m->entries[i];
    free(m->entries);
    *m = larger;
    return true;
}

bool idmap_set(struct idmap *m, uint64_t key, uint64_t value)
{
    struct idmap_entry *entry;

    if (m->count * 2 >= m->capacity && !grow(m))
        return false;
    entry = find(m, key + 1);
    m->count += entry->key == 0;
    *entry = (struct idmap_entry){.key = key + 1, .value = value};
    return true;
}

bool idmap_get(const struct idmap *m, uint64_t key, uint64_t *ret_value)
{
    const struct idmap_entry *entry = m->capacity > 0 ? find(m, key + 1) : NULL;

    if (entry == NULL || entry->key == 0)
        return false;
    *ret_value = entry->value;
    return true;
}
