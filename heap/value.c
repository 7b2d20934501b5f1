/* value.c - see value.h: between what callers see and the 32-bit words that cells store. */
#include "heap/base/num.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/ref.h"
#include "heap/slot.h"
#include "heap/weak.h"
#include <math.h>

#define SMALL_INT_MAX ((1 << 28) - 1)
#define SMALL_INT_MIN (-(1 << 28))
#define REAL_DROPPED_BITS 35 /* of a double, zero in a WORD_REAL */
#define BIG_WORDS 2u

static uint64_t real_bits(double real)
{
    uint64_t bits;

    memcpy(&bits, &real, sizeof bits);
    return bits;
}

static double bits_real(uint64_t bits)
{
    double real;

    memcpy(&real, &bits, sizeof real);
    return real;
}

bool value_eq(struct value a, struct value b)
{
    if (a.kind != b.kind)
        return false;
    switch (a.kind) {
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE:
        return true;
    case VALUE_INT:
        return a.integer == b.integer;
    case VALUE_REAL:
        return real_bits(a.real) == real_bits(b.real);
    case VALUE_STRING:
        return slice_eq(a.string, b.string);
    case VALUE_LINK:
    case VALUE_WEAK:
        return a.id == b.id;
    }
    UNREACHABLE();
}

static enum err no_memory(struct why *why)
{
    return why_set(why, ERR_NOMEM, "no memory for a value");
}

static enum err encode_big(struct heap *h, enum word_tag tag, uint64_t bits, word_t *ret, struct why *why)
{
    slot_t cell = pool_alloc(&h->pools, POOL_DATA, BIG_WORDS);

    if (cell == 0)
        return no_memory(why);
    memcpy(pool_cell(&h->pools, cell), &bits, sizeof bits);
    h->stats.shared_bytes += sizeof bits;
    *ret = WORD(tag, cell);
    return ERR_OK;
}

static uint64_t big_bits(const struct heap *h, slot_t cell)
{
    uint64_t bits;

    memcpy(&bits, pool_cell(&h->pools, cell), sizeof bits);
    return bits;
}

static enum err encode_real(struct heap *h, double real, word_t *ret, struct why *why)
{
    uint64_t bits = real_bits(real);

    if (!isfinite(real))
        return why_set(why, ERR_BAD_VALUE, "a real is finite");
    if ((bits & ((1ull << REAL_DROPPED_BITS) - 1)) != 0)
        return encode_big(h, WORD_BIG_REAL, bits, ret, why);
    *ret = WORD(WORD_REAL, bits >> REAL_DROPPED_BITS);
    return ERR_OK;
}

static enum err encode_string(struct heap *h, struct slice text, word_t *ret, struct why *why)
{
    if (text.len > STRING_BYTES_MAX)
        return why_limit(why, ERR_BAD_VALUE, "string_bytes_max", STRING_BYTES_MAX, "a string of %zu bytes",
                         text.len);
    if (!utf8_valid(text))
        return why_set(why, ERR_BAD_VALUE, "a string is UTF-8");

    slot_t s = string_take(h, text);

    if (s == 0)
        return no_memory(why);
    *ret = WORD(WORD_STRING, s);
    return ERR_OK;
}

static enum err encode_link(struct heap *h, obj_id id, word_t *ret, struct why *why)
{
    struct object *o = slot_plain(h, id);
    slot_t target = id & SLOT_MAX;
    enum err e;

    if (o == NULL && (e = slot_find_target(h, id, &target, why)) != ERR_OK)
        return e;
    if ((e = ref_take_of(h, target, o != NULL ? o : object_at(h, target), why)) != ERR_OK)
        return e;
    h->stats.links++;
    *ret = WORD(WORD_LINK, target);
    return ERR_OK;
}

static enum err encode_weak(struct heap *h, obj_id id, word_t *ret, struct why *why)
{
    slot_t target, cell;
    enum err e = slot_find_target(h, id, &target, why);

    if (e != ERR_OK)
        return e;
    if ((cell = weak_cell_take(h, target)) == 0)
        return no_memory(why);
    h->stats.weak_links++;
    *ret = WORD(WORD_WEAK, cell);
    return ERR_OK;
}

static enum err encode_rare(struct heap *h, const struct value *v, word_t *ret, struct why *why)
{
    switch (v->kind) {
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE:
    case VALUE_LINK:
        break;
    case VALUE_INT:
        return encode_big(h, WORD_BIG_INT, (uint64_t)v->integer, ret, why);
    case VALUE_REAL:
        return encode_real(h, v->real, ret, why);
    case VALUE_STRING:
        return encode_string(h, v->string, ret, why);
    case VALUE_WEAK:
        return encode_weak(h, v->id, ret, why);
    }
    UNREACHABLE();
}

/* The common kinds by branches, which are foretold better than a jump through a table. */
static inline enum err encode(struct heap *h, const struct value *v, word_t *ret, struct why *why)
{
    static const word_t constant[] = {[VALUE_NULL] = WORD_NULL, [VALUE_FALSE] = WORD_FALSE, [VALUE_TRUE] = WORD_TRUE};

    if (v->kind == VALUE_LINK)
        return encode_link(h, v->id, ret, why);
    if (v->kind < ARRAY_LEN(constant)) {
        *ret = constant[v->kind];
        return ERR_OK;
    }
    if (v->kind == VALUE_INT && v->integer >= SMALL_INT_MIN && v->integer <= SMALL_INT_MAX) {
        *ret = WORD(WORD_INT, (uint32_t)(int32_t)v->integer);
        return ERR_OK;
    }
    return encode_rare(h, v, ret, why);
}

enum err word_encode(struct heap *h, const struct value *v, word_t *ret, struct why *why)
{
    return encode(h, v, ret, why);
}

enum err words_encode(struct heap *h, const struct value *values, uint32_t count, word_t *ret, struct why *why)
{
    for (uint32_t i = 0; i < count; i++) {
        enum err e = encode(h, &values[i], &ret[i], why);

        if (e == ERR_OK)
            continue;
        while (i-- > 0)
            word_release(h, ret[i]);
        return e;
    }
    return ERR_OK;
}

void word_release(struct heap *h, word_t w)
{
    switch (word_tag(w)) {
    case WORD_CONST:
    case WORD_INT:
    case WORD_REAL:
        return;
    case WORD_STRING:
        string_release(h, word_payload(w));
        return;
    case WORD_LINK:
        h->stats.links--;
        ref_drop(h, word_payload(w));
        return;
    case WORD_WEAK:
        h->stats.weak_links--;
        weak_cell_release(h, word_payload(w));
        return;
    case WORD_BIG_INT:
    case WORD_BIG_REAL:
        h->stats.shared_bytes -= sizeof(uint64_t);
        pool_free(&h->pools, word_payload(w));
        return;
    }
    UNREACHABLE();
}

static struct value decode_const(word_t w)
{
    CHECK(w == WORD_NULL || w == WORD_FALSE || w == WORD_TRUE);
    if (w == WORD_NULL)
        return value_null();
    return (struct value){.kind = w == WORD_TRUE ? VALUE_TRUE : VALUE_FALSE};
}

static struct value decode_weak(const struct heap *h, slot_t cell)
{
    slot_t target = weak_cell_target(h, cell);

    if (target == 0)
        return value_null();
    return (struct value){.kind = VALUE_WEAK, .id = heap_id(h, target)};
}

struct value word_decode(const struct heap *h, word_t w)
{
    uint32_t payload = word_payload(w);

    switch (word_tag(w)) {
    case WORD_CONST:
        return decode_const(w);
    case WORD_INT:
        return value_int((int32_t)(payload << WORD_TAG_BITS) >> WORD_TAG_BITS);
    case WORD_REAL:
        return (struct value){.kind = VALUE_REAL, .real = bits_real((uint64_t)payload << REAL_DROPPED_BITS)};
    case WORD_STRING:
        return (struct value){.kind = VALUE_STRING, .string = string_slice(h, payload)};
    case WORD_LINK:
        return value_link(heap_id(h, payload));
    case WORD_WEAK:
        return decode_weak(h, payload);
    case WORD_BIG_INT:
        return value_int((int64_t)big_bits(h, payload));
    case WORD_BIG_REAL:
        return (struct value){.kind = VALUE_REAL, .real = bits_real(big_bits(h, payload))};
    }
    UNREACHABLE();
}
