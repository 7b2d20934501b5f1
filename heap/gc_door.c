/* gc_door.c - see heap_gc.h: what the collector may see and do. */
#include "heap/dict.h"
#include "heap/heap_impl.h"
#include "heap/list.h"
#include "heap/names.h"
#include "heap/onlooker.h"
#include "heap/record.h"
#include "heap/ref.h"
#include "heap/shape.h"

/* ---- watching ---- */

/* Most changes have nobody who wants to know: they find that out by one look. */
static void note_who_watches_changes(struct heap *h)
{
    h->changes_are_watched = false;
    h->windows.open &= ~WINDOW_COUNTS;
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++) {
        h->changes_are_watched |= h->watch[i]->changing != NULL;
        h->windows.open |= h->watch[i]->counted != NULL ? WINDOW_COUNTS : 0;
    }
}

void heap_add_watch(struct heap *h, const struct heap_watch *w)
{
    size_t i = 0;

    while (i < HEAP_WATCHES_MAX && h->watch[i] != NULL)
        i++;
    CHECK(i < HEAP_WATCHES_MAX);
    h->watch[i] = w;
    note_who_watches_changes(h);
}

void heap_remove_watch(struct heap *h, const struct heap_watch *w)
{
    size_t i = 0;

    while (i < HEAP_WATCHES_MAX && h->watch[i] != w)
        i++;
    CHECK(i < HEAP_WATCHES_MAX);
    for (; i + 1 < HEAP_WATCHES_MAX; i++)
        h->watch[i] = h->watch[i + 1];
    h->watch[HEAP_WATCHES_MAX - 1] = NULL;
    note_who_watches_changes(h);
}

/* ---- reading ---- */

const struct pools *heap_pools(const struct heap *h)
{
    return &h->pools;
}

struct mem *heap_mem(const struct heap *h)
{
    return h->mem;
}

const struct heap_stats *heap_counters(const struct heap *h)
{
    return &h->stats;
}

uint64_t heap_count(const struct heap *h, slot_t slot)
{
    return ref_count(h, slot);
}

struct slice heap_class_of(const struct heap *h, slot_t slot)
{
    return shape_class_name(h, object_at(h, slot)->shape);
}

uint64_t heap_bytes_of(const struct heap *h, slot_t slot)
{
    return object_bytes(h, slot);
}

/* ---- edges ---- */

void heap_open_scan(struct heap *h, struct edge_scan *scan, slot_t slot)
{
    *scan = (struct edge_scan){.slot = slot, .next = h->scans};
    h->scans = scan;
}

void heap_close_scan(struct heap *h, struct edge_scan *scan)
{
    struct edge_scan **at = &h->scans;

    if (scan->slot == 0)
        return;
    while (*at != NULL && *at != scan)
        at = &(*at)->next;
    CHECK(*at == scan);
    *at = scan->next;
    *scan = (struct edge_scan){.slot = 0};
}

static void visit_words(const word_t *words, uint32_t count, edge_fn visit, void *ctx)
{
    for (uint32_t i = 0; i < count; i++)
        if (word_tag(words[i]) == WORD_LINK)
            visit(ctx, word_payload(words[i]));
}

/* One leaf a turn. */
static size_t scan_list(const struct heap *h, struct edge_scan *scan, size_t units, edge_fn visit, void *ctx)
{
    while (units > 0 && scan->position < list_length(h, scan->slot)) {
        uint32_t count;
        const word_t *words = list_leaf(h, scan->slot, (uint32_t)scan->position, &count);

        visit_words(words, count, visit, ctx);
        scan->position += count;
        units -= units < count ? units : count;
    }
    return units;
}

static size_t scan_dictionary(const struct heap *h, struct edge_scan *scan, size_t units, edge_fn visit, void *ctx)
{
    slot_t name;
    word_t word;

    while (units > 0 && record_next(h, scan->slot, &scan->position, &name, &word)) {
        visit_words(&word, 1, visit, ctx);
        units--;
    }
    return units;
}

static size_t scan_slots(const struct heap *h, struct edge_scan *scan, size_t units, edge_fn visit, void *ctx)
{
    uint32_t room;
    const word_t *values = record_values(h, scan->slot, &room);

    visit_words(values, room, visit, ctx);
    return units;
}

size_t heap_scan(struct heap *h, struct edge_scan *scan, size_t units, edge_fn visit, void *ctx)
{
    if (scan->slot == 0 || units == 0)
        return units;

    const struct object *o = object_at(h, scan->slot);

    if (o->kind == KIND_LIST)
        units = scan_list(h, scan, units, visit, ctx);
    else if (o->kind == KIND_RECORD && o->layout == LAYOUT_DICTIONARY)
        units = scan_dictionary(h, scan, units, visit, ctx);
    else if (o->kind == KIND_RECORD)
        units = scan_slots(h, scan, units, visit, ctx);
    if (units > 0)
        heap_close_scan(h, scan);
    return units;
}

/* ---- what is held ---- */

static bool next_root(const struct heap *h, uint64_t *cursor, slot_t *ret)
{
    uint32_t number = names_next(h->roots, (uint32_t)*cursor + 1);

    *cursor = number;
    *ret = number != 0 ? names_at(h->roots, number)->target : 0;
    return number != 0;
}

static bool next_of_source(struct heap *h, struct held_scan *scan, slot_t *ret)
{
    const struct heap_watch *w;

    if (scan->source == 0)
        return next_root(h, &scan->cursor, ret);
    w = h->watch[scan->source - 1];
    return w != NULL && w->next_held != NULL && w->next_held(w->ctx, &scan->cursor, ret);
}

size_t heap_scan_held(struct heap *h, struct held_scan *scan, size_t units, edge_fn visit, void *ctx)
{
    slot_t slot;

    for (; units > 0 && scan->source <= HEAP_WATCHES_MAX; units--) {
        if (!next_of_source(h, scan, &slot))
            *scan = (struct held_scan){.source = scan->source + 1};
        else if (slot != 0)
            visit(ctx, slot);
    }
    return units;
}

/* ---- the collector's own references ---- */

enum err heap_take_ref(struct heap *h, slot_t slot)
{
    return ref_take(h, slot, NULL);
}

void heap_drop_ref(struct heap *h, slot_t slot)
{
    ref_drop(h, slot);
}

/* ---- windows ---- */

void heap_open_window(struct heap *h, enum object_window w, const uint64_t *members, const uint64_t *pools)
{
    CHECK(((h->windows.open | h->windows.dead) >> w & 1) == 0);
    h->windows.members[w] = members;
    h->windows.pools[w] = pools;
    h->windows.open |= 1u << w;
}

void heap_close_window(struct heap *h, enum object_window w)
{
    h->windows.open &= ~(1u << w);
    h->windows.dead &= ~(1u << w);
    if (h->onlooker != NULL)
        h->onlooker->excused &= ~(1u << w);
}
