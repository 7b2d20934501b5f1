/*
 * map.c - see map.h. Linear hashing over dense rows.
 *
 * The load is one entry a bucket, so entry i and the head of bucket i live in the same row, and one array of
 * rows serves both: it grows and shrinks at its end only.
 *
 *      row      0        1        2      ...   count-1 |  dead, uninitialised    capacity
 *      entry    key,value,next ...                     |
 *      bucket   head ...                               |
 *
 * The first 8 rows are part of the struct, so that a small map is one small block. Behind them segment k has
 * the 8 << k rows from 8 << k on; they are never zeroed, because a row is written before it is read.
 *
 * There are as many buckets as entries, but never fewer than 8. Adding entry i makes bucket i by splitting
 * its parent, i without its highest bit; removing the last entry joins the last bucket to its parent again.
 *
 * The top segment is freed when three quarters of the rows are unused. So one whole unused segment stays,
 * and a map that goes up and down around any size asks for no memory. That must not become one long munmap
 * (8 ms at 40 million entries): pages go back to the system a run at a time while the map shrinks, and the
 * free finds them gone.
 *
 * Of all operations only map_destroy() has a worst case that grows with count, other than by the length of
 * a chain, which the seed defends.
 */
#include "heap/base/map.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

#define MAP_MAGIC    0x6d617031u
#define FIRST_ROWS   8u
#define FIRST_BITS   3u                 /* log2 of FIRST_ROWS */
#define SEGMENTS_MAX (32u - FIRST_BITS) /* enough for every entry number */
#define KEEPERS_MAX  0xffffffu
#define NEIGHBOURS   8u                 /* two cache lines of rows */
#define RUN_ROWS     4096u              /* pages are given back this many rows at a time */
#define RUN_BYTES    (RUN_ROWS * sizeof(struct row))
#define RUN_UNITS    64u                /* what that takes, of map_destroy_step() */

struct row {
    uint32_t key;
    uint32_t value;
    uint32_t next; /* entry behind this one in its chain, or MAP_NONE */
    uint32_t head; /* of the bucket with this number: its first entry, or MAP_NONE */
};

_Static_assert(sizeof(struct row) == 16, "an entry costs 16 bytes");
_Static_assert(RUN_BYTES % MEM_PAGE_BYTES == 0, "a run is whole pages");

struct map {
    uint32_t magic;
    uint32_t count;
    struct mem *mem;
    uint64_t seed;
    struct row **segments; /* SEGMENTS_MAX of them, or NULL while the first rows suffice */
    uint32_t segment_count : 8;
    uint32_t keepers : 24; /* who want the rows of the removed to stay */
    uint32_t promised; /* additions that map_reserve() made room for: it is not given back */
    struct row first[FIRST_ROWS];
};

/* Rows: where entry and bucket i live. */

static uint32_t top_bit(uint32_t i)
{
    return 31u - (uint32_t)__builtin_clz(i); /* i > 0 */
}

static struct row *row_at(struct map *m, uint32_t i)
{
    if (i < FIRST_ROWS)
        return &m->first[i];

    uint32_t top = top_bit(i);

    CHECK(top - FIRST_BITS < m->segment_count);
    return &m->segments[top - FIRST_BITS][i - (1u << top)];
}

static const struct row *row_of(const struct map *m, uint32_t i)
{
    return row_at((struct map *)m, i); /* only looked at */
}

static uint64_t capacity(const struct map *m)
{
    return (uint64_t)FIRST_ROWS << m->segment_count;
}

static size_t segment_bytes(uint32_t k)
{
    return ((size_t)FIRST_ROWS << k) * sizeof(struct row);
}

static bool is_mapped(uint32_t k)
{
    return segment_bytes(k) >= RUN_BYTES; /* whole pages, so that they can go back one by one */
}

/* Segments: room at the end, and giving it back. */

static bool add_directory(struct map *m)
{
    if (m->segments == NULL)
        m->segments = mem_zalloc(m->mem, SEGMENTS_MAX * sizeof(struct row *));
    return m->segments != NULL;
}

static void drop_directory_if_empty(struct map *m)
{
    if (m->segment_count > 0)
        return;
    mem_free(m->mem, m->segments, SEGMENTS_MAX * sizeof(struct row *));
    m->segments = NULL;
}

static bool add_segment(struct map *m)
{
    uint32_t k = m->segment_count;
    struct row *rows;

    CHECK(k < SEGMENTS_MAX);
    if (!add_directory(m))
        return false;
    if (is_mapped(k))
        rows = mem_map(m->mem, segment_bytes(k), MEM_PAGE_BYTES);
    else
        rows = mem_alloc(m->mem, segment_bytes(k));
    if (rows == NULL) {
        drop_directory_if_empty(m);
        return false;
    }
    CHECK(m->segments[k] == NULL);
    m->segments[k] = rows;
    m->segment_count = (k + 1) & UINT8_MAX;
    return true;
}

static void drop_top_segment(struct map *m)
{
    CHECK(m->segment_count > 0);

    uint32_t k = m->segment_count - 1u;

    m->segment_count = k & UINT8_MAX;
    CHECK(m->count <= capacity(m)); /* nobody lives there */
    if (is_mapped(k))
        mem_unmap(m->mem, m->segments[k], segment_bytes(k));
    else
        mem_free(m->mem, m->segments[k], segment_bytes(k));
    m->segments[k] = NULL;
    drop_directory_if_empty(m);
}

/* After the map has shrunk to a whole number of runs: the run behind it is kept, the one behind that is
 * dead and its pages go. Behind row RUN_ROWS every segment is made of whole runs. */
static void discard_a_run(struct map *m)
{
    uint64_t run = (uint64_t)m->count + RUN_ROWS;

    if (m->count % RUN_ROWS == 0 && run + RUN_ROWS <= capacity(m))
        mem_discard(row_at(m, (uint32_t)run), RUN_BYTES);
}

static bool has_too_many_rows(const struct map *m)
{
    return m->promised == 0 && m->keepers == 0 && m->segment_count > 0 && m->count <= capacity(m) / 4;
}

static void give_back(struct map *m)
{
    discard_a_run(m);
    if (has_too_many_rows(m))
        drop_top_segment(m);
}

/* Buckets: one for every entry, at least 8. */

static uint32_t bucket_count(const struct map *m)
{
    return m->count < FIRST_ROWS ? FIRST_ROWS : m->count;
}

static uint32_t parent_of(uint32_t bucket)
{
    return bucket - (1u << top_bit(bucket));
}

/* Keys often come one after the other, as the slots of new objects do: NEIGHBOURS that follow each other have buckets side
 * by side, so that the memory is fetched once for all of them. In which order they lie there is the hash's too, else keys
 * that are all multiples of NEIGHBOURS would share a part of the buckets. */
static uint32_t place_of(const struct map *m, uint32_t key)
{
    uint64_t hash = hash_u64(m->seed, key / NEIGHBOURS);

    return (uint32_t)hash * NEIGHBOURS + (uint32_t)((key ^ hash >> 32) % NEIGHBOURS);
}

/* The low bits of the place, as many as the highest bucket number has; a bucket that is not there yet still
 * lives with its parent. */
static uint32_t bucket_of(const struct map *m, uint32_t key)
{
    uint32_t last = bucket_count(m) - 1;
    uint32_t bucket = place_of(m, key) & (UINT32_MAX >> __builtin_clz(last));

    return bucket <= last ? bucket : parent_of(bucket);
}

static bool chain_is_well(const struct map *m, uint32_t bucket)
{
    uint32_t steps = 0;

    for (uint32_t e = row_of(m, bucket)->head; e != MAP_NONE; e = row_of(m, e)->next) {
        if (e >= m->count || steps++ >= m->count || bucket_of(m, row_of(m, e)->key) != bucket)
            return false;
    }
    return true;
}

static void push(struct map *m, uint32_t bucket, uint32_t entry)
{
    struct row *home = row_at(m, bucket);

    row_at(m, entry)->next = home->head;
    home->head = entry;
}

/* The head or next that names `entry`. */
static uint32_t *link_to(struct map *m, uint32_t entry)
{
    uint32_t *link = &row_at(m, bucket_of(m, row_at(m, entry)->key))->head;

    while (*link != entry) {
        CHECK(*link < m->count); /* the end comes too soon: rule 1 is broken */
        link = &row_at(m, *link)->next;
    }
    return link;
}

/* The last bucket has just come to be: take from its parent's chain what belongs to it. */
static void split_into(struct map *m, uint32_t bucket)
{
    uint32_t *link = &row_at(m, parent_of(bucket))->head;

    row_at(m, bucket)->head = MAP_NONE;
    while (*link != MAP_NONE) {
        uint32_t entry = *link;
        struct row *row = row_at(m, entry);

        if (bucket_of(m, row->key) == bucket) {
            *link = row->next;
            push(m, bucket, entry);
        } else {
            link = &row->next;
        }
    }
    INVARIANT(chain_is_well(m, bucket) && chain_is_well(m, parent_of(bucket)));
}

/* The last bucket is about to go: hang its chain behind its parent's. */
static void join_to_parent(struct map *m, uint32_t bucket)
{
    uint32_t *link = &row_at(m, parent_of(bucket))->head;

    while (*link != MAP_NONE)
        link = &row_at(m, *link)->next;
    *link = row_at(m, bucket)->head;
}

/* Let entry `from` have the number `to`, which is in no chain. The heads in their rows stay where they are.
 */
static void renumber(struct map *m, uint32_t from, uint32_t to)
{
    const struct row *src = row_at(m, from);
    struct row *dst = row_at(m, to);

    *link_to(m, from) = to;
    dst->key = src->key;
    dst->value = src->value;
    dst->next = src->next;
}

/* Life. */

struct map *map_create(struct mem *mem, uint64_t seed)
{
    struct map *m = mem_zalloc(mem, sizeof *m);

    if (m == NULL)
        return NULL;
    m->magic = MAP_MAGIC;
    m->mem = mem;
    m->seed = seed;
    for (uint32_t b = 0; b < FIRST_ROWS; b++)
        m->first[b].head = MAP_NONE;
    return m;
}

void map_destroy(struct map **ptr)
{
    struct map *m = *ptr;

    if (m == NULL)
        return;
    CHECK_IS(m, MAP_MAGIC);
    m->count = 0;
    while (m->segment_count > 0)
        drop_top_segment(m);
    m->magic = 0;
    mem_free(m->mem, m, sizeof *m);
    *ptr = NULL;
}

/* The highest of the rows that were in use: a run of them, or what is left of the segment. Rows are no longer entries, and
 * `count` is how many there still are. */
static size_t destroy_some(struct map *m, size_t units)
{
    uint32_t half = (uint32_t)(capacity(m) / 2), run;

    if (m->count > half && half >= RUN_ROWS) {
        run = (m->count - 1) / RUN_ROWS * RUN_ROWS;
        mem_discard(row_at(m, run), RUN_BYTES);
        m->count = run;
        return units_less(units, RUN_UNITS);
    }
    m->count = m->count < half ? m->count : half;
    drop_top_segment(m);
    return units_less(units, RUN_UNITS);
}

size_t map_destroy_step(struct map **ptr, size_t units)
{
    struct map *m = *ptr;

    if (m == NULL)
        return units;
    CHECK_IS(m, MAP_MAGIC);
    while (units > 0 && m->segment_count > 0)
        units = destroy_some(m, units);
    if (units > 0)
        map_destroy(ptr);
    return units;
}

/* Operations. */

bool map_add(struct map *m, uint32_t key, uint32_t value)
{
    CHECK_IS(m, MAP_MAGIC);
    if (m->count == MAP_NONE || (m->count == capacity(m) && !add_segment(m)))
        return false;

    uint32_t entry = m->count++;

    m->promised -= m->promised > 0;
    if (entry >= FIRST_ROWS)
        split_into(m, entry); /* the bucket of the same number */

    struct row *row = row_at(m, entry);

    row->key = key;
    row->value = value;
    push(m, bucket_of(m, key), entry);
    INVARIANT(chain_is_well(m, bucket_of(m, key)));
    return true;
}

bool map_reserve(struct map *m, uint32_t n)
{
    CHECK_IS(m, MAP_MAGIC);
    if (n > MAP_NONE - m->count)
        return false;

    uint32_t segments_before = m->segment_count;

    while (capacity(m) - m->count < n) {
        if (!add_segment(m)) {
            while (m->segment_count > segments_before)
                drop_top_segment(m);
            return false;
        }
    }
    m->promised = n;
    return true;
}

void map_remove(struct map *m, uint32_t entry)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(entry < m->count);

    uint32_t last = m->count - 1;

    *link_to(m, entry) = row_at(m, entry)->next;
    if (entry != last)
        renumber(m, last, entry);
    if (last >= FIRST_ROWS)
        join_to_parent(m, last); /* the bucket of the same number */
    m->count--;
    INVARIANT(last < FIRST_ROWS || chain_is_well(m, parent_of(last)));
    INVARIANT(entry == last || chain_is_well(m, bucket_of(m, row_at(m, entry)->key)));
    give_back(m);
}

void map_keep_rows(struct map *m)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(m->keepers < KEEPERS_MAX);
    m->keepers = (m->keepers + 1u) & KEEPERS_MAX;
}

void map_let_rows_go(struct map *m)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(m->keepers > 0);
    m->keepers = (m->keepers - 1u) & KEEPERS_MAX;
    while (has_too_many_rows(m))
        drop_top_segment(m);
}

/* Two entries change places; the heads in their rows stay where they are. */
static void swap(struct map *m, uint32_t a, uint32_t b)
{
    struct row *at_a = row_at(m, a), *at_b = row_at(m, b);
    uint32_t key = at_a->key, value = at_a->value;

    *link_to(m, a) = at_a->next;
    *link_to(m, b) = at_b->next;
    at_a->key = at_b->key;
    at_a->value = at_b->value;
    at_b->key = key;
    at_b->value = value;
    push(m, bucket_of(m, at_a->key), a);
    push(m, bucket_of(m, key), b);
}

void map_put_back(struct map *m, uint32_t entry, uint32_t key, uint32_t value)
{
    CHECK(m->count < capacity(m) && entry <= m->count);
    CHECK(map_add(m, key, value));
    if (entry != m->count - 1)
        swap(m, entry, m->count - 1);
}

void map_set_value(struct map *m, uint32_t entry, uint32_t value)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(entry < m->count);
    row_at(m, entry)->value = value;
}

/* Queries. */

/* The first entry with `key` from `entry` on, along its chain. */
static uint32_t seek(const struct map *m, uint32_t entry, uint32_t key)
{
    while (entry != MAP_NONE) {
        CHECK(entry < m->count);
        if (row_of(m, entry)->key == key)
            break;
        entry = row_of(m, entry)->next;
    }
    return entry;
}

uint32_t map_find(const struct map *m, uint32_t key)
{
    CHECK_IS(m, MAP_MAGIC);
    return seek(m, row_of(m, bucket_of(m, key))->head, key);
}

uint32_t map_next(const struct map *m, uint32_t entry)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(entry < m->count);

    const struct row *row = row_of(m, entry);

    return seek(m, row->next, row->key);
}

uint32_t map_key(const struct map *m, uint32_t entry)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(entry < m->count);
    return row_of(m, entry)->key;
}

uint32_t map_value(const struct map *m, uint32_t entry)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(entry < m->count);
    return row_of(m, entry)->value;
}

uint32_t map_count(const struct map *m)
{
    CHECK_IS(m, MAP_MAGIC);
    return m->count;
}

size_t map_bytes(const struct map *m)
{
    CHECK_IS(m, MAP_MAGIC);

    size_t bytes = sizeof *m + (capacity(m) - FIRST_ROWS) * sizeof(struct row);

    if (m->segments != NULL)
        bytes += SEGMENTS_MAX * sizeof(struct row *);
    return bytes;
}

size_t map_untouched_bytes(const struct map *m)
{
    uint64_t used = ((uint64_t)m->count + RUN_ROWS - 1) / RUN_ROWS * RUN_ROWS;

    return used < capacity(m) ? (capacity(m) - used) * sizeof(struct row) : 0;
}

/* Behind chain_is_well(). */
static bool chain_has(const struct map *m, uint32_t bucket, uint32_t entry)
{
    uint32_t e = row_of(m, bucket)->head;

    while (e != MAP_NONE && e != entry)
        e = row_of(m, e)->next;
    return e == entry;
}

bool map_validate_row(const struct map *m, uint32_t i)
{
    uint32_t bucket = i < m->count ? bucket_of(m, row_of(m, i)->key) : i;

    return chain_is_well(m, i) && (i >= m->count || (chain_is_well(m, bucket) && chain_has(m, bucket, i)));
}

/* From the last row down: who is removed meanwhile is followed by the last, which has been looked at or will be. */
size_t map_validate_step(const struct map *m, struct proof *p, size_t units)
{
    CHECK_IS(m, MAP_MAGIC);
    CHECK(m->count <= capacity(m)); /* else there is nothing to walk on */
    if (p->at == 0) {
        p->broken += (m->segments == NULL) != (m->segment_count == 0);
        p->at = (uint64_t)bucket_count(m) + 1;
    }
    if (p->at > (uint64_t)bucket_count(m) + 1)
        p->at = (uint64_t)bucket_count(m) + 1;
    for (; p->at > 1 && units > 0; p->at--, units--)
        p->broken += !map_validate_row(m, (uint32_t)p->at - 2);
    return units;
}

size_t map_validate(const struct map *m)
{
    struct proof p = {.part = 0};

    (void)map_validate_step(m, &p, SIZE_MAX);
    return p.broken;
}
