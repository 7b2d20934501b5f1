/* fold.c - see fold.h: one walk over the nodes of the tree, each of which comes after its parent. */
#include "heap/graph/fold.h"
#include "heap/base/check.h"
#include "heap/base/map.h"

#define MAP_ENTRY_BYTES 48u /* of a map, at most: entry, bucket, and the half of a segment that is empty */
#define MAP_BYTES       (64u << 10)

struct folding {
    struct fold *fold;
    const struct frozen *f;
    const struct dominators *d;
    struct map *of_key;   /* frames, by parent and class */
    uint32_t *frame;      /* of a node */
    uint64_t seed;
};

/* At least the outside, what is unreached, and one for each node, if there are few. */
static uint32_t frames_max(const struct frozen *f)
{
    return f->node_count < FOLD_FRAMES_MAX - 2 ? f->node_count + 2 : FOLD_FRAMES_MAX;
}

size_t fold_bytes(const struct frozen *f)
{
    return sizeof(struct fold) + MAP_BYTES + frames_max(f) * (sizeof(struct fold_frame) + MAP_ENTRY_BYTES) +
           (size_t)f->node_count * sizeof(uint32_t);
}

void fold_destroy(struct fold **pf)
{
    struct fold *fold = *pf;

    *pf = NULL;
    if (fold == NULL)
        return;
    mem_free(fold->mem, fold->frames, fold->room * sizeof *fold->frames);
    mem_free(fold->mem, fold, sizeof *fold);
}

/* ---- frames ---- */

static uint32_t key_of(const struct folding *k, uint32_t parent, uint32_t class, enum frozen_kind kind)
{
    uint64_t x = (k->seed ^ parent) * UINT64_C(0xbf58476d1ce4e5b9);

    x = (x ^ x >> 29 ^ ((uint64_t)kind << 32 | class)) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(x >> 32);
}

static uint32_t add_frame(struct fold *fold, uint32_t parent, uint32_t class, enum frozen_kind kind)
{
    CHECK(fold->count < fold->room);
    fold->frames[fold->count] = (struct fold_frame){
        .parent = parent, .class = class, .kind = kind, .depth = fold->count == 0 ? 0 : fold->frames[parent].depth + 1};
    return fold->count++;
}

/* The frame of such nodes below that frame: there already, new, or, where there is no room, the one above. False: no memory. */
static bool frame_below(struct folding *k, uint32_t parent, uint32_t class, enum frozen_kind kind, uint32_t *ret)
{
    const struct fold_frame *frames = k->fold->frames;
    uint32_t key = key_of(k, parent, class, kind), entry = map_find(k->of_key, key);

    for (; entry != MAP_NONE; entry = map_next(k->of_key, entry)) {
        *ret = map_value(k->of_key, entry);
        if (frames[*ret].parent == parent && frames[*ret].class == class && frames[*ret].kind == kind)
            return true;
    }
    *ret = parent;
    if (k->fold->count == k->fold->room || frames[parent].depth == FOLD_DEPTH_MAX)
        return true;
    *ret = add_frame(k->fold, parent, class, kind);
    return map_add(k->of_key, key, *ret);
}

static bool put_node(struct folding *k, uint32_t node, uint32_t above)
{
    const struct frozen_label *l = frozen_label_of(k->f, node);
    const struct fold_frame *frame = &k->fold->frames[above];
    enum frozen_kind kind = frozen_is_object(k->f, node) ? FROZEN_RECORD : l->kind;

    k->frame[node] = above;
    if ((kind != frame->kind || l->class != frame->class) && !frame_below(k, above, l->class, kind, &k->frame[node]))
        return false;
    k->fold->frames[k->frame[node]].bytes += k->f->bytes[node];
    k->fold->frames[k->frame[node]].objects += frozen_is_object(k->f, node);
    return true;
}

static bool put_reached(struct folding *k)
{
    const uint32_t *order = dominators_order(k->d);
    uint32_t count = dominators_reached(k->d);

    k->frame[0] = FOLD_OUTSIDE;
    for (uint32_t i = 1; i < count; i++)
        if (!put_node(k, order[i], k->frame[dominators_parent(k->d, order[i])]))
            return false;
    return true;
}

static bool put_unreached(struct folding *k)
{
    for (uint32_t node = 1; node < k->f->node_count; node++)
        if (dominators_parent(k->d, node) == DOMINATORS_NONE && !put_node(k, node, FOLD_UNREACHED))
            return false;
    return true;
}

/* ---- all of it ---- */

static bool fold_all(struct folding *k, struct mem *mem)
{
    struct fold *fold = k->fold;

    fold->mem = mem;
    fold->room = frames_max(k->f);
    if ((fold->frames = mem_alloc(mem, fold->room * sizeof *fold->frames)) == NULL)
        fold->room = 0;
    if (fold->frames == NULL || k->of_key == NULL || k->frame == NULL)
        return false;
    add_frame(fold, FOLD_OUTSIDE, 0, FROZEN_OUTSIDE);
    add_frame(fold, FOLD_OUTSIDE, 0, FROZEN_OUTSIDE);
    return put_reached(k) && put_unreached(k);
}

enum err fold_create(struct mem *mem, const struct frozen *f, const struct dominators *d, uint64_t seed, struct fold **ret,
                     struct why *why)
{
    struct folding k = {.fold = mem_zalloc(mem, sizeof *k.fold), .f = f, .d = d, .of_key = map_create(mem, seed), .seed = seed};
    bool folded;

    k.frame = mem_alloc(mem, (size_t)f->node_count * sizeof *k.frame);
    folded = k.fold != NULL && fold_all(&k, mem);
    map_destroy(&k.of_key);
    mem_free(mem, k.frame, (size_t)f->node_count * sizeof *k.frame);
    if (!folded) {
        fold_destroy(&k.fold);
        return why_set(why, ERR_NOMEM, "no memory to fold the dominator tree of %u nodes", f->node_count);
    }
    *ret = k.fold;
    return ERR_OK;
}
