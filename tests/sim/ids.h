/*
 * ids.h - every id that was ever given in a life: whose it is or was, and which commit has its birth.
 */
#pragma once
#include "heap/heap.h"

struct id_entry {
    obj_id id;
    uint64_t commit;
    uint16_t at; /* place in the model, as long as what is there has this id */
};

struct ids {
    struct id_entry *born; /* in the order in which they were given */
    size_t count, room;
    uint32_t *table;       /* hash of the id -> index + 1 */
    size_t table_room;
};

void ids_fini(struct ids *ids);
/* NULL: it was never given. */
struct id_entry *ids_find(const struct ids *ids, obj_id id);
/* It was not given before. */
void ids_add(struct ids *ids, obj_id id, uint16_t at, uint64_t commit);
/* Nobody was told of what was born after this commit, and it never happened. */
void ids_forget_after(struct ids *ids, uint64_t commit);
