/*
 * heap_validate.c - recount everything: the equations, each written once, in phases that can pause. heap_validate() goes
 * through them in one go (heap.h); an audit lets the heap live in between (audit.h).
 *
 * As naively as can be: no counter is shared with what is checked. The equations:
 *   1. a live object's count = links to it from objects whose memory has not returned + roots + open scopes +
 *      what is still to be let go of (reap.c) + what each watcher (sessions, the garbage list) says it holds;
 *   2. objects that have their contents, those that have not, and links counted one by one = the statistics;
 *   3. bytes of both summed = the statistics, and what belongs to objects in pools and outside; what is condemned counts
 *      among the former until it has let go of its contents;
 *   4. pools, shapes, strings, names, weak cells, lists, dictionaries and the journal keep their own rules;
 *   5. what the watchers themselves find.
 */
#include "heap/audit_impl.h"
#include "heap/dict.h"
#include "heap/intern.h"
#include "heap/list.h"
#include "heap/names.h"
#include "heap/reap.h"
#include "heap/record.h"
#include "heap/ref.h"
#include "heap/scope.h"
#include "heap/shape.h"
#include "heap/weak.h"
#include <inttypes.h>
#include <stdio.h>

#define LEAF_ITEMS_PER_UNIT 4u
#define SLOTS_PER_UNIT 8u /* to compare */

static void claim(struct heap_audit *a, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void claim(struct heap_audit *a, bool holds, const char *format, ...)
{
    char sentence[WHY_TEXT_MAX];
    va_list args;

    if (holds)
        return;
    a->broken++;
    if (a->tell == NULL)
        return;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    a->tell(a->tell_ctx, sentence);
}

/* ---- references found ---- */

void audit_settle_found(struct heap_audit *a)
{
    for (uint32_t i = 0; i < a->waiting; i++)
        audit_add(a, a->target[i], 1);
    a->waiting = 0;
}

static void count_one(void *ctx, slot_t slot)
{
    struct heap_audit *a = ctx;

    if (slot == 0 || !pool_is_objects(&a->heap->pools, pool_of(slot))) {
        claim(a, false, "a reference to slot %u, which is no object", slot);
        return;
    }
    if (slot >= a->end)
        return; /* it was not there at the cut */
    if (a->waiting == AUDIT_QUEUE_MAX)
        audit_settle_found(a);
    __builtin_prefetch(&a->account[slot], 1);
    a->target[a->waiting++] = slot;
}

static void count_held(void *ctx, const struct heap_holder *by, slot_t slot)
{
    (void)by;
    count_one(ctx, slot);
}

static void count_word(struct heap_audit *a, word_t word)
{
    if (word_tag(word) != WORD_LINK)
        return;
    a->links++;
    count_one(a, word_payload(word));
}

static void count_words(struct heap_audit *a, const word_t *words, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        count_word(a, words[i]);
}

/* ---- one object ---- */

static void claim_contents(struct heap_audit *a, slot_t slot, size_t broken)
{
    claim(a, broken == 0, "contents of object %" PRIu64 " are inconsistent", heap_id(a->heap, slot));
}

static bool is_dictionary(const struct object *o)
{
    return o->kind == KIND_RECORD && o->layout == LAYOUT_DICTIONARY;
}

static bool is_wide(const struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);

    if (o->kind == KIND_LIST)
        return list_length(h, slot) > AUDIT_WIDE_PARTS;
    return is_dictionary(o) && dict_count(h, record_dict(h, slot)) > AUDIT_WIDE_PARTS;
}

static size_t count_list(struct heap_audit *a, slot_t list)
{
    size_t broken = list_validate(a->heap, list);
    uint32_t count;

    for (uint32_t i = 0; i < list_length(a->heap, list); i += count) {
        const word_t *words = list_probe(a->heap, list, i, &count, &broken);

        if (words == NULL)
            break;
        count_words(a, words, count);
    }
    return broken;
}

static size_t count_dictionary(struct heap_audit *a, slot_t record)
{
    slot_t dict = record_dict(a->heap, record);

    for (uint32_t i = 0; i < dict_count(a->heap, dict); i++)
        count_word(a, dict_word(a->heap, dict_at_index(a->heap, dict, i)));
    return object_at(a->heap, record)->state == STATE_LIVE ? record_validate(a->heap, record) : 0;
}

static size_t count_record(struct heap_audit *a, slot_t record)
{
    uint32_t room;
    const word_t *values = record_values(a->heap, record, &room);

    count_words(a, values, room);
    return object_at(a->heap, record)->state == STATE_LIVE ? record_validate(a->heap, record) : 0;
}

static void count_contents(struct heap_audit *a, slot_t slot)
{
    const struct object *o = object_at(a->heap, slot);

    if (o->kind == KIND_LIST)
        claim_contents(a, slot, count_list(a, slot));
    else if (is_dictionary(o))
        claim_contents(a, slot, count_dictionary(a, slot));
    else if (o->kind == KIND_RECORD)
        claim_contents(a, slot, count_record(a, slot));
}

/* Condemned, and its contents are gone, whatever its cell still says. */
static bool is_released(const struct heap *h, slot_t slot)
{
    for (enum object_window w = 0; w < WINDOWS; w++)
        if (windows_have(&h->windows, h->windows.dead & 1u << w, slot))
            return slot < h->released[w];
    return false;
}

static bool is_object(const struct object *o)
{
    return o->state == STATE_LIVE || o->state == STATE_DEAD;
}

static void count_head(struct heap_audit *a, slot_t slot, const struct object *o)
{
    if (o->state == STATE_LIVE && !is_released(a->heap, slot)) {
        a->whole_objects++;
        a->whole_bytes += object_bytes(a->heap, slot);
    } else {
        a->gone_objects++;
        a->gone_bytes += object_bytes(a->heap, slot);
    }
    if (o->state == STATE_DEAD || windows_have(&a->heap->windows, a->look.excused, slot))
        a->account[slot] |= ACCOUNT_EXCUSED;
}

void audit_look(struct heap_audit *a, slot_t slot)
{
    const struct object *o = object_at(a->heap, slot);
    uint32_t seen = a->account[slot] & (ACCOUNT_HEAD | ACCOUNT_LINKS);

    if (seen == (ACCOUNT_HEAD | ACCOUNT_LINKS) || !is_object(o))
        return;
    if ((seen & ACCOUNT_HEAD) == 0)
        count_head(a, slot, o);
    a->account[slot] |= ACCOUNT_HEAD;
    if ((seen & ACCOUNT_LINKS) != 0 || slot == a->wide || (!a->whole && !is_released(a->heap, slot) && is_wide(a->heap, slot)))
        return;
    a->account[slot] |= ACCOUNT_LINKS;
    if (!is_released(a->heap, slot))
        count_contents(a, slot);
}

/* ---- one object with many parts ---- */

static void end_wide(struct heap_audit *a)
{
    claim_contents(a, a->wide, a->proof[0].broken);
    a->proof[0] = (struct proof){.part = 0};
    a->account[a->wide] |= ACCOUNT_LINKS;
    a->wide = 0;
}

static size_t look_through_list(struct heap_audit *a, size_t units)
{
    for (uint32_t count; units > 0 && a->wide_at < list_length(a->heap, a->wide); a->wide_at += count) {
        const word_t *words = list_probe(a->heap, a->wide, a->wide_at, &count, &a->proof[0].broken);

        if (words == NULL)
            break;
        count_words(a, words, count);
        units = units_less(units, 1 + count / LEAF_ITEMS_PER_UNIT);
    }
    return units;
}

static size_t look_through_dictionary(struct heap_audit *a, size_t units)
{
    slot_t dict = record_dict(a->heap, a->wide);

    if (a->wide_at > dict_count(a->heap, dict))
        a->wide_at = dict_count(a->heap, dict);
    for (; units > 0 && a->wide_at > 0; units = units_less(units, 4)) {
        a->wide_at--;
        count_word(a, dict_word(a->heap, dict_at_index(a->heap, dict, a->wide_at)));
        a->proof[0].broken += dict_validate_entry(a->heap, dict, a->wide_at);
    }
    return units;
}

/* Whatever has become of it meanwhile: what went was told. */
static size_t look_through_wide(struct heap_audit *a, size_t units)
{
    const struct object *o;

    if (a->wide == 0)
        return units;
    if (!pool_is_objects(&a->heap->pools, pool_of(a->wide)) || !bits_has(a->heap->pools.used, a->wide)) {
        a->wide = 0;
        return units;
    }
    o = object_at(a->heap, a->wide);
    if (o->kind == KIND_LIST)
        units = look_through_list(a, units);
    else if (is_dictionary(o))
        units = look_through_dictionary(a, units);
    if (units > 0)
        end_wide(a);
    return units;
}

static size_t begin_wide(struct heap_audit *a, slot_t slot, size_t units)
{
    a->wide = slot;
    a->wide_at = object_at(a->heap, slot)->kind == KIND_LIST ? 0 : UINT32_MAX;
    return look_through_wide(a, units);
}

/* ---- all objects ---- */

static slot_t pool_end_of(const struct heap_audit *a, slot_t slot)
{
    slot_t end = (pool_of(slot) + 1) << POOL_SHIFT;

    return end < a->end ? end : a->end;
}

#define BYTES_AHEAD 1024
#define WORDS_PER_UNIT 8u

/* What looking at it costs, more or less. */
static size_t cost_of(const struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);

    if (o->kind == KIND_LIST && o->state == STATE_LIVE)
        return 1 + list_length(h, slot) / LEAF_ITEMS_PER_UNIT;
    if (is_dictionary(o) && o->state == STATE_LIVE)
        return 1 + 2 * (size_t)dict_count(h, record_dict(h, slot));
    return 1 + pool_words(&h->pools, slot) / WORDS_PER_UNIT;
}

static size_t look_at_pool(struct heap_audit *a, size_t units)
{
    slot_t end = pool_end_of(a, a->at);

    while (units > 0 && (a->at = bits_next(a->heap->pools.used, a->at, end)) < end) {
        slot_t slot = a->at++;

        __builtin_prefetch((const char *)object_at(a->heap, slot) + BYTES_AHEAD);
        audit_look(a, slot);
        if (is_object(object_at(a->heap, slot)) && (a->account[slot] & ACCOUNT_LINKS) == 0)
            units = begin_wide(a, slot, units);
        else
            units = units_less(units, cost_of(a->heap, slot));
    }
    return units;
}

static size_t look_at_objects(struct heap_audit *a, size_t units)
{
    units = look_through_wide(a, units);
    while (units > 0 && a->at < a->end) {
        if (pool_is_objects(&a->heap->pools, pool_of(a->at)))
            units = look_at_pool(a, units);
        else
            a->at = pool_end_of(a, a->at);
        units -= units > 0;
    }
    return units;
}

/* ---- holders ---- */

/* There are none at an audit's cut. */
static size_t count_deferred(struct heap_audit *a, size_t units)
{
    for (int i = 0; i < 2 && a->whole; i++)
        for (slot_t s = 0; (s = bits_next(a->heap->deferred[i].bits[0], s, a->end)) < a->end; s++)
            count_one(a, s);
    return units;
}

static size_t count_roots(struct heap_audit *a, size_t units)
{
    for (; units > 0 && a->root_at < UINT32_MAX; units--) {
        uint32_t n = names_next(a->heap->roots, a->root_at);

        if (n != 0)
            count_one(a, names_at(a->heap->roots, n)->target);
        a->root_at = n != 0 ? n + 1 : UINT32_MAX;
    }
    return units;
}

static size_t count_scopes(struct heap_audit *a, size_t units)
{
    const struct heap *h = a->heap;

    if (!a->whole)
        return scopes_recount_step(&a->look.scope, count_held, a, units);
    for (const struct scope *s = heap_next_scope(h, NULL); s != NULL; s = heap_next_scope(h, s))
        for (uint32_t i = 0; i < scope_end(s); i++)
            if (scope_slot(s, i) != 0)
                count_one(a, scope_slot(s, i));
    return units;
}

/* Who cannot do it in steps does it at the cut. */
static void count_watchers_at_once(struct heap_audit *a)
{
    for (size_t i = 0; i < HEAP_WATCHES_MAX && a->heap->watch[i] != NULL; i++) {
        const struct heap_watch *w = a->heap->watch[i];

        if (w->recount != NULL && (a->whole || w->recount_step == NULL))
            w->recount(w->ctx, count_one, a);
    }
}

static const struct heap_watch *next_watcher(struct heap_audit *a)
{
    return a->watcher < HEAP_WATCHES_MAX ? a->heap->watch[a->watcher] : NULL;
}

static size_t count_watchers(struct heap_audit *a, size_t units)
{
    const struct heap_watch *w;

    while (units > 0 && !a->whole && (w = next_watcher(a)) != NULL) {
        if (w->recount_step != NULL)
            units = w->recount_step(w->ctx, count_held, a, units);
        a->watcher += units > 0;
    }
    if (units > 0)
        a->watcher = 0;
    return units;
}

/* ---- the cut ---- */

static uint64_t bytes_of_objects(const struct heap *h, const struct heap_stats *s)
{
    uint64_t bytes = s->committed_bytes - s->dirty_bytes - s->pool_free_bytes - s->pack_index_bytes + s->large_bytes;

    for (uint32_t n = 1; n < h->pools.pool_end; n++)
        bytes -= (uint64_t)h->pools.pool[n].retired * h->pools.pool[n].words * sizeof(uint32_t);
    return bytes - s->shared_bytes;
}

void audit_take_cut(struct heap_audit *a)
{
    struct heap *h = a->heap;

    heap_stats(h, &a->then);
    a->unreleased_then = h->unreleased;
    a->bytes_then = bytes_of_objects(h, &a->then);
    if (a->whole)
        a->look.excused = h->windows.dead;
    a->root_at = 1;
    count_watchers_at_once(a);
}

/* ---- comparing ---- */

static void compare_live(struct heap_audit *a, slot_t slot, const struct object *o)
{
    struct heap *h = a->heap;
    uint32_t found = a->account[slot] & ACCOUNT_SUM;
    bool is_whole = !o->has_big || map_find(h->big_counts, slot) != MAP_NONE;
    uint64_t count;

    claim(a, is_whole, "object %" PRIu64 " has no big count", heap_id(h, slot));
    if (!is_whole)
        return;
    count = ref_count(h, slot);
    claim(a, (count & ACCOUNT_SUM) == found, "object %" PRIu64 " counts %" PRIu64 " references, %u were found", heap_id(h, slot),
          count, found);
    claim(a, o->count > 0, "object %" PRIu64 " lives with a count of 0", heap_id(h, slot));
}

/* Its account was settled when it died, so what is left is what its count was off by; nothing, if there never was one. */
static void compare_gone(struct heap_audit *a, slot_t slot)
{
    uint32_t left = a->account[slot] & ACCOUNT_SUM;
    int off = left > ACCOUNT_SUM / 2 ? (int)left - (int)ACCOUNT_SUM - 1 : (int)left;

    claim(a, off == 0, "slot %u: there are %d references more than were counted, and no object now", slot, off);
}

static void compare_slot(struct heap_audit *a, slot_t slot, bool used)
{
    const struct object *o = used ? object_at(a->heap, slot) : NULL;
    uint32_t account = a->account[slot];

    if (o != NULL && o->state == STATE_LIVE && (account & (ACCOUNT_EXCUSED | ACCOUNT_GONE)) == 0)
        compare_live(a, slot, o);
    else if ((account & ACCOUNT_EXCUSED) == 0 && (account & ACCOUNT_SUM) != 0)
        compare_gone(a, slot);
}

/* 64 slots. */
static void compare_group(struct heap_audit *a, slot_t first)
{
    bool objects = pool_is_objects(&a->heap->pools, pool_of(first));
    uint64_t used = objects ? a->heap->pools.used[first / 64] : 0;

    for (uint32_t i = 0; i < 64; i++)
        compare_slot(a, first + i, (used >> i) & 1);
}

static size_t compare_objects(struct heap_audit *a, size_t units)
{
    audit_settle_found(a);
    for (; units > 0 && a->compared < a->end; a->compared += 64) {
        compare_group(a, a->compared);
        units = units_less(units, 64 / SLOTS_PER_UNIT);
    }
    return units;
}

/* Members of condemned windows that have not let go of their contents. */
static uint64_t count_unreleased(const struct heap *h)
{
    slot_t end = h->pools.pool_end << POOL_SHIFT;
    uint64_t count = 0;

    for (enum object_window w = 0; w < WINDOWS; w++)
        if ((h->windows.dead >> w) & 1)
            count += bits_count(h->windows.members[w], h->released[w], end - h->released[w]);
    return count;
}

static size_t compare_sums(struct heap_audit *a, size_t units)
{
    const struct heap_stats *s = &a->then;
    uint64_t whole = s->objects + a->unreleased_then, gone = s->doomed - a->unreleased_then;
    uint64_t bytes = a->whole_bytes + a->gone_bytes - (a->whole_objects + a->gone_objects) * OBJECT_TABLE_BYTES;

    claim(a, count_unreleased(a->heap) == a->heap->unreleased, "%" PRIu64 " condemned objects have their contents, the count is %" PRIu64,
          count_unreleased(a->heap), a->heap->unreleased);
    claim(a, a->whole_objects == whole, "%" PRIu64 " objects live, the count is %" PRIu64, a->whole_objects, whole);
    claim(a, a->gone_objects == gone, "%" PRIu64 " objects are dead, the count is %" PRIu64, a->gone_objects, gone);
    claim(a, !a->whole || reap_doomed_length(a->heap) <= s->doomed, "the doomed list is longer than the dead are many");
    claim(a, a->links == s->links, "%" PRIu64 " links, the count is %" PRIu64, a->links, s->links);
    claim(a, a->whole_bytes == s->live_bytes, "%" PRIu64 " live bytes, the count is %" PRIu64, a->whole_bytes, s->live_bytes);
    claim(a, a->gone_bytes == s->doomed_bytes, "%" PRIu64 " dead bytes, the count is %" PRIu64, a->gone_bytes, s->doomed_bytes);
    claim(a, bytes == a->bytes_then, "%" PRIu64 " bytes of objects, %" PRIu64 " in cells and outside", bytes, a->bytes_then);
    return units;
}

/* ---- tables ---- */

static size_t prove_pools(struct heap_audit *a, size_t units)
{
    units = pools_validate_step(&a->heap->pools, &a->pools, units);
    a->proof[0].broken = a->pools.proof.broken;
    return units;
}

static size_t prove_shapes(struct heap_audit *a, size_t units)
{
    return shape_validate_step(a->heap, a->proof, units);
}

static size_t prove_strings(struct heap_audit *a, size_t units)
{
    return strings_validate_step(a->heap, a->proof, units);
}

static size_t prove_roots(struct heap_audit *a, size_t units)
{
    return names_validate_step(a->heap->roots, a->proof, units);
}

static size_t prove_weak_names(struct heap_audit *a, size_t units)
{
    return names_validate_step(a->heap->weak_names, a->proof, units);
}

static size_t prove_weak_cells(struct heap_audit *a, size_t units)
{
    return weak_validate_step(a->heap, a->proof, units);
}

/* From the last entry down, as in map.c. */
static size_t prove_who_is_big(struct heap_audit *a, struct proof *p, size_t units)
{
    const struct map *big = a->heap->big_counts;
    uint64_t end = (uint64_t)map_count(big) + 1;

    if (p->at == 0 || p->at > end)
        p->at = end;
    for (; p->at > 1 && units > 0; p->at--, units--)
        p->broken += !object_at(a->heap, map_key(big, (uint32_t)p->at - 2))->has_big;
    return units;
}

static size_t prove_big_counts(struct heap_audit *a, size_t units)
{
    struct proof *p = a->proof;

    if (p->part == 0 && (units = map_validate_step(a->heap->big_counts, p, units)) > 0)
        proof_next(p);
    return p->part == 1 ? prove_who_is_big(a, p, units) : units;
}

static size_t prove_staging(struct heap_audit *a, size_t units)
{
    return staging_validate_step(a->heap, a->proof, units);
}

static size_t prove_journal(struct heap_audit *a, size_t units)
{
    return journal_validate_step(a->heap, a->proof, units);
}

static size_t ask_watcher(struct heap_audit *a, const struct heap_watch *w, size_t units)
{
    if (!a->whole && w->validate_step != NULL)
        return w->validate_step(w->ctx, a->tell, a->tell_ctx, a->proof, units);
    if (w->validate != NULL)
        a->broken += w->validate(w->ctx, a->tell, a->tell_ctx);
    return units;
}

static size_t ask_watchers(struct heap_audit *a, size_t units)
{
    const struct heap_watch *w;

    while (units > 0 && (w = next_watcher(a)) != NULL) {
        units = ask_watcher(a, w, units);
        if (units == 0)
            return 0;
        a->broken += a->proof[0].broken;
        a->proof[0] = a->proof[1] = (struct proof){.part = 0};
        a->watcher++;
    }
    return units;
}

/* ---- the phases ---- */

static const struct phase {
    size_t (*step)(struct heap_audit *a, size_t units);
    const char *claim; /* of one that proves: what is wrong if it finds anything */
} phases[] = {
    {look_at_objects, NULL},
    {count_deferred, NULL},
    {count_roots, NULL},
    {count_scopes, NULL},
    {count_watchers, NULL},
    {compare_objects, NULL},
    {compare_sums, NULL},
    {prove_pools, "pools: cells, pages or lists do not add up"},
    {prove_shapes, "shapes: users, classes or transitions do not add up"},
    {prove_strings, "strings: the table of interned strings is inconsistent"},
    {prove_roots, "roots: the table of names is inconsistent"},
    {prove_weak_cells, "weak references: cells are inconsistent"},
    {prove_weak_names, "weak references: the table of names is inconsistent"},
    {prove_big_counts, "the table of big counts is inconsistent"},
    {prove_staging, "staging: what has died is staged"},
    {prove_journal, "journal: somebody who lives is about to be told to be dead"},
    {ask_watchers, NULL},
};

size_t audit_run(struct heap_audit *a, size_t units)
{
    while (units > 0 && a->phase < ARRAY_LEN(phases)) {
        const struct phase *p = &phases[a->phase];

        units = p->step(a, units);
        if (units == 0)
            break;
        if (p->claim != NULL) {
            claim(a, a->proof[0].broken == 0, "%s", p->claim);
            a->proof[0] = (struct proof){.part = 0};
        }
        a->phase++;
    }
    audit_settle_found(a);
    return units;
}

void heap_audit_progress(const struct heap_audit *a, uint64_t *ret_done, uint64_t *ret_all)
{
    *ret_done = a->phase == 0 ? a->at : a->end;
    *ret_all = a->end;
}

size_t heap_validate(struct heap *h, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    struct heap_audit a = {.heap = h, .whole = true, .tell = broken, .tell_ctx = ctx, .end = h->pools.pool_end << POOL_SHIFT};
    size_t bytes = (size_t)a.end * sizeof *a.account;

    a.account = mem_reserve(h->mem, bytes);
    if (a.account == NULL) {
        claim(&a, false, "no memory to recount");
        return a.broken;
    }
    audit_take_cut(&a);
    (void)audit_run(&a, SIZE_MAX);
    mem_unreserve(h->mem, a.account, bytes);
    return a.broken;
}
