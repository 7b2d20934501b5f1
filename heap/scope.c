/* scope.c - see scope.h. Entries are slots in chunks, so a scope of millions grows without copying them. */
#include "heap/scope.h"
#include "heap/onlooker.h"
#include "heap/ref.h"
#include "heap/slot.h"

#define CHUNK_ENTRIES 1024u

struct scope {
    struct heap *heap;
    struct scope *next, **at; /* among the open scopes */
    uint64_t serial;
    uint32_t end;
    uint32_t onlook;          /* the last onlooker that knows it ... */
    uint32_t unseen;          /* ... and has not come to so many of its entries, the first ones */
    uint32_t chunk_count;     /* chunks made */
    uint32_t chunk_room;      /* pointers there is room for */
    slot_t **chunks;
    slot_t few[8];            /* the first entries: most scopes have no more */
};

#define FEW ((uint32_t)ARRAY_LEN(((struct scope *)0)->few))

struct scope *scope_open(struct heap *h)
{
    struct scope *s = mem_zalloc(h->mem, sizeof *s);

    if (s == NULL)
        return NULL;
    s->heap = h;
    s->onlook = heap_onlook_number(h); /* what it will hold was not there at the cut */
    s->serial = ++h->scopes_opened;
    s->next = h->scopes;
    s->at = &h->scopes;
    if (s->next != NULL)
        s->next->at = &s->next;
    h->scopes = s;
    return s;
}

const struct scope *heap_next_scope(const struct heap *h, const struct scope *after)
{
    return after == NULL ? h->scopes : after->next;
}

uint64_t scope_serial(const struct scope *s)
{
    return s->serial;
}

const struct scope *heap_scope_before(const struct heap *h, uint64_t serial)
{
    const struct scope *s = h->scopes;

    while (s != NULL && s->serial >= serial)
        s = s->next;
    return s;
}

static slot_t *entry_at(const struct scope *s, uint32_t number)
{
    struct scope *own = (struct scope *)(uintptr_t)s; /* one accessor for reading and writing */

    if (number < FEW)
        return &own->few[number];
    number -= FEW;
    return &own->chunks[number / CHUNK_ENTRIES][number % CHUNK_ENTRIES];
}

static bool grow_directory(struct scope *s)
{
    uint32_t room = s->chunk_room == 0 ? 8 : 2 * s->chunk_room;
    slot_t **chunks = mem_realloc(s->heap->mem, s->chunks, s->chunk_room * sizeof *chunks, room * sizeof *chunks);

    if (chunks == NULL)
        return false;
    s->chunks = chunks;
    s->chunk_room = room;
    return true;
}

static bool make_room(struct scope *s, uint32_t number)
{
    while (number >= FEW + s->chunk_count * CHUNK_ENTRIES) {
        slot_t *chunk;

        if (s->chunk_count == s->chunk_room && !grow_directory(s))
            return false;
        if ((chunk = mem_zalloc(s->heap->mem, CHUNK_ENTRIES * sizeof *chunk)) == NULL)
            return false;
        s->chunks[s->chunk_count++] = chunk;
    }
    return true;
}

/* ---- what an onlooker has not come to (onlooker.h) ---- */

/* Before it changes: at the cut it was as it is. */
static inline void know_for_onlooker(struct scope *s)
{
    if (s->heap->onlooker == NULL || s->onlook == s->heap->onlooks)
        return;
    s->onlook = s->heap->onlooks;
    s->unseen = s->end;
}

static const struct heap_holder held_by_scope = {.by = HELD_BY_SCOPE};

static inline void let_go_unseen(struct scope *s, uint32_t number, slot_t slot)
{
    if (s->heap->onlooker == NULL || number >= s->unseen)
        return;
    s->unseen = number;
    if (slot != 0)
        heap_hold_missed(s->heap, &held_by_scope, slot, false);
}

/* The next: those that were open at the cut come one after the other, the others were opened before them in the list. */
size_t scopes_recount_step(const struct scope **at, held_fn *tell, void *to, size_t units)
{
    while (*at != NULL && units > 0) {
        struct scope *s = (struct scope *)(uintptr_t)*at;

        know_for_onlooker(s);
        for (; s->unseen > 0 && units > 0; units--)
            if (scope_slot(s, --s->unseen) != 0)
                tell(to, &held_by_scope, scope_slot(s, s->unseen));
        if (units == 0)
            return 0;
        *at = s->next;
        units--;
    }
    return units;
}

/* ---- keeping ---- */

static enum err keep(struct scope *s, uint32_t number, slot_t slot, struct why *why)
{
    CHECK(number >= s->end);
    know_for_onlooker(s);
    if (!make_room(s, number)) {
        ref_drop(s->heap, slot);
        return why_set(why, ERR_NOMEM, "no memory for a batch to hold another object");
    }
    *entry_at(s, number) = slot;
    s->end = number + 1;
    return ERR_OK;
}

enum err scope_keep(struct scope *s, uint32_t number, obj_id id, struct why *why)
{
    slot_t slot = heap_slot(s->heap, id);

    CHECK(slot != 0);
    return keep(s, number, slot, why);
}

enum err scope_hold(struct scope *s, uint32_t number, obj_id id, struct why *why)
{
    slot_t slot;
    enum err e;

    if ((e = slot_find_target(s->heap, id, &slot, why)) || (e = ref_take(s->heap, slot, why)))
        return e;
    return keep(s, number, slot, why);
}

uint32_t scope_end(const struct scope *s)
{
    return s->end;
}

slot_t scope_slot(const struct scope *s, uint32_t number)
{
    return number < s->end ? *entry_at(s, number) : 0;
}

obj_id scope_get(const struct scope *s, uint32_t number)
{
    slot_t slot = scope_slot(s, number);

    return slot != 0 ? heap_id(s->heap, slot) : 0;
}

bool scope_find(const struct scope *s, obj_id id, uint32_t *cursor, size_t max)
{
    slot_t slot = heap_slot(s->heap, id);

    for (; *cursor < s->end && max > 0; max--)
        if (*entry_at(s, (*cursor)++) == slot && slot != 0)
            return true;
    return false;
}

/* Chunks that begin at or behind the end: one at most, while the end comes down entry by entry. */
static void free_chunks_behind_end(struct scope *s)
{
    while (s->chunk_count > 0 && s->end <= FEW + (s->chunk_count - 1) * CHUNK_ENTRIES)
        mem_free(s->heap->mem, s->chunks[--s->chunk_count], CHUNK_ENTRIES * sizeof **s->chunks);
}

static void free_scope(struct scope *s)
{
    struct mem *mem = s->heap->mem;

    if (s->heap->onlooker != NULL && s->heap->onlooker->scope == s)
        s->heap->onlooker->scope = s->next;
    *s->at = s->next;
    if (s->next != NULL)
        s->next->at = s->at;
    free_chunks_behind_end(s);
    CHECK(s->chunk_count == 0);
    mem_free(mem, s->chunks, s->chunk_room * sizeof *s->chunks);
    mem_free(mem, s, sizeof *s);
}

size_t scope_close(struct scope **at, size_t units)
{
    struct scope *s = *at;

    if (s != NULL)
        know_for_onlooker(s);
    while (s != NULL && s->end > 0 && units > 0) {
        slot_t slot = *entry_at(s, --s->end);

        let_go_unseen(s, s->end, slot);
        *entry_at(s, s->end) = 0;
        if (slot != 0)
            ref_drop(s->heap, slot);
        free_chunks_behind_end(s);
        units--;
    }
    if (s == NULL || units == 0)
        return units;
    free_scope(s);
    *at = NULL;
    return units;
}
