/* intern.c - see intern.h. */
#include "heap/intern.h"
#include "heap/base/num.h"
#include "heap/heap_impl.h"
#include "heap/payers.h"

struct string {
    uint32_t refs;
    uint32_t len;
    uint32_t hash;
    char data[]; /* the bytes, or a struct far */
};

/* What a long string keeps in its cell; cells are word-aligned only, so it is copied in and out. */
struct far {
    char *bytes;
    uint64_t hash;
};

#define STRING_WORDS (sizeof(struct string) / sizeof(uint32_t))

_Static_assert(STRING_INLINE_MAX == (CELL_WORDS_MAX - STRING_WORDS) * sizeof(uint32_t), "the largest cell");

static struct string *string_at(const struct heap *h, slot_t s)
{
    return (struct string *)pool_cell(&h->pools, s);
}

static struct far far_of(const struct string *s)
{
    struct far far;

    memcpy(&far, s->data, sizeof far);
    return far;
}

enum err strings_create(struct heap *h)
{
    h->strings = map_create(h->mem, h->seed);
    return h->strings != NULL ? ERR_OK : ERR_NOMEM;
}

/* The cells go with the pools; long bytes are on their own, and whoever held them has let go by now. */
void strings_destroy(struct heap *h)
{
    map_destroy(&h->strings);
}

struct slice string_slice(const struct heap *h, slot_t slot)
{
    const struct string *s = string_at(h, slot);

    return (struct slice){s->len <= STRING_INLINE_MAX ? s->data : far_of(s).bytes, s->len};
}

uint64_t string_hash(const struct heap *h, slot_t slot)
{
    const struct string *s = string_at(h, slot);

    return s->len <= STRING_INLINE_MAX ? hash_quick(h->seed, s->data, s->len) : far_of(s).hash;
}

static uint32_t hash_of(const struct heap *h, struct slice text)
{
    return (uint32_t)hash_bytes(h->seed, text.data, text.len);
}

static slot_t find(const struct heap *h, struct slice text, uint32_t hash)
{
    for (uint32_t e = map_find(h->strings, hash); e != MAP_NONE; e = map_next(h->strings, e)) {
        slot_t slot = map_value(h->strings, e);

        if (slice_eq(string_slice(h, slot), text))
            return slot;
    }
    return 0;
}

slot_t string_lookup(const struct heap *h, struct slice text)
{
    return text.len <= STRING_INLINE_MAX ? find(h, text, hash_of(h, text)) : 0;
}

void string_hold(struct heap *h, slot_t slot)
{
    struct string *s = string_at(h, slot);

    CHECK(s->refs > 0);
    if (s->refs < UINT32_MAX)
        s->refs++;
}

static slot_t new_cell(struct heap *h, size_t own_bytes, uint32_t len, uint32_t hash)
{
    uint32_t words = pool_data_words((uint32_t)(STRING_WORDS + (own_bytes + 3) / 4));
    slot_t slot = pool_alloc(&h->pools, POOL_DATA, words);

    if (slot == 0)
        return 0;
    *string_at(h, slot) = (struct string){.refs = 1, .len = len, .hash = hash};
    h->stats.strings++;
    h->stats.shared_bytes += words * sizeof(uint32_t);
    return slot;
}

static void free_cell(struct heap *h, slot_t slot)
{
    h->stats.strings--;
    h->stats.shared_bytes -= pool_words(&h->pools, slot) * sizeof(uint32_t);
    pool_free(&h->pools, slot);
}

uint64_t string_bytes(const struct heap *h, slot_t slot)
{
    uint32_t len = string_at(h, slot)->len;

    return pool_words(&h->pools, slot) * sizeof(uint32_t) + (len > STRING_INLINE_MAX ? len : 0);
}

static void tell_payers(const struct heap *h, slot_t slot, bool born)
{
    if (h->payers != NULL)
        payers_string(h->payers, slot, string_bytes(h, slot), born);
}

static slot_t take_long(struct heap *h, struct slice text)
{
    struct far far = {.bytes = mem_alloc(h->mem, text.len)};
    slot_t slot = far.bytes != NULL ? new_cell(h, sizeof far, (uint32_t)text.len, 0) : 0;

    if (slot == 0) {
        mem_free(h->mem, far.bytes, text.len);
        return 0;
    }
    memcpy(far.bytes, text.data, text.len);
    far.hash = hash_bytes(h->seed, text.data, text.len);
    memcpy(string_at(h, slot)->data, &far, sizeof far);
    h->stats.large_bytes += text.len;
    h->stats.shared_bytes += text.len;
    tell_payers(h, slot, true);
    return slot;
}

slot_t string_take(struct heap *h, struct slice text)
{
    if (text.len > STRING_INLINE_MAX)
        return text.len <= STRING_BYTES_MAX ? take_long(h, text) : 0;

    uint32_t hash = hash_of(h, text);
    slot_t slot = find(h, text, hash);

    if (slot != 0) {
        string_hold(h, slot);
        return slot;
    }
    slot = new_cell(h, text.len, (uint32_t)text.len, hash);
    if (slot == 0)
        return 0;
    if (!map_add(h->strings, hash, slot)) {
        free_cell(h, slot);
        return 0;
    }
    if (text.len > 0)
        memcpy(string_at(h, slot)->data, text.data, text.len);
    tell_payers(h, slot, true);
    return slot;
}

static void forget(struct heap *h, slot_t slot)
{
    uint32_t e = map_find(h->strings, string_at(h, slot)->hash);

    while (e != MAP_NONE && map_value(h->strings, e) != slot)
        e = map_next(h->strings, e);
    CHECK(e != MAP_NONE);
    map_remove(h->strings, e);
}

void string_release(struct heap *h, slot_t slot)
{
    struct string *s = string_at(h, slot);

    CHECK(s->refs > 0);
    if (s->refs == UINT32_MAX || --s->refs > 0)
        return;
    tell_payers(h, slot, false);
    if (s->len <= STRING_INLINE_MAX) {
        forget(h, slot);
    } else {
        mem_free(h->mem, far_of(s).bytes, s->len);
        h->stats.large_bytes -= s->len;
        h->stats.shared_bytes -= s->len;
    }
    free_cell(h, slot);
}

enum err name_check(struct slice name, const char *what, struct why *why)
{
    if (name.len == 0 || name.len > NAME_BYTES_MAX)
        return why_limit(why, ERR_BAD_VALUE, "name_bytes_max", NAME_BYTES_MAX,
                         "a %s has 1 to %d bytes, this one has %zu", what, NAME_BYTES_MAX, name.len);
    if (memchr(name.data, '\0', name.len) != NULL)
        return why_set(why, ERR_BAD_VALUE, "a %s has no NUL byte", what);
    if (!utf8_valid(name))
        return why_set(why, ERR_BAD_VALUE, "a %s is UTF-8", what);
    return ERR_OK;
}

size_t strings_validate(const struct heap *h)
{
    size_t broken = map_validate(h->strings);

    for (uint32_t e = 0; e < map_count(h->strings); e++) {
        const struct string *s = string_at(h, map_value(h->strings, e));

        broken += s->refs == 0 || s->len > STRING_INLINE_MAX || s->hash != map_key(h->strings, e);
    }
    return broken;
}
