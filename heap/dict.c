/* dict.c - see dict.h. */
#include "heap/dict.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"

struct entry {
    slot_t name;
    word_t word;
    slot_t prev, next; /* 0 at the ends; spare entries: next only */
};

struct dict {
    slot_t head, tail;
    slot_t spare;      /* entries made by dict_reserve() and not used yet */
    uint32_t spares;
    uint32_t version;  /* changes, for etags */
    uint32_t map[sizeof(struct map *) / sizeof(uint32_t)]; /* name -> entry; cells are word-aligned only */
};

#define ENTRY_WORDS (sizeof(struct entry) / sizeof(uint32_t))
#define DICT_WORDS (sizeof(struct dict) / sizeof(uint32_t))

static struct dict *dict_at(const struct heap *h, slot_t dict)
{
    return (struct dict *)pool_cell(&h->pools, dict);
}

static struct entry *entry_at(const struct heap *h, slot_t entry)
{
    return (struct entry *)pool_cell(&h->pools, entry);
}

static struct map *map_of(const struct heap *h, slot_t dict)
{
    struct map *m;

    memcpy(&m, dict_at(h, dict)->map, sizeof m);
    return m;
}

/* The map lies outside the pools: before a change of it (-1), and after (1). */
static void count_map(struct heap *h, const struct map *m, int sign)
{
    h->stats.large_bytes += (uint64_t)sign * map_bytes(m);
    h->stats.untouched_bytes += (uint64_t)sign * map_untouched_bytes(m);
}

slot_t dict_create(struct heap *h)
{
    struct map *m = map_create(h->mem, h->seed);
    slot_t dict = m != NULL ? pool_alloc(&h->pools, POOL_DATA, DICT_WORDS) : 0;

    if (dict == 0) {
        map_destroy(&m);
        return 0;
    }
    count_map(h, m, 1);
    *dict_at(h, dict) = (struct dict){.head = 0};
    memcpy(dict_at(h, dict)->map, &m, sizeof m);
    return dict;
}

static void free_spares(struct heap *h, slot_t dict)
{
    struct dict *d = dict_at(h, dict);

    while (d->spare != 0) {
        slot_t entry = d->spare;

        d->spare = entry_at(h, entry)->next;
        pool_free(&h->pools, entry);
    }
    d->spares = 0;
}

void dict_destroy(struct heap *h, slot_t dict)
{
    struct map *m = map_of(h, dict);

    CHECK(map_count(m) == 0);
    free_spares(h, dict);
    count_map(h, m, -1);
    map_destroy(&m);
    pool_free(&h->pools, dict);
}

slot_t dict_find(const struct heap *h, slot_t dict, slot_t name)
{
    struct map *m = map_of(h, dict);
    uint32_t e = map_find(m, name);

    return e == MAP_NONE ? 0 : map_value(m, e);
}

slot_t dict_first(const struct heap *h, slot_t dict)
{
    return dict_at(h, dict)->head;
}

slot_t dict_next(const struct heap *h, slot_t entry)
{
    return entry_at(h, entry)->next;
}

slot_t dict_name(const struct heap *h, slot_t entry)
{
    return entry_at(h, entry)->name;
}

word_t dict_word(const struct heap *h, slot_t entry)
{
    return entry_at(h, entry)->word;
}

uint32_t dict_count(const struct heap *h, slot_t dict)
{
    return map_count(map_of(h, dict));
}

uint32_t dict_version(const struct heap *h, slot_t dict)
{
    return dict_at(h, dict)->version;
}

uint64_t dict_bytes(const struct heap *h, slot_t dict)
{
    return sizeof(struct dict) + map_bytes(map_of(h, dict)) +
           (uint64_t)(dict_count(h, dict) + dict_at(h, dict)->spares) * sizeof(struct entry);
}

static bool reserve(struct heap *h, struct map *m, uint32_t n)
{
    bool done;

    count_map(h, m, -1);
    done = map_reserve(m, n);
    count_map(h, m, 1);
    return done;
}

enum err dict_reserve(struct heap *h, slot_t dict, uint32_t n)
{
    while (dict_at(h, dict)->spares < n) {
        slot_t entry = pool_alloc(&h->pools, POOL_DATA, ENTRY_WORDS);

        if (entry == 0)
            return ERR_NOMEM;
        *entry_at(h, entry) = (struct entry){.next = dict_at(h, dict)->spare};
        dict_at(h, dict)->spare = entry;
        dict_at(h, dict)->spares++;
    }
    return reserve(h, map_of(h, dict), n) ? ERR_OK : ERR_NOMEM;
}

void dict_settle(struct heap *h, slot_t dict)
{
    free_spares(h, dict);
    CHECK(reserve(h, map_of(h, dict), 0));
}

slot_t dict_add(struct heap *h, slot_t dict, slot_t name, word_t word)
{
    struct dict *d = dict_at(h, dict);
    struct map *m = map_of(h, dict);
    slot_t entry = d->spare;

    CHECK(entry != 0);
    count_map(h, m, -1);
    CHECK(map_add(m, name, entry));
    count_map(h, m, 1);
    d->spare = entry_at(h, entry)->next;
    d->spares--;
    *entry_at(h, entry) = (struct entry){.name = name, .word = word, .prev = d->tail};
    if (d->tail != 0)
        entry_at(h, d->tail)->next = entry;
    else
        d->head = entry;
    d->tail = entry;
    d->version++;
    return entry;
}

word_t dict_replace(struct heap *h, slot_t dict, slot_t entry, word_t word)
{
    word_t old = entry_at(h, entry)->word;

    entry_at(h, entry)->word = word;
    dict_at(h, dict)->version++;
    return old;
}

/* Out of the map and the list; it still says where it stood. */
static void unlink_entry(struct heap *h, slot_t dict, slot_t entry)
{
    struct dict *d = dict_at(h, dict);
    const struct entry *e = entry_at(h, entry);
    struct map *m = map_of(h, dict);

    count_map(h, m, -1);
    map_remove(m, map_find(m, e->name));
    count_map(h, m, 1);
    if (e->prev != 0)
        entry_at(h, e->prev)->next = e->next;
    else
        d->head = e->next;
    if (e->next != 0)
        entry_at(h, e->next)->prev = e->prev;
    else
        d->tail = e->prev;
    d->version++;
}

word_t dict_remove(struct heap *h, slot_t dict, slot_t entry)
{
    struct entry e = *entry_at(h, entry);

    unlink_entry(h, dict, entry);
    pool_free(&h->pools, entry);
    string_release(h, e.name);
    return e.word;
}

/* ---- taken out, and perhaps put back ---- */

void dict_take_out(struct heap *h, slot_t dict, slot_t entry)
{
    map_keep_rows(map_of(h, dict));
    unlink_entry(h, dict, entry);
}

static void let_rows_go(struct heap *h, struct map *m)
{
    count_map(h, m, -1);
    map_let_rows_go(m);
    count_map(h, m, 1);
}

void dict_put_back(struct heap *h, slot_t dict, slot_t entry)
{
    struct dict *d = dict_at(h, dict);
    const struct entry *e = entry_at(h, entry);
    struct map *m = map_of(h, dict);

    count_map(h, m, -1);
    map_put_back(m, map_count(m), e->name, entry);
    count_map(h, m, 1);
    let_rows_go(h, m);
    if (e->prev != 0)
        entry_at(h, e->prev)->next = entry;
    else
        d->head = entry;
    if (e->next != 0)
        entry_at(h, e->next)->prev = entry;
    else
        d->tail = entry;
}

void dict_forget(struct heap *h, slot_t dict, slot_t entry)
{
    slot_t name = entry_at(h, entry)->name;

    let_rows_go(h, map_of(h, dict));
    pool_free(&h->pools, entry);
    string_release(h, name);
}

void dict_rewind(struct heap *h, slot_t dict, uint32_t version)
{
    dict_at(h, dict)->version = version;
}

size_t dict_validate(const struct heap *h, slot_t dict)
{
    const struct map *m = map_of(h, dict);
    size_t broken = map_validate(m);
    uint32_t n = 0;
    slot_t prev = 0;

    for (slot_t e = dict_first(h, dict); e != 0; prev = e, e = dict_next(h, e), n++)
        broken += entry_at(h, e)->prev != prev || dict_find(h, dict, dict_name(h, e)) != e;
    return broken + (n != map_count(m)) + (dict_at(h, dict)->tail != prev);
}
