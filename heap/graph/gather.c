/* gather.c - see gather.h. */
#include "heap/graph/gather.h"
#include "heap/base/check.h"

#define EDGES_MIN 6u   /* in the first chunk ... */
#define EDGES_MAX 510u /* ... and each has twice as many as the one before, up to a page */
#define EDGES_PER_UNIT 64u /* of a chunk that is given back */
#define TO_IS_WEAK 0x80000000u

/* A slot has 29 bits. */
_Static_assert(SLOT_MAX < TO_IS_WEAK, "a bit is left to say that it is a weak one");

struct edges_chunk {
    struct edges_chunk *next;
    uint32_t room, count;
    struct {
        uint32_t to, name;
    } edge[];
};

static size_t chunk_bytes(uint32_t room)
{
    return sizeof(struct edges_chunk) + room * sizeof((struct edges_chunk *)0)->edge[0];
}

static bool add_chunk(struct gather *g, struct mem *mem)
{
    uint32_t room = g->last == NULL ? EDGES_MIN : 2 * g->last->room + 2;
    struct edges_chunk *c;

    room = room < EDGES_MAX ? room : EDGES_MAX;
    if ((c = mem_alloc(mem, chunk_bytes(room))) == NULL)
        return false;
    *c = (struct edges_chunk){.room = room};
    if (g->last != NULL)
        g->last->next = c;
    else
        g->first = c;
    g->last = c;
    return true;
}

bool gather_add(struct gather *g, struct mem *mem, slot_t to, uint32_t name, bool weak)
{
    struct edges_chunk *c = g->last;

    if ((c == NULL || c->count == c->room) && !add_chunk(g, mem))
        return false;
    c = g->last;
    c->edge[c->count].to = to | (weak ? TO_IS_WEAK : 0);
    c->edge[c->count++].name = name;
    g->count++;
    return true;
}

bool gather_leave_out(struct gather *g, struct mem *mem, uint64_t seed, uint32_t number)
{
    if (g->again == NULL && (g->again = map_create(mem, seed)) == NULL)
        return false;
    return map_add(g->again, number, 0);
}

bool gather_is_left_out(struct gather *g, uint32_t number)
{
    uint32_t entry = g->again != NULL ? map_find(g->again, number) : MAP_NONE;

    if (entry == MAP_NONE)
        return false;
    map_remove(g->again, entry);
    return true;
}

void gather_seal(struct gather *g)
{
    g->slot = 0;
    map_destroy(&g->again);
    holes_destroy(&g->holes);
}

static void free_first(struct gather *g, struct mem *mem)
{
    struct edges_chunk *c = g->first;

    g->first = c->next;
    if (g->first == NULL)
        g->last = NULL;
    g->taken = 0;
    mem_free(mem, c, chunk_bytes(c->room));
}

bool gather_take(struct gather *g, struct mem *mem, struct gathered *ret)
{
    const struct edges_chunk *c;

    if (g->first != NULL && g->taken == g->first->count)
        free_first(g, mem);
    if ((c = g->first) == NULL)
        return false;
    *ret = (struct gathered){.to = c->edge[g->taken].to & ~TO_IS_WEAK,
                             .name = c->edge[g->taken].name,
                             .weak = (c->edge[g->taken].to & TO_IS_WEAK) != 0};
    g->taken++;
    return true;
}

size_t gather_fini(struct gather *g, struct mem *mem, size_t units)
{
    while (g->first != NULL && units > 0) {
        units = units_less(units, 1 + g->first->room / EDGES_PER_UNIT);
        free_first(g, mem);
    }
    if (units > 0)
        gather_seal(g);
    return units;
}
