/* frozen_held.c - see frozen_held.h. */
#include "api/frozen_held.h"
#include "heap/base/check.h"
#include "heap/base/proof.h"

#define EDGES_PER_UNIT 64u
#define SLOTS (4u * HELD_NODES_MAX)

struct held_node {
    uint32_t node;
    uint32_t count;          /* of holders, told or not */
    uint32_t from[HELD_MAX]; /* the node of each ... */
    uint32_t edge[HELD_MAX]; /* ... and its edge */
};

struct held {
    struct mem *mem;
    const struct frozen *f;
    uint32_t count;
    uint32_t from, edge;    /* to look at next */
    uint16_t slots[SLOTS];  /* open addressing: 1 + index, 0: free */
    struct held_node nodes[HELD_NODES_MAX];
};

struct held *held_create(struct mem *mem, const struct frozen *f)
{
    struct held *h = mem_zalloc(mem, sizeof *h);

    if (h == NULL)
        return NULL;
    h->mem = mem;
    h->f = f;
    h->from = f->object_count + 1;
    h->edge = f->first_edge[h->from];
    return h;
}

void held_destroy(struct held **at)
{
    struct held *h = *at;

    *at = NULL;
    if (h != NULL)
        mem_free(h->mem, h, sizeof *h);
}

/* Where it is, or would be. */
static uint32_t slot_of(const struct held *h, uint32_t node)
{
    uint32_t slot = (node * 2654435761u) >> 20;

    _Static_assert(SLOTS == 1u << 12, "the hash has 12 bits");
    while (h->slots[slot] != 0 && h->nodes[h->slots[slot] - 1].node != node)
        slot = (slot + 1) % SLOTS;
    return slot;
}

void held_want(struct held *h, uint32_t node)
{
    uint32_t slot = slot_of(h, node);

    if (!frozen_is_object(h->f, node) || h->slots[slot] != 0)
        return;
    CHECK(h->count < HELD_NODES_MAX);
    h->nodes[h->count++].node = node;
    h->slots[slot] = (uint16_t)h->count;
}

static void look_at(struct held *h, uint32_t edge)
{
    uint16_t index = h->slots[slot_of(h, h->f->edge_to[edge])];
    struct held_node *n = &h->nodes[index - (index > 0)];

    if (index == 0)
        return;
    if (n->count < HELD_MAX) {
        n->from[n->count] = h->from;
        n->edge[n->count] = edge;
    }
    n->count++;
}

/* The holders are behind the objects, and their edges one after the other. */
size_t held_step(struct held *h, size_t units)
{
    const struct frozen *f = h->f;

    if (h->count == 0)
        return units;
    for (; units > 0 && h->edge < f->edge_count; units--) {
        uint32_t end = f->edge_count - h->edge < EDGES_PER_UNIT ? f->edge_count : h->edge + EDGES_PER_UNIT;

        for (; h->edge < end; h->edge++) {
            while (f->first_edge[h->from + 1] <= h->edge)
                h->from++;
            look_at(h, h->edge);
        }
    }
    return units;
}

static void write_holder(struct out *o, const struct frozen *f, uint32_t from, uint32_t edge)
{
    const struct frozen_label *l = frozen_label_of(f, from);

    out_open_object(o);
    if (l->kind == FROZEN_ROOTS) {
        out_member_string(o, "root", frozen_string(f, f->edge_name[edge]));
    } else if (l->kind == FROZEN_SESSION) {
        out_member_u64(o, "session", f->id[from]);
        out_member_string(o, "label", frozen_string(f, l->class));
    } else {
        out_member_bool(o, l->kind == FROZEN_BATCHES ? "batch" : "garbage", true);
    }
    out_close_object(o);
}

/* NULL: it was not wanted. */
static const struct held_node *find(const struct held *h, uint32_t node)
{
    uint16_t index = h->slots[slot_of(h, node)];

    return index > 0 ? &h->nodes[index - 1] : NULL;
}

struct slice held_root(const struct held *h, uint32_t node)
{
    const struct held_node *n = find(h, node);

    for (uint32_t i = 0; n != NULL && i < n->count && i < HELD_MAX; i++)
        if (frozen_label_of(h->f, n->from[i])->kind == FROZEN_ROOTS)
            return frozen_string(h->f, h->f->edge_name[n->edge[i]]);
    return (struct slice){NULL, 0};
}

void held_write(const struct held *h, uint32_t node, struct out *o)
{
    const struct held_node *n = find(h, node);

    if (n == NULL)
        return;
    out_key(o, "holders");
    out_open_array(o);
    for (uint32_t i = 0; i < n->count && i < HELD_MAX; i++)
        write_holder(o, h->f, n->from[i], n->edge[i]);
    out_close_array(o);
    if (n->count > HELD_MAX)
        out_member_bool(o, "more_holders", true);
}
