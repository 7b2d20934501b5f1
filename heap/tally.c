/* tally.c - see tally.h. */
#include "heap/tally.h"
#include "heap/base/bits.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"

enum err tallies_create(struct tallies *t, struct heap *h)
{
    *t = (struct tallies){.mem = h->mem, .end = 1};
    t->rows = mem_reserve(h->mem, TALLY_ROWS_MAX * sizeof *t->rows);
    t->used = mem_reserve(h->mem, TALLY_ROWS_MAX / 8);
    t->by_name = map_create(h->mem, h->seed);
    return t->rows != NULL && t->used != NULL && t->by_name != NULL ? ERR_OK : ERR_NOMEM;
}

void tallies_destroy(struct tallies *t)
{
    if (t->mem == NULL)
        return;
    CHECK(t->count == 0);
    map_destroy(&t->by_name);
    mem_uncharge(t->mem, (t->end - 1) * sizeof *t->rows);
    mem_unreserve(t->mem, t->rows, TALLY_ROWS_MAX * sizeof *t->rows);
    mem_unreserve(t->mem, t->used, TALLY_ROWS_MAX / 8);
}

uint64_t tallies_side_bytes(const struct tallies *t)
{
    return (t->end - 1) * sizeof *t->rows + map_bytes(t->by_name);
}

/* ---- rows ---- */

static uint32_t row_number(struct tallies *t)
{
    uint32_t n = t->free_row;

    if (n != 0) {
        t->free_row = t->rows[n].next_free;
        return n;
    }
    if (t->end == TALLY_ROWS_MAX || !mem_charge(t->mem, sizeof *t->rows))
        return 0;
    return t->end++;
}

static void return_row(struct tallies *t, uint32_t n)
{
    t->rows[n] = (struct tally){.next_free = t->free_row};
    t->free_row = n;
}

/* 0: no memory. */
static uint32_t add_row(struct tallies *t, slot_t name)
{
    uint32_t n = row_number(t);

    if (n == 0)
        return 0;
    if (!map_add(t->by_name, name, n)) {
        return_row(t, n);
        return 0;
    }
    t->rows[n] = (struct tally){.name = name, .serial = ++t->serial};
    bits_add(t->used, n);
    t->count++;
    return n;
}

bool tally_take(struct heap *h, struct tallies *t, slot_t name, uint32_t *ret)
{
    uint32_t e = name != 0 ? map_find(t->by_name, name) : MAP_NONE;
    uint32_t n = e != MAP_NONE ? map_value(t->by_name, e) : 0;

    if (name != 0 && (n != 0 || (n = add_row(t, name)) == 0))
        string_release(h, name);
    if (name != 0 && n == 0)
        return false;
    t->rows[n].shapes++;
    *ret = n;
    return true;
}

void tally_drop(struct heap *h, struct tallies *t, uint32_t n)
{
    struct tally *row = &t->rows[n];

    CHECK(row->shapes > 0);
    if (--row->shapes > 0 || n == 0)
        return;
    CHECK(row->objects == 0 && row->bytes == 0);
    map_remove(t->by_name, map_find(t->by_name, row->name));
    string_release(h, row->name);
    bits_remove(t->used, n);
    t->count--;
    return_row(t, n);
}

/* ---- walking ---- */

static struct tallies *tallies_of(struct heap *h, enum heap_tally which)
{
    return which == HEAP_SITES ? &h->sites : &h->classes;
}

static const struct tallies *tallies_to_read(const struct heap *h, enum heap_tally which)
{
    return which == HEAP_SITES ? &h->sites : &h->classes;
}

/* Row 0 is shown while something is in it. */
static uint32_t next_row(const struct tallies *t, uint32_t from)
{
    if (from == 0 && t->rows[0].objects > 0)
        return 0;
    return bits_next(t->used, from == 0 ? 1 : from, t->end);
}

static void describe(const struct heap *h, const struct tallies *t, uint32_t n, struct tally_info *ret)
{
    const struct tally *row = &t->rows[n];

    *ret = (struct tally_info){
        .name = row->name != 0 ? string_slice(h, row->name) : (struct slice){NULL, 0},
        .row = n,
        .serial = row->serial,
        .shapes = row->shapes,
        .objects = row->objects,
        .bytes = row->bytes,
        .peak_bytes = row->peak_bytes > row->bytes ? row->peak_bytes : row->bytes,
        .marked_objects = row->marked_objects,
        .marked_bytes = row->marked_bytes,
    };
}

bool heap_next_tally(const struct heap *h, enum heap_tally which, uint32_t *cursor, struct tally_info *ret)
{
    const struct tallies *t = tallies_to_read(h, which);
    uint32_t n = next_row(t, *cursor);

    *cursor = n + 1;
    if (n >= t->end)
        return false;
    describe(h, t, n, ret);
    return true;
}

bool heap_tally(const struct heap *h, enum heap_tally which, uint32_t row, uint32_t serial, struct tally_info *ret)
{
    const struct tallies *t = tallies_to_read(h, which);

    if (row >= t->end || t->rows[row].name == 0 || t->rows[row].serial != serial)
        return false;
    describe(h, t, row, ret);
    return true;
}

void heap_mark_tally(struct heap *h, enum heap_tally which, uint32_t row)
{
    struct tally *t = &tallies_of(h, which)->rows[row];

    t->marked_objects = t->objects;
    t->marked_bytes = t->bytes;
}

void heap_reset_peak(struct heap *h, enum heap_tally which, uint32_t row)
{
    tallies_of(h, which)->rows[row].peak_bytes = 0; /* what is there now is more */
}
