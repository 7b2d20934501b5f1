/*
 * list.c - see list.h.
 *
 * A node is a data cell. Its first word is count << 8 | level (leaves: level 0). A leaf's words are its items; an
 * inner node's are pairs of child and number of items below it. Since items are only ever appended and
 * deleted, no node is split, and all but the last leaf were full once.
 */
#include "heap/list.h"
#include "heap/heap_impl.h"
#include "heap/object.h"

#define FANOUT 64u
#define LEVELS_MAX 7u /* 127 * 64^6 is more than 2^32 */
#define LEAF_WORDS_MIN 4u
#define LEAF_WORDS_MAX (LIST_LEAF_ITEMS_MAX + 1)
#define INNER_WORDS (1 + 2 * FANOUT)

struct list {
    struct object head;
    slot_t root; /* 0: empty */
    uint32_t length;
    uint32_t version;
    uint32_t storage_words; /* of all its nodes */
};

struct node {
    uint32_t meta; /* count << 8 | level */
    uint32_t word[];
};

/* Where a descent went: the node at each level, and which child it took there (level 0: which item). */
struct path {
    uint32_t top;
    slot_t node[LEVELS_MAX];
    uint32_t at[LEVELS_MAX];
};

static struct list *list_at(const struct heap *h, slot_t list)
{
    struct object *o = object_at(h, list);

    CHECK(o->kind == KIND_LIST);
    return (struct list *)(void *)o;
}

static struct node *node_at(const struct heap *h, slot_t node)
{
    return (struct node *)pool_cell(&h->pools, node);
}

static uint32_t node_count(const struct node *n)
{
    return n->meta >> 8;
}

static uint32_t node_level(const struct node *n)
{
    return n->meta & 0xff;
}

static void set_count(struct node *n, uint32_t count)
{
    n->meta = count << 8 | node_level(n);
}

static slot_t *child_slot(struct node *n, uint32_t i)
{
    return &n->word[2 * i];
}

static uint32_t *child_items(struct node *n, uint32_t i)
{
    return &n->word[2 * i + 1];
}

static uint32_t leaf_room(const struct heap *h, slot_t leaf)
{
    return pool_words(&h->pools, leaf) - 1;
}

uint32_t list_length(const struct heap *h, slot_t list)
{
    return list_at(h, list)->length;
}

uint32_t list_version(const struct heap *h, slot_t list)
{
    return list_at(h, list)->version;
}

uint64_t list_storage_bytes(const struct heap *h, slot_t list)
{
    return (uint64_t)list_at(h, list)->storage_words * sizeof(uint32_t);
}

/* ---- nodes, and the storage they are ---- */

static slot_t new_node(struct heap *h, uint32_t words, uint32_t level)
{
    slot_t node = pool_alloc(&h->pools, POOL_DATA, pool_data_words(words));

    if (node != 0)
        node_at(h, node)->meta = level;
    return node;
}

static void charge(struct heap *h, slot_t list, slot_t node)
{
    uint32_t words = pool_words(&h->pools, node);

    list_at(h, list)->storage_words += words;
    object_resized(h, list, (int64_t)(words * sizeof(uint32_t)));
}

static void free_node(struct heap *h, slot_t list, slot_t node)
{
    uint32_t words = pool_words(&h->pools, node);

    list_at(h, list)->storage_words -= words;
    object_resized(h, list, -(int64_t)(words * sizeof(uint32_t)));
    pool_free(&h->pools, node);
}

/* Point to `node` from where `old` was pointed to: the root, or the parent at `level` of the path. */
static void replace_child(struct heap *h, slot_t list, const struct path *p, uint32_t level, slot_t node)
{
    if (level == p->top)
        list_at(h, list)->root = node;
    else
        *child_slot(node_at(h, p->node[level + 1]), p->at[level + 1]) = node;
}

/* ---- descending ---- */

static void descend(const struct heap *h, slot_t list, uint32_t index, struct path *p)
{
    slot_t slot = list_at(h, list)->root;

    CHECK(index < list_at(h, list)->length);
    p->top = node_level(node_at(h, slot));
    CHECK(p->top < LEVELS_MAX);
    for (uint32_t level = p->top; level > 0; level--) {
        struct node *n = node_at(h, slot);
        uint32_t i = 0;

        while (index >= *child_items(n, i))
            index -= *child_items(n, i++);
        CHECK(i < node_count(n));
        p->node[level] = slot;
        p->at[level] = i;
        slot = *child_slot(n, i);
    }
    p->node[0] = slot;
    p->at[0] = index;
    CHECK(index < node_count(node_at(h, slot)));
}

static void add_items(struct heap *h, const struct path *p, uint32_t from_level, int delta)
{
    for (uint32_t level = from_level; level <= p->top; level++)
        *child_items(node_at(h, p->node[level]), p->at[level]) += (uint32_t)delta;
}

/* ---- appending ---- */

/* Move the leaf at the end of the path into a cell of another size. False: no memory. */
static bool resize_leaf(struct heap *h, slot_t list, struct path *p, uint32_t words)
{
    slot_t old = p->node[0], leaf = new_node(h, words, 0);

    if (leaf == 0)
        return false;
    memcpy(node_at(h, leaf), node_at(h, old), (1 + node_count(node_at(h, old))) * sizeof(uint32_t));
    replace_child(h, list, p, 0, leaf);
    charge(h, list, leaf);
    free_node(h, list, old);
    p->node[0] = leaf;
    return true;
}

/* A leaf with one item below one inner node a level, up to `level`: chain[0] is the leaf. False: no memory. */
static bool new_chain(struct heap *h, uint32_t level, word_t word, slot_t *chain)
{
    for (uint32_t i = 0; i <= level; i++) {
        chain[i] = new_node(h, i == 0 ? LEAF_WORDS_MIN : INNER_WORDS, i);
        if (chain[i] == 0) {
            while (i-- > 0)
                pool_free(&h->pools, chain[i]);
            return false;
        }
        struct node *n = node_at(h, chain[i]);

        n->word[0] = i == 0 ? word : chain[i - 1];
        n->word[1] = 1;
        set_count(n, 1);
    }
    return true;
}

static void charge_chain(struct heap *h, slot_t list, const slot_t *chain, uint32_t level)
{
    for (uint32_t i = 0; i <= level; i++)
        charge(h, list, chain[i]);
}

/* The last leaf is full and as large as leaves get: hang a new one below the lowest node with room. */
static enum err push_leaf(struct heap *h, slot_t list, const struct path *p, word_t word)
{
    slot_t chain[LEVELS_MAX];
    uint32_t level = 1;

    while (level <= p->top && node_count(node_at(h, p->node[level])) == FANOUT)
        level++;
    CHECK(level < LEVELS_MAX);
    if (!new_chain(h, level - 1, word, chain))
        return ERR_NOMEM;
    if (level > p->top) { /* every level is full: a new root above the old and the chain */
        slot_t root = new_node(h, INNER_WORDS, level);

        if (root == 0) {
            for (uint32_t i = 0; i < level; i++)
                pool_free(&h->pools, chain[i]);
            return ERR_NOMEM;
        }
        *child_slot(node_at(h, root), 0) = list_at(h, list)->root;
        *child_items(node_at(h, root), 0) = list_at(h, list)->length;
        set_count(node_at(h, root), 1);
        list_at(h, list)->root = root;
        charge(h, list, root);
    }
    charge_chain(h, list, chain, level - 1);

    struct node *n = node_at(h, level <= p->top ? p->node[level] : list_at(h, list)->root);
    uint32_t i = node_count(n);

    *child_slot(n, i) = chain[level - 1];
    *child_items(n, i) = 1;
    set_count(n, i + 1);
    add_items(h, p, level + 1, +1);
    return ERR_OK;
}

static enum err push_first(struct heap *h, slot_t list, word_t word)
{
    slot_t leaf;

    if (!new_chain(h, 0, word, &leaf))
        return ERR_NOMEM;
    list_at(h, list)->root = leaf;
    charge(h, list, leaf);
    return ERR_OK;
}

static enum err push_last(struct heap *h, slot_t list, word_t word)
{
    struct path p;

    descend(h, list, list_at(h, list)->length - 1, &p);
    uint32_t count = node_count(node_at(h, p.node[0])), room = leaf_room(h, p.node[0]);

    if (count == room && room == LIST_LEAF_ITEMS_MAX)
        return push_leaf(h, list, &p, word);
    if (count == room && !resize_leaf(h, list, &p, 2 * (room + 1)))
        return ERR_NOMEM;
    node_at(h, p.node[0])->word[count] = word;
    set_count(node_at(h, p.node[0]), count + 1);
    add_items(h, &p, 1, +1);
    return ERR_OK;
}

enum err list_push(struct heap *h, slot_t list, word_t word, struct why *why)
{
    enum err e;

    if (list_at(h, list)->length == LIST_ITEMS_MAX)
        return why_limit(why, ERR_LIMIT, "list_items_max", LIST_ITEMS_MAX, "the list is full");
    e = list_at(h, list)->root == 0 ? push_first(h, list, word) : push_last(h, list, word);
    if (e != ERR_OK)
        return why_set(why, e, "no memory for another item");
    list_at(h, list)->length++;
    list_at(h, list)->version++;
    return ERR_OK;
}

uint32_t list_last_words(const struct heap *h, slot_t list)
{
    struct path p;

    if (list_at(h, list)->root == 0)
        return 0;
    descend(h, list, list_at(h, list)->length - 1, &p);
    return pool_words(&h->pools, p.node[0]);
}

void list_rewind(struct heap *h, slot_t list, uint32_t version)
{
    list_at(h, list)->version = version;
}

/* ---- reading and replacing ---- */

word_t list_get(const struct heap *h, slot_t list, uint32_t index)
{
    struct path p;

    descend(h, list, index, &p);
    return node_at(h, p.node[0])->word[p.at[0]];
}

const word_t *list_leaf(const struct heap *h, slot_t list, uint32_t index, uint32_t *ret_count)
{
    struct path p;

    descend(h, list, index, &p);
    *ret_count = node_count(node_at(h, p.node[0])) - p.at[0];
    return &node_at(h, p.node[0])->word[p.at[0]];
}

word_t list_set(struct heap *h, slot_t list, uint32_t index, word_t word)
{
    struct path p;

    descend(h, list, index, &p);
    word_t *place = &node_at(h, p.node[0])->word[p.at[0]], old = *place;

    *place = word;
    list_at(h, list)->version++;
    return old;
}

/* ---- removing ---- */

/* Take child `at` out of the inner node at `level`; a node that becomes empty goes too, up to the root. */
static void remove_child(struct heap *h, slot_t list, const struct path *p, uint32_t level)
{
    for (; level <= p->top; level++) {
        struct node *n = node_at(h, p->node[level]);
        uint32_t count = node_count(n), at = p->at[level];

        memmove(child_slot(n, at), child_slot(n, at + 1), (count - at - 1) * 2 * sizeof(uint32_t));
        set_count(n, count - 1);
        if (count > 1)
            return;
        free_node(h, list, p->node[level]);
    }
    list_at(h, list)->root = 0;
}

/* A root with one child is one level too many. */
static void lower_root(struct heap *h, slot_t list)
{
    struct list *l = list_at(h, list);

    while (l->root != 0 && node_level(node_at(h, l->root)) > 0 && node_count(node_at(h, l->root)) == 1) {
        slot_t root = l->root;

        l->root = *child_slot(node_at(h, root), 0);
        free_node(h, list, root);
    }
}

/* Child i + 1 of the parent of leaves flows into child i, if it fits. */
static bool merge_leaves(struct heap *h, slot_t list, const struct path *p, uint32_t i)
{
    struct node *parent = node_at(h, p->node[1]);
    slot_t left = *child_slot(parent, i), right = *child_slot(parent, i + 1);
    uint32_t have = node_count(node_at(h, left)), more = node_count(node_at(h, right));
    struct path to_right = *p;

    if (have + more > leaf_room(h, left))
        return false;
    memcpy(&node_at(h, left)->word[have], node_at(h, right)->word, more * sizeof(word_t));
    set_count(node_at(h, left), have + more);
    *child_items(parent, i) += more;
    to_right.at[1] = i + 1;
    remove_child(h, list, &to_right, 1);
    free_node(h, list, right);
    return true;
}

/* A leaf that has become sparse joins a neighbour; a lone one moves into a smaller cell. */
static void tidy_leaf(struct heap *h, slot_t list, struct path *p)
{
    uint32_t count = node_count(node_at(h, p->node[0])), room = leaf_room(h, p->node[0]);

    if (count > room / 4 || room < 2 * LEAF_WORDS_MIN)
        return;
    if (p->top > 0) {
        uint32_t i = p->at[1], children = node_count(node_at(h, p->node[1]));

        if ((i + 1 < children && merge_leaves(h, list, p, i)) || (i > 0 && merge_leaves(h, list, p, i - 1)))
            return;
    }
    (void)resize_leaf(h, list, p, (room + 1) / 2); /* no memory to save memory: it stays as it is */
}

static void move_scans(struct heap *h, slot_t list, uint32_t index)
{
    for (struct edge_scan *s = h->scans; s != NULL; s = s->next)
        if (s->slot == list && s->position > index)
            s->position--;
}

word_t list_delete(struct heap *h, slot_t list, uint32_t index)
{
    struct path p;

    descend(h, list, index, &p);
    struct node *leaf = node_at(h, p.node[0]);
    uint32_t count = node_count(leaf);
    word_t old = leaf->word[p.at[0]];

    memmove(&leaf->word[p.at[0]], &leaf->word[p.at[0] + 1], (count - p.at[0] - 1) * sizeof(word_t));
    set_count(leaf, count - 1);
    add_items(h, &p, 1, -1);
    if (count > 1) {
        tidy_leaf(h, list, &p);
    } else {
        free_node(h, list, p.node[0]);
        remove_child(h, list, &p, 1);
    }
    lower_root(h, list);
    list_at(h, list)->length--;
    list_at(h, list)->version++;
    move_scans(h, list, index);
    return old;
}

word_t list_unpush(struct heap *h, slot_t list, uint32_t last_words, uint32_t version)
{
    word_t word = list_delete(h, list, list_at(h, list)->length - 1);
    struct path p;

    list_rewind(h, list, version);
    if (list_last_words(h, list) <= last_words)
        return word;
    descend(h, list, list_at(h, list)->length - 1, &p);
    if (node_count(node_at(h, p.node[0])) < last_words)
        (void)resize_leaf(h, list, &p, last_words);
    return word;
}

uint32_t list_pop_leaf(struct heap *h, slot_t list, word_t *out)
{
    struct path p;
    uint32_t length = list_at(h, list)->length;

    if (length == 0)
        return 0;
    descend(h, list, length - 1, &p);
    uint32_t count = node_count(node_at(h, p.node[0]));

    memcpy(out, node_at(h, p.node[0])->word, count * sizeof(word_t));
    add_items(h, &p, 1, -(int)count);
    free_node(h, list, p.node[0]);
    remove_child(h, list, &p, 1);
    list_at(h, list)->length -= count;
    return count;
}

/* ---- proof ---- */

/* The tree is at most seven levels high, so this is a walk with a small stack. */
static size_t validate_node(const struct heap *h, slot_t slot, uint32_t level, uint64_t *items, uint64_t *words)
{
    struct node *n = node_at(h, slot);
    size_t broken = node_level(n) != level || node_count(n) == 0;

    *words += pool_words(&h->pools, slot);
    if (level == 0) {
        *items += node_count(n);
        return broken + (node_count(n) > leaf_room(h, slot));
    }
    broken += node_count(n) > FANOUT;
    for (uint32_t i = 0; i < node_count(n); i++) {
        uint64_t below = 0;

        broken += validate_node(h, *child_slot(n, i), level - 1, &below, words);
        broken += below != *child_items(n, i);
        *items += below;
    }
    return broken;
}

size_t list_validate(const struct heap *h, slot_t list)
{
    const struct list *l = list_at(h, list);
    uint64_t items = 0, words = 0;
    size_t broken = 0;

    if (l->root != 0)
        broken += validate_node(h, l->root, node_level(node_at(h, l->root)), &items, &words);
    return broken + (items != l->length) + (words != l->storage_words);
}
