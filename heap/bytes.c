/* bytes.c - see bytes.h. */
#include "heap/bytes.h"
#include "heap/birth.h"
#include "heap/heap_impl.h"
#include "heap/shape.h"
#include "heap/slot.h"

#define PIECE_BYTES (256u << 10)
#define PIECE_UNITS 256 /* 64 pages, about 10 us */

/* ---- payloads ---- */

struct payload *payload_create(struct mem *mem, size_t len)
{
    struct payload *p = mem_alloc(mem, sizeof *p + len);

    if (p != NULL)
        *p = (struct payload){.mem = mem, .refs = 1, .len = len};
    return p;
}

bool payload_resize(struct payload **p, size_t len)
{
    struct payload *old = *p, *resized;

    CHECK(old->refs == 1 && !old->in_heap);
    resized = mem_realloc(old->mem, old, sizeof *old + old->len, sizeof *old + len);
    if (resized == NULL)
        return false;
    resized->len = len;
    *p = resized;
    return true;
}

struct payload *payload_hold(struct payload *p)
{
    CHECK(p->refs > 0 && p->refs < UINT32_MAX);
    p->refs++;
    return p;
}

void payload_release(struct payload **p)
{
    struct payload *payload = *p;

    *p = NULL;
    if (payload == NULL)
        return;
    CHECK(payload->refs > 0);
    if (--payload->refs == 0)
        mem_free(payload->mem, payload, sizeof *payload + payload->len);
}

/* ---- objects ---- */

static struct payload *payload_of(const struct heap *h, slot_t slot)
{
    struct payload *p;

    memcpy(&p, object_at(h, slot)->word, sizeof p);
    return p;
}

/* Put `p` there, taking the caller's reference over, and account for it. NULL: nothing is there. */
static void set_payload(struct heap *h, slot_t slot, struct payload *p)
{
    struct payload *old = payload_of(h, slot);
    int64_t before = (int64_t)bytes_storage_bytes(h, slot);

    memcpy(object_at(h, slot)->word, &p, sizeof p);
    object_at(h, slot)->word[BYTES_OWN_WORDS - 1]++;
    h->stats.large_bytes += (uint64_t)((int64_t)bytes_storage_bytes(h, slot) - before);
    object_resized(h, slot, (int64_t)bytes_storage_bytes(h, slot) - before);
    if (p != NULL)
        p->in_heap = true;
    if (old != NULL)
        old->in_heap = false; /* whoever still reads it, keeps it */
    payload_release(&old);
}

uint64_t bytes_storage_bytes(const struct heap *h, slot_t slot)
{
    const struct payload *p = payload_of(h, slot);

    return p == NULL ? 0 : sizeof *p + p->len;
}

uint64_t bytes_length(const struct heap *h, slot_t slot)
{
    return payload_of(h, slot)->len;
}

uint32_t bytes_version(const struct heap *h, slot_t slot)
{
    return object_at(h, slot)->word[BYTES_OWN_WORDS - 1];
}

/* The pages of a large payload go back piece by piece, and the free finds them gone: 64 MiB in one go take 7 ms. */
size_t bytes_release(struct heap *h, slot_t slot, size_t units)
{
    struct payload *p = payload_of(h, slot);

    while (p != NULL && p->refs == 1 && p->pieces_gone < p->len / PIECE_BYTES) {
        if (units == 0)
            return 0;
        mem_discard(p->data + (size_t)p->pieces_gone++ * PIECE_BYTES, PIECE_BYTES);
        units = units > PIECE_UNITS ? units - PIECE_UNITS : 0;
    }
    if (units > 0)
        set_payload(h, slot, NULL);
    return units;
}

enum err heap_new_bytes(struct heap *h, struct label label, struct payload **payload, obj_id *ret, struct why *why)
{
    uint32_t base;
    slot_t slot;
    enum err e = shape_base(h, label, &base, why);

    if (e != ERR_OK)
        return e;
    slot = object_birth(h, KIND_BYTES, OBJECT_HEADER_WORDS + BYTES_OWN_WORDS, base);
    if (slot == 0)
        return why_set(why, ERR_NOMEM, "no memory for a bytes object");
    set_payload(h, slot, payload_hold(*payload));
    if (journal_is_on(h->journal) && (e = journal_born(h, slot, *payload, why)) != ERR_OK) {
        object_unbirth(h, slot);
        return e;
    }
    payload_release(payload);
    object_born(h, slot, KIND_BYTES);
    *ret = heap_id(h, slot);
    return ERR_OK;
}

static enum err find_bytes(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = slot_find(h, id, ret, why);

    if (e == ERR_OK && object_at(h, *ret)->kind != KIND_BYTES)
        return why_set(why, ERR_WRONG_KIND, "object %llu is not bytes", (unsigned long long)id);
    return e;
}

enum err heap_get_bytes(const struct heap *h, obj_id id, struct payload **ret, struct why *why)
{
    slot_t slot;
    enum err e = find_bytes(h, id, &slot, why);

    if (e == ERR_OK)
        *ret = payload_hold(payload_of(h, slot));
    return e;
}

enum err heap_set_bytes(struct heap *h, obj_id id, struct payload **payload, struct why *why)
{
    struct change c = {.kind = CHANGE_BYTES, .id = id, .payload = *payload};
    slot_t slot;
    enum err e = find_bytes(h, id, &slot, why);

    CHECK(h->undo == NULL);
    if (e != ERR_OK || (e = journal_note(h->journal, &c, NULL, why)) != ERR_OK)
        return e;
    object_changing(h, slot);
    set_payload(h, slot, *payload);
    *payload = NULL;
    return ERR_OK;
}
