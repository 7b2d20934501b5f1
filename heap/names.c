/* names.c - see names.h. The entries stand in a table that is reserved once and never moves. */
#include "heap/names.h"
#include "heap/base/bits.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"

#define USED_BYTES (NAMES_MAX / 8)

struct name_table {
    struct heap *heap;
    struct map *by_name; /* string -> number */
    struct name_entry *entries;
    uint64_t *used;      /* bit n: number n has a name */
    uint32_t end;        /* numbers below it have been used; 0 is none */
    uint32_t free;
};

struct name_table *names_create(struct heap *h)
{
    struct name_table *t = mem_zalloc(h->mem, sizeof *t);

    if (t == NULL)
        return NULL;
    t->heap = h;
    t->end = 1;
    t->by_name = map_create(h->mem, h->seed);
    t->entries = mem_reserve(h->mem, NAMES_MAX * sizeof *t->entries);
    t->used = mem_reserve(h->mem, USED_BYTES);
    if (t->by_name == NULL || t->entries == NULL || t->used == NULL)
        names_destroy(&t);
    return t;
}

void names_destroy(struct name_table **at)
{
    struct name_table *t = *at;

    *at = NULL;
    if (t == NULL)
        return;
    CHECK(t->by_name == NULL || map_count(t->by_name) == 0);
    map_destroy(&t->by_name);
    if (t->end > 1)
        mem_uncharge(t->heap->mem, (t->end - 1) * sizeof *t->entries);
    mem_unreserve(t->heap->mem, t->entries, NAMES_MAX * sizeof *t->entries);
    mem_unreserve(t->heap->mem, t->used, USED_BYTES);
    mem_free(t->heap->mem, t, sizeof *t);
}

uint32_t names_find(const struct name_table *t, struct slice name)
{
    slot_t string = string_lookup(t->heap, name);
    uint32_t e = string != 0 ? map_find(t->by_name, string) : MAP_NONE;

    return e == MAP_NONE ? 0 : map_value(t->by_name, e);
}

static uint32_t take_number(struct name_table *t)
{
    uint32_t n = t->free;

    if (n != 0) {
        t->free = t->entries[n].target;
        return n;
    }
    return mem_charge(t->heap->mem, sizeof *t->entries) ? t->end++ : 0;
}

static void return_number(struct name_table *t, uint32_t n)
{
    t->entries[n] = (struct name_entry){.target = t->free};
    t->free = n;
}

enum err names_add(struct name_table *t, struct slice name, uint32_t *ret, struct why *why)
{
    enum err e = name_check(name, "name", why);
    slot_t string;
    uint32_t n;

    if (e != ERR_OK)
        return e;
    if (t->free == 0 && t->end == NAMES_MAX)
        return why_limit(why, ERR_LIMIT, "names_max", NAMES_MAX, "there are too many names");
    if ((string = string_take(t->heap, name)) == 0)
        return why_set(why, ERR_NOMEM, "no memory for a name");
    n = take_number(t);
    if (n == 0 || !map_add(t->by_name, string, n)) {
        if (n != 0)
            return_number(t, n);
        string_release(t->heap, string);
        return why_set(why, ERR_NOMEM, "no memory for a name");
    }
    t->entries[n] = (struct name_entry){.name = string};
    bits_add(t->used, n);
    *ret = n;
    return ERR_OK;
}

/* Its string keeps its reference. */
static void take_off_the_table(struct name_table *t, uint32_t n)
{
    CHECK(t->entries[n].name != 0);
    map_remove(t->by_name, map_find(t->by_name, t->entries[n].name));
    bits_remove(t->used, n);
    return_number(t, n);
}

void names_remove(struct name_table *t, uint32_t n)
{
    slot_t string = t->entries[n].name;

    take_off_the_table(t, n);
    string_release(t->heap, string);
}

struct name_entry names_take_out(struct name_table *t, uint32_t n)
{
    struct name_entry was = t->entries[n];

    map_keep_rows(t->by_name);
    take_off_the_table(t, n);
    return was;
}

/* Numbers come back last in, first out: whoever got this one since has given it back. */
void names_put_back(struct name_table *t, uint32_t n, const struct name_entry *was)
{
    CHECK(t->free == n);
    t->free = t->entries[n].target;
    t->entries[n] = *was;
    bits_add(t->used, n);
    map_put_back(t->by_name, map_count(t->by_name), was->name, n);
    map_let_rows_go(t->by_name);
}

void names_forget(struct name_table *t, const struct name_entry *was)
{
    map_let_rows_go(t->by_name);
    string_release(t->heap, was->name);
}

struct name_entry *names_at(const struct name_table *t, uint32_t n)
{
    CHECK(n > 0 && n < t->end);
    return &t->entries[n];
}

bool names_has(const struct name_table *t, uint32_t number)
{
    return number > 0 && number < t->end && bits_has(t->used, number);
}

uint32_t names_next(const struct name_table *t, uint32_t from)
{
    uint32_t n = bits_next(t->used, from > 0 ? from : 1, t->end);

    return n < t->end ? n : 0;
}

uint32_t names_count(const struct name_table *t)
{
    return map_count(t->by_name);
}

uint64_t names_bytes(const struct name_table *t)
{
    return sizeof *t + map_bytes(t->by_name) + (t->end - 1) * sizeof *t->entries;
}

static size_t validate_entries(const struct name_table *t, struct proof *p, size_t units)
{
    for (; p->at < t->end && units > 0; p->at++, units--) {
        uint32_t n = names_next(t, (uint32_t)p->at + 1);

        p->at = n != 0 ? n : t->end;
        p->broken += n != 0 && names_find(t, string_slice(t->heap, t->entries[n].name)) != n;
    }
    return units;
}

/* Each number has its name, and there are as many: in one go, 64 a step. */
static bool count_is_right(const struct name_table *t)
{
    return bits_count(t->used, 0, t->end) == map_count(t->by_name);
}

size_t names_validate_step(const struct name_table *t, struct proof *p, size_t units)
{
    while (units > 0 && p->part < 3) {
        if (p->part == 0)
            units = map_validate_step(t->by_name, p, units);
        else if (p->part == 1)
            units = validate_entries(t, p, units);
        else
            p->broken += !count_is_right(t);
        if (units > 0)
            proof_next(p);
    }
    return units;
}
