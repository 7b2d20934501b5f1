/*
 * names.c - see names.h.
 *
 * The set of used names keeps hashes only. Should two names ever share one, the second gets a number that it
 * did not need: unique all the same.
 */
#include "client/cli/names.h"
#include "api/wire.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HASH_SUFFIX_BYTES = 17, NAMER_FIRST_SLOTS = 64 };

/* FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/). */
static uint64_t hash_of(const char *data, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)data[i]) * 0x100000001b3u;
    return hash;
}

void names_fit(struct text *out, const char *data, size_t length, const char *if_empty)
{
    text_clear(out);
    if (length == 0) {
        text_add_string(out, if_empty);
    } else if (length <= WIRE_NAME_BYTES_MAX) {
        text_add(out, data, length);
    } else {
        text_add(out, data, text_utf8_cut(data, length, WIRE_NAME_BYTES_MAX - HASH_SUFFIX_BYTES));
        text_printf(out, "~%016" PRIx64, hash_of(data, length));
    }
}

void namer_fini(struct namer *n)
{
    free(n->slots);
    *n = (struct namer){0};
}

void namer_begin(struct namer *n)
{
    n->used = 0;
    n->epoch++;
    if (n->epoch == 0) { /* after 2^32 objects: old slots could look new */
        for (size_t i = 0; i < n->slot_count; i++)
            n->slots[i].epoch = 0;
        n->epoch = 1;
    }
}

/* The slot of `hash`, or the free one where it would go. */
static struct namer_slot *find(const struct namer *n, uint64_t hash)
{
    size_t i = hash & (n->slot_count - 1);

    while (n->slots[i].epoch == n->epoch && n->slots[i].hash != hash)
        i = (i + 1) & (n->slot_count - 1);
    return &n->slots[i];
}

static bool grow(struct namer *n)
{
    struct namer larger = {.slot_count = n->slot_count ? n->slot_count * 2 : NAMER_FIRST_SLOTS,
                           .epoch = n->epoch};

    larger.slots = calloc(larger.slot_count, sizeof *larger.slots);
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < n->slot_count; i++)
        if (n->slots[i].epoch == n->epoch)
            *find(&larger, n->slots[i].hash) = n->slots[i];
    larger.used = n->used;
    free(n->slots);
    *n = larger;
    return true;
}

/* Use a hash; NULL if it is in use already, and then *ret_old is its slot. */
static struct namer_slot *use(struct namer *n, uint64_t hash, struct namer_slot **ret_old)
{
    struct namer_slot *slot = find(n, hash);

    if (slot->epoch == n->epoch) {
        *ret_old = slot;
        return NULL;
    }
    *slot = (struct namer_slot){.hash = hash, .next = 2, .epoch = n->epoch};
    n->used++;
    return slot;
}

/* The first `length` bytes of name, cut so that "#number" fits behind them. */
static void number_name(struct text *name, size_t length, uint32_t number)
{
    char suffix[16];
    int suffix_length = snprintf(suffix, sizeof suffix, "#%" PRIu32, number);
    size_t cut = text_utf8_cut(name->data, length, WIRE_NAME_BYTES_MAX - (size_t)suffix_length);

    name->length = cut;
    text_add_string(name, suffix);
}

bool namer_take(struct namer *n, struct text *name)
{
    struct text base = {0};
    struct namer_slot *of_name, *unused;

    if (n->used * 2 >= n->slot_count && !grow(n))
        return false;
    if (use(n, hash_of(name->data, name->length), &of_name) != NULL)
        return true;
    text_add(&base, name->data, name->length);
    do {
        text_clear(name);
        text_add(name, base.data, base.length);
        number_name(name, base.length, of_name->next++);
    } while (!name->failed && use(n, hash_of(name->data, name->length), &unused) == NULL);
    text_fini(&base);
    return !name->failed;
}
