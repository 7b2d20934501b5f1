/* ids.c - see ids.h. */
#include "tests/sim/ids.h"
#include "heap/base/check.h"
#include <stdlib.h>

void ids_fini(struct ids *ids)
{
    free(ids->born);
    free(ids->table);
    *ids = (struct ids){.count = 0};
}

static uint32_t *place_of(const struct ids *ids, obj_id id)
{
    size_t at = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 32);

    for (;; at++) {
        uint32_t *place = &ids->table[at & (ids->table_room - 1)];

        if (*place == 0 || ids->born[*place - 1].id == id)
            return place;
    }
}

static void fill_table(struct ids *ids)
{
    free(ids->table);
    ids->table_room = 4 * ids->room;
    ids->table = calloc(ids->table_room, sizeof *ids->table);
    CHECK(ids->table != NULL);
    for (size_t i = 0; i < ids->count; i++)
        *place_of(ids, ids->born[i].id) = (uint32_t)i + 1;
}

struct id_entry *ids_find(const struct ids *ids, obj_id id)
{
    uint32_t place = ids->count == 0 ? 0 : *place_of(ids, id);

    return place == 0 ? NULL : &ids->born[place - 1];
}

void ids_add(struct ids *ids, obj_id id, uint16_t at, uint64_t commit)
{
    if (ids->count == ids->room) {
        ids->room = ids->room == 0 ? 1024 : 2 * ids->room;
        ids->born = realloc(ids->born, ids->room * sizeof *ids->born);
        CHECK(ids->born != NULL);
        fill_table(ids);
    }
    ids->born[ids->count++] = (struct id_entry){.id = id, .commit = commit, .at = at};
    *place_of(ids, id) = (uint32_t)ids->count;
}

void ids_forget_after(struct ids *ids, uint64_t commit)
{
    size_t before = ids->count;

    while (ids->count > 0 && ids->born[ids->count - 1].commit > commit)
        ids->count--;
    if (ids->count < before)
        fill_table(ids);
}
