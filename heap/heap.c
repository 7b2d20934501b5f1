/* heap.c - see heap.h: a heap's beginning and end, looking at objects, walking, statistics. */
#include "heap/bytes.h"
#include "heap/death.h"
#include "heap/dict.h"
#include "heap/form.h"
#include "heap/base/num.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/keys.h"
#include "heap/list.h"
#include "heap/names.h"
#include "heap/reap.h"
#include "heap/record.h"
#include "heap/ref.h"
#include "heap/root.h"
#include "heap/scope.h"
#include "heap/shape.h"
#include "heap/slot.h"
#include "heap/staging.h"
#include "heap/weak.h"

/* ---- beginning and end ---- */

enum err heap_create(struct mem *mem, uint64_t seed, struct heap **ret)
{
    struct heap *h = mem_zalloc(mem, sizeof *h);

    if (h == NULL)
        return ERR_NOMEM;
    h->magic = HEAP_MAGIC;
    h->mem = mem;
    h->seed = seed;
    if (pools_init(&h->pools, mem) != ERR_OK || strings_create(h) != ERR_OK || shape_tables_create(h) != ERR_OK ||
        weak_tables_create(h) != ERR_OK || !reap_init(h) || (h->big_counts = map_create(mem, seed)) == NULL ||
        (h->roots = names_create(h)) == NULL) {
        heap_destroy(&h);
        return ERR_NOMEM;
    }
    h->pools.make_free = object_make_free;
    heap_set_tidy(h, &(struct heap_tidy){.purge_decay_ms = 10000, .pack_used_pct = 25});
    *ret = h;
    return ERR_OK;
}

static slot_t next_live(const struct heap *h, slot_t after)
{
    slot_t slot = after;

    return heap_next_object(h, &slot, SIZE_MAX) != 0 ? slot : 0;
}

/* Every object dies and lets go of what it has, in the order of a condemned set: kill all, then release. */
static void empty(struct heap *h)
{
    struct slice name;
    obj_id id;

    for (uint32_t cursor = 0; root_next(h, &cursor, &name, &id);)
        CHECK(root_delete(h, name, NULL) == ERR_OK);
    for (uint32_t cursor = 0; weak_next(h, &cursor, &name, &id);)
        CHECK(weak_delete(h, name, NULL) == ERR_OK);
    while (heap_reap(h, SIZE_MAX) == 0)
        ;
    for (slot_t slot = next_live(h, 0); slot != 0; slot = next_live(h, slot))
        ref_kill(h, slot);

    slot_t end = h->pools.pool_end << POOL_SHIFT;

    for (slot_t slot = 0; (slot = bits_next(h->pools.used, slot, end)) < end; slot++)
        if (pool_is_objects(&h->pools, pool_of(slot)) && object_at(h, slot)->state == STATE_DEAD)
            CHECK(object_release_contents(h, slot, SIZE_MAX) > 0);
}

void heap_destroy(struct heap **at)
{
    struct heap *h = *at;

    *at = NULL;
    if (h == NULL)
        return;
    CHECK_IS(h, HEAP_MAGIC);
    CHECK(h->scopes == NULL && h->form_count == 0 && h->watch[0] == NULL);
    journal_fini(h);
    stagings_fini(h);
    if (h->roots != NULL)
        empty(h);
    names_destroy(&h->roots);
    weak_tables_destroy(h);
    shape_tables_destroy(h);
    strings_destroy(h);
    map_destroy(&h->big_counts);
    reap_fini(h);
    pools_fini(&h->pools);
    h->magic = 0;
    mem_free(h->mem, h, sizeof *h);
}

/* ---- references of callers ---- */

enum err heap_hold(struct heap *h, obj_id id, struct why *why)
{
    slot_t slot;
    enum err e = slot_find(h, id, &slot, why);

    return e != ERR_OK ? e : ref_take(h, slot, why);
}

void heap_release(struct heap *h, obj_id id)
{
    struct object *o = slot_plain(h, id);
    slot_t slot = id & SLOT_MAX;

    if (o == NULL) {
        CHECK(slot_look(h, id, &slot) == ERR_OK);
        o = object_at(h, slot);
    }
    if (ref_count_down(h, slot, o))
        ref_lost_last(h, slot, o);
}

/* ---- looking at one object ---- */

static uint64_t part_count(const struct heap *h, slot_t slot)
{
    switch ((enum object_kind)object_at(h, slot)->kind) {
    case KIND_RECORD:
        return record_count(h, slot);
    case KIND_LIST:
        return list_length(h, slot);
    case KIND_BYTES:
        return bytes_length(h, slot);
    }
    UNREACHABLE();
}

_Static_assert((int)HEAP_RECORD == KIND_RECORD && (int)HEAP_LIST == KIND_LIST && (int)HEAP_BYTES == KIND_BYTES,
               "the kinds callers see are those of cells");

enum err heap_info(const struct heap *h, obj_id id, struct object_info *ret, struct why *why)
{
    slot_t slot;
    enum err e = slot_find(h, id, &slot, why);

    if (e != ERR_OK)
        return e;

    const struct object *o = object_at(h, slot);
    bool tracked = o->kind != KIND_BYTES, frozen = tracked && o->generation == GENERATION_FROZEN;

    *ret = (struct object_info){
        .id = id,
        .kind = (enum heap_kind)o->kind,
        .class = shape_class_name(h, o->shape),
        .site = shape_site(h, o->shape),
        .refs = ref_count(h, slot),
        .weak_refs = weak_count(h, slot),
        .bytes = object_bytes(h, slot),
        .parts = part_count(h, slot),
        .generation = tracked && !frozen ? (int)o->generation : -1,
        .frozen = frozen,
    };
    return ERR_OK;
}

/* The parts of an object that is known to live, as they are stored; name 0 for an item. */
static bool next_word(const struct heap *h, slot_t slot, struct part_cursor *cursor, slot_t *ret_name, word_t *ret)
{
    const struct object *o = object_at(h, slot);

    if (o->kind == KIND_RECORD)
        return record_next(h, slot, &cursor->position, ret_name, ret);
    if (o->kind != KIND_LIST || cursor->position >= list_length(h, slot))
        return false;
    *ret_name = 0;
    *ret = list_get(h, slot, (uint32_t)cursor->position++);
    return true;
}

static void read_part(const struct heap *h, slot_t name, uint64_t index, word_t word, struct part *ret)
{
    ret->name = name != 0 ? string_slice(h, name) : (struct slice){0};
    ret->index = name != 0 ? 0 : index;
    ret->value = word_decode(h, word);
}

bool heap_next_part(const struct heap *h, obj_id id, struct part_cursor *cursor, struct part *ret)
{
    slot_t slot = heap_slot(h, id), name;
    word_t word;

    if (slot == 0 || !next_word(h, slot, cursor, &name, &word))
        return false;
    read_part(h, name, cursor->position - 1, word, ret);
    return true;
}

/* Where an object keeps its values costs more to find out than to read one of them: so some at a time. */
#define WORDS_AT_ONCE 16

struct words {
    slot_t name[WORDS_AT_ONCE]; /* 0: an item */
    word_t word[WORDS_AT_ONCE];
};

static size_t next_items(const struct heap *h, slot_t slot, struct part_cursor *cursor, struct words *ret, size_t max)
{
    size_t n = 0;

    while (n < max && next_word(h, slot, cursor, &ret->name[n], &ret->word[n]))
        n++;
    return n;
}

/* The next parts of an object that is known to live, as they are stored. */
static size_t next_words(const struct heap *h, slot_t slot, struct part_cursor *cursor, struct words *ret, size_t max)
{
    if (max > WORDS_AT_ONCE)
        max = WORDS_AT_ONCE;
    if (object_at(h, slot)->kind == KIND_RECORD)
        return record_next_some(h, slot, &cursor->position, ret->name, ret->word, max);
    return next_items(h, slot, cursor, ret, max);
}

size_t heap_next_parts(const struct heap *h, obj_id id, struct part_cursor *cursor, struct part *ret, size_t max)
{
    slot_t slot = heap_slot(h, id);
    uint64_t first = cursor->position;
    struct words words;
    size_t n = slot == 0 ? 0 : next_words(h, slot, cursor, &words, max);

    for (size_t i = 0; i < n; i++)
        read_part(h, words.name[i], first + i, words.word[i], &ret[i]);
    return n;
}

/* ---- etags ---- */

#define ETAG_PARTS_MAX 1000

/* By what it says, not by how it is stored: a slot may have been another's. A string knows its hash. */
static uint64_t mix_word(const struct heap *h, uint64_t hash, word_t w)
{
    struct value v = word_decode(h, w);

    hash = hash_more(hash, (uint64_t)v.kind);
    switch (v.kind) {
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE:
        return hash;
    case VALUE_STRING:
        return hash_more(hash, string_hash(h, word_payload(w)));
    case VALUE_INT:
    case VALUE_REAL:
    case VALUE_LINK:
    case VALUE_WEAK:
        return hash_more(hash, v.id); /* any member of the union: 64 bits */
    }
    UNREACHABLE();
}

_Static_assert(sizeof(double) == sizeof(uint64_t), "a value's union is 64 bits where it is a number");

/* The names of all its fields stand in one place, and their hash with them. */
static bool has_fixed_names(const struct object *o)
{
    return o->kind == KIND_RECORD && o->layout != LAYOUT_DICTIONARY;
}

/* Names first, then values: so it does not show how a record keeps them. */
static uint64_t hash_parts(const struct heap *h, slot_t slot, uint64_t hash)
{
    const struct object *o = object_at(h, slot);
    bool fixed = has_fixed_names(o);
    uint64_t names = keys_hash(h, fixed ? h->shapes[o->shape].keys : 0);
    struct part_cursor cursor = {0};
    struct words words;
    size_t n;

    while ((n = next_words(h, slot, &cursor, &words, WORDS_AT_ONCE)) > 0) {
        for (size_t i = 0; i < n; i++) {
            if (!fixed && words.name[i] != 0)
                names = hash_more(names, string_hash(h, words.name[i]));
            hash = mix_word(h, hash, words.word[i]);
        }
    }
    return hash_more(hash, names);
}

/* A weak value reads null once its object is dead, so deaths of weakly referenced objects count as changes. */
static uint64_t large_version(const struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);
    uint32_t version = o->kind == KIND_LIST ? list_version(h, slot) : dict_version(h, record_dict(h, slot));

    return hash_u64(h->weak_deaths, version);
}

enum err heap_etag(const struct heap *h, obj_id id, uint64_t *ret, struct why *why)
{
    slot_t slot;
    enum err e = slot_find(h, id, &slot, why);
    uint64_t hash;

    if (e != ERR_OK)
        return e;
    hash = hash_u64(h->seed, id);
    if (object_at(h, slot)->kind == KIND_BYTES) {
        struct payload *p;

        CHECK(heap_get_bytes(h, id, &p, NULL) == ERR_OK);
        hash = hash_u64(hash, p->len < 65536 ? hash_quick(h->seed, p->data, p->len) : bytes_version(h, slot));
        payload_release(&p);
    } else if (part_count(h, slot) > ETAG_PARTS_MAX) {
        hash = hash_u64(hash, large_version(h, slot));
    } else {
        hash = hash_parts(h, slot, hash);
    }
    *ret = hash;
    return ERR_OK;
}

/* ---- walking all objects ---- */

obj_id heap_next_object(const struct heap *h, slot_t *slot, size_t max)
{
    slot_t end = h->pools.pool_end << POOL_SHIFT;

    for (slot_t s = *slot + 1; s < end; s++) {
        if (!pool_is_objects(&h->pools, pool_of(s))) {
            s |= POOL_CELLS - 1;
        } else if (h->pools.used[s / 64] >> (s % 64) == 0) {
            s |= 63;
        } else {
            s = bits_next(h->pools.used, s, end);
            if (heap_is_alive(h, s) && (h->stagings == NULL || !staging_hides(h, s))) {
                *slot = s;
                return heap_id(h, s);
            }
        }
        if (max-- <= 1) {
            *slot = s;
            return 0;
        }
    }
    *slot = 0;
    return 0;
}

/* ---- statistics ---- */

void heap_stats(const struct heap *h, struct heap_stats *ret)
{
    *ret = h->stats;
    ret->roots = names_count(h->roots);
    ret->weak_names = names_count(h->weak_names);
    ret->classes = h->classes.count;
    ret->sites = h->sites.count;
    ret->pool_free_bytes = pools_free_bytes(&h->pools);
    for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++)
        ret->packed_pools += h->pools.class[POOL_OBJECTS][words].packed + h->pools.class[POOL_DATA][words].packed;
    ret->packed_bytes = pools_packed_bytes(&h->pools);
    ret->pack_index_bytes = pools_pack_index_bytes(&h->pools);
    ret->dirty_bytes = h->pools.dirty_pages * MEM_PAGE_BYTES;
    ret->committed_bytes = (h->pools.pool_pages + h->pools.dirty_pages) * MEM_PAGE_BYTES;
    ret->side_bytes = sizeof *h + h->pools.charged_tables + names_bytes(h->roots) + names_bytes(h->weak_names) +
                      shape_side_bytes(h) + form_side_bytes(h) + map_bytes(h->strings) + map_bytes(h->big_counts) +
                      map_bytes(h->weak_cells) + h->deferred_charged + staging_bytes(h) + journal_bytes(h);
    ret->untouched_bytes += map_untouched_bytes(h->strings) + map_untouched_bytes(h->big_counts) +
                            map_untouched_bytes(h->weak_cells);
}

uint64_t heap_arena_count(const struct heap *h)
{
    return h->pools.arena_count;
}

bool heap_next_pool_class(const struct heap *h, uint32_t *cursor, struct pool_class_info *ret)
{
    static const char *const kinds[POOL_KINDS] = {"object", "data", "packed"};

    for (; *cursor < POOL_KINDS * (CELL_WORDS_MAX + 1); (*cursor)++) {
        uint32_t kind = *cursor / (CELL_WORDS_MAX + 1), words = *cursor % (CELL_WORDS_MAX + 1);
        const struct pool_class *class = &h->pools.class[kind][words];
        uint64_t pools = class->pools - class->packed, cells = pools * POOL_CELLS;
        uint64_t used = class->used - class->packed_used;

        if (class->pools == 0)
            continue;
        *ret = (struct pool_class_info){
            .kind = kinds[kind],
            .cell_bytes = words * 4,
            .pools = pools,
            .cells = cells,
            .used = used,
            .free = cells - used,
            .packed_pools = class->packed,
            .packed_cells = class->packed_used,
        };
        (*cursor)++;
        return true;
    }
    return false;
}
