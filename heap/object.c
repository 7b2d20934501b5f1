/* object.c - see object.h: birth, size, contents and end of an object of any kind. */
#include "heap/birth.h"
#include "heap/bytes.h"
#include "heap/heap_impl.h"
#include "heap/list.h"
#include "heap/onlooker.h"
#include "heap/payers.h"
#include "heap/reap.h"
#include "heap/record.h"
#include "heap/shape.h"

slot_t object_birth(struct heap *h, enum object_kind kind, uint32_t words, uint32_t shape)
{
    slot_t slot = pool_alloc(&h->pools, POOL_OBJECTS, words);

    if (slot == 0)
        return 0;

    onlooker_note_birth(h, slot);
    memset(object_at(h, slot)->word, 0, (words - OBJECT_HEADER_WORDS) * sizeof(uint32_t));
    object_begin(h, slot, kind, words, shape);
    return slot;
}

void object_unbirth(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);
    uint64_t bytes = object_bytes(h, slot);

    shape_lose_objects(h, o->shape, 1, bytes);
    h->stats.objects--;
    h->stats.tracked -= o->kind != KIND_BYTES;
    h->stats.live_bytes -= bytes;
    h->stats.doomed++; /* object_free() takes it away again */
    h->stats.doomed_bytes += bytes;
    o->state = STATE_DEAD;
    CHECK(object_release_contents(h, slot, SIZE_MAX) > 0);
    object_free(h, slot);
}

uint64_t object_bytes(const struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);
    uint64_t own = pool_words(&h->pools, slot) * sizeof(uint32_t) + OBJECT_TABLE_BYTES;

    switch ((enum object_kind)o->kind) {
    case KIND_RECORD:
        return own + record_storage_bytes(h, slot);
    case KIND_LIST:
        return own + list_storage_bytes(h, slot);
    case KIND_BYTES:
        return own + bytes_storage_bytes(h, slot);
    }
    UNREACHABLE();
}

void object_resized(struct heap *h, slot_t slot, int64_t delta)
{
    struct object *o = object_at(h, slot);

    if (o->state == STATE_DEAD) {
        h->stats.doomed_bytes += (uint64_t)delta;
        return;
    }
    h->stats.live_bytes += (uint64_t)delta;
    shape_resize_object(h, o->shape, delta);
    if (h->payers != NULL)
        payers_resized(h->payers, slot, delta);
}

void object_changing(struct heap *h, slot_t slot)
{
    bool is_member = windows_have(&h->windows, h->windows.open, slot);

    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++) {
        const struct heap_watch *w = h->watch[i];

        if (w->changing != NULL)
            w->changing(w->ctx, slot);
        if (is_member && w->member_changing != NULL)
            w->member_changing(w->ctx, slot);
    }
}

#define ITEMS_PER_UNIT 8

/* By the time the first is let go of, the others are on their way from memory. */
static void release_leaf(struct heap *h, const word_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (word_tag(words[i]) == WORD_LINK)
            __builtin_prefetch(object_at(h, word_payload(words[i])), 1);
    for (uint32_t i = 0; i < count; i++)
        word_release(h, words[i]);
}

static size_t release_list(struct heap *h, slot_t list, size_t units)
{
    word_t words[LIST_LEAF_ITEMS_MAX];

    while (units > 0) {
        bool defer = reap_may_defer(h, list, list_length(h, list));
        uint32_t n = list_pop_leaf(h, list, words);
        size_t cost = 1 + n / ITEMS_PER_UNIT;

        if (n == 0)
            return units;
        onlooker_note_leaf_popped(h, list, list_length(h, list), words, n);
        if (defer)
            reap_defer(h, words, n);
        else
            release_leaf(h, words, n);
        units -= units < cost ? units : cost;
    }
    return 0;
}

size_t object_release_contents(struct heap *h, slot_t slot, size_t units)
{
    switch ((enum object_kind)object_at(h, slot)->kind) {
    case KIND_RECORD:
        return record_release(h, slot, units);
    case KIND_LIST:
        return release_list(h, slot, units);
    case KIND_BYTES:
        return bytes_release(h, slot, units);
    }
    UNREACHABLE();
}

void object_free(struct heap *h, slot_t slot)
{
    CHECK(object_at(h, slot)->state == STATE_DEAD);
    for (const struct edge_scan *s = h->scans; s != NULL; s = s->next)
        CHECK(s->slot != slot); /* nobody is in the middle of looking through it */
    h->stats.doomed--;
    h->stats.doomed_bytes -= object_bytes(h, slot);
    object_free_cell(h, slot, object_at(h, slot));
}

void object_make_free(uint32_t *cell, uint32_t turn)
{
    struct object *o = (struct object *)(void *)cell;

    *o = (struct object){.state = STATE_FREE};
    object_set_turn(o, turn < OBJECT_TURN_MAX ? turn : OBJECT_TURN_MAX);
}
