/*
 * idmap.h - from 64-bit number to 64-bit number: ids to the ops that make them, and the other way.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct idmap_entry {
    uint64_t key; /* 0: free; keys are stored one higher */
    uint64_t value;
};

struct idmap {
    struct idmap_entry *entries;
    size_t capacity; /* 0 or a power of two; at most half is in use */
    size_t count;
};

void idmap_fini(struct idmap *m);

/* Keys are below UINT64_MAX. False without memory. A key that is there gets the new value. */
bool idmap_set(struct idmap *m, uint64_t key, uint64_t value);
bool idmap_get(const struct idmap *m, uint64_t key, uint64_t *ret_value);
