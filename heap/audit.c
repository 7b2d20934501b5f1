/* audit.c - see audit.h: its life, and what the heap tells it. The equations are in heap_validate.c. */
#include "heap/audit_impl.h"
#include "heap/dict.h"
#include "heap/ref.h"
#include <stddef.h>

#define TRIM_BYTES (256u << 10) /* of the account go back at a time, in 10 us */
#define TRIM_UNITS 256u

/* ---- the account ---- */

void audit_add(struct heap_audit *a, slot_t slot, uint32_t by)
{
    uint32_t *account;

    if (slot >= a->end)
        return; /* there was nothing at the cut */
    account = &a->account[slot];
    *account = (*account & ~ACCOUNT_SUM) | ((*account + by) & ACCOUNT_SUM);
}

/* It is gone, and `count` references with it: from now on nothing is counted of it. */
static void settle(struct heap_audit *a, slot_t slot, uint64_t count)
{
    if ((a->account[slot] & (ACCOUNT_EXCUSED | ACCOUNT_GONE)) != 0)
        return;
    audit_add(a, slot, 0u - (uint32_t)count);
    a->account[slot] |= ACCOUNT_GONE;
}

/* ---- whoever was there at the cut is looked at before it changes ---- */

static struct heap_audit *audit_of(struct onlooker *o)
{
    struct heap_audit *a = (struct heap_audit *)(void *)((char *)o - offsetof(struct heap_audit, look));

    CHECK_IS(a, AUDIT_MAGIC);
    return a;
}

static bool waits_for(const struct onlooker *o, slot_t holder)
{
    const struct heap_audit *a = audit_of((struct onlooker *)(uintptr_t)o);

    return holder < a->end && (a->account[holder] & ACCOUNT_LINKS) == 0;
}

/* A new object was not there at the cut. */
static void birth(struct onlooker *o, slot_t slot)
{
    struct heap_audit *a = audit_of(o);

    if (slot >= a->end)
        return;
    a->account[slot] |= ACCOUNT_HEAD | ACCOUNT_LINKS;
    a->wide = a->wide == slot ? 0 : a->wide;
}

static void counted(struct onlooker *o, slot_t slot, bool gained)
{
    audit_add(audit_of(o), slot, gained ? 1 : UINT32_MAX);
}

static void on_born(void *ctx, slot_t slot, enum object_kind kind)
{
    struct heap_audit *a = ctx;

    (void)kind;
    if (slot >= a->end)
        return;
    if ((a->account[slot] & ACCOUNT_EXCUSED) != 0) {
        audit_settle_found(a);
        a->account[slot] = 0;
    }
    birth(&a->look, slot);
    audit_add(a, slot, 1);
    a->account[slot] &= ~ACCOUNT_GONE;
}

static void on_changing(void *ctx, slot_t slot)
{
    struct heap_audit *a = ctx;

    if (slot < a->end)
        audit_look(a, slot);
}

/* Its last reference went without a word; or it is killed, whatever counts it. */
static void on_dying(void *ctx, slot_t slot)
{
    struct heap_audit *a = ctx;
    uint64_t count = slot < a->end ? ref_count(a->heap, slot) : 0;

    if (slot >= a->end)
        return;
    audit_look(a, slot);
    settle(a, slot, count > 0 ? count : 1);
}

static slot_t next_of(const struct heap_audit *a, uint32_t pool, const uint64_t cells[POOL_WORDS], uint32_t place)
{
    slot_t slot = (pool << POOL_SHIFT) + bits_next(cells, place, POOL_CELLS);

    return pool_of(slot) == pool && slot < a->end ? slot : 0;
}

static void on_condemned(void *ctx, uint32_t pool, const uint64_t cells[POOL_WORDS])
{
    struct heap_audit *a = ctx;

    for (slot_t slot = next_of(a, pool, cells, 0); slot != 0; slot = next_of(a, pool, cells, slot % POOL_CELLS + 1)) {
        audit_look(a, slot);
        settle(a, slot, ref_count(a->heap, slot));
    }
}

/* Condemned and released at the cut, perhaps. */
static void freeing(struct onlooker *o, uint32_t pool, const uint64_t cells[POOL_WORDS])
{
    struct heap_audit *a = audit_of(o);

    for (slot_t slot = next_of(a, pool, cells, 0); slot != 0; slot = next_of(a, pool, cells, slot % POOL_CELLS + 1))
        audit_look(a, slot);
}

/* The pool in which the release of a condemned window stands at the cut: of its cells nobody is told once more. */
static void look_at_half_released(struct heap_audit *a)
{
    struct heap *h = a->heap;

    for (enum object_window w = 0; w < WINDOWS; w++) {
        slot_t at = h->released[w];

        if (((h->windows.dead >> w) & 1) == 0)
            continue;
        for (slot_t end = (pool_of(at) + 1) << POOL_SHIFT; (at = bits_next(h->windows.members[w], at, end)) < end; at++)
            if (at < a->end)
                audit_look(a, at);
    }
}

/* ---- an object with many parts, of which some may have been looked at ---- */

static void miss_word(struct heap_audit *a, word_t word, bool came)
{
    if (word_tag(word) != WORD_LINK)
        return;
    a->links += came ? UINT64_MAX : 1;
    audit_add(a, word_payload(word), came ? UINT32_MAX : 1);
}

static bool item_is_seen(const struct heap_audit *a, slot_t list, uint32_t index)
{
    return a->wide == list && index < a->wide_at;
}

static void item_changed(struct onlooker *o, slot_t list, uint32_t index, word_t old, word_t now)
{
    struct heap_audit *a = audit_of(o);

    if (item_is_seen(a, list, index))
        return;
    miss_word(a, old, false);
    miss_word(a, now, true);
}

static void item_deleted(struct onlooker *o, slot_t list, uint32_t index, word_t old)
{
    struct heap_audit *a = audit_of(o);

    if (item_is_seen(a, list, index))
        a->wide_at--;
    else
        miss_word(a, old, false);
}

static void leaf_popped(struct onlooker *o, slot_t list, uint32_t first, const word_t *words, uint32_t count)
{
    struct heap_audit *a = audit_of(o);

    for (uint32_t i = 0; i < count; i++)
        if (!item_is_seen(a, list, first + i))
            miss_word(a, words[i], false);
    if (a->wide == list && a->wide_at > first)
        a->wide_at = first;
}

static bool entry_is_seen(const struct heap_audit *a, slot_t record, uint32_t entry)
{
    return a->wide == record && entry >= a->wide_at;
}

static void field_changed(struct onlooker *o, slot_t record, slot_t name, uint32_t entry, word_t old, word_t now)
{
    struct heap_audit *a = audit_of(o);

    (void)name;
    if (entry_is_seen(a, record, entry))
        return;
    miss_word(a, old, false);
    miss_word(a, now, true);
}

/* The last takes its number; if it has been seen, it will be once more. */
static void field_removing(struct onlooker *o, slot_t record, slot_t dict, slot_t entry)
{
    struct heap_audit *a = audit_of(o);
    uint32_t last = dict_count(a->heap, dict) - 1, index = dict_index(a->heap, dict, entry);

    if (entry_is_seen(a, record, index))
        return;
    miss_word(a, dict_word(a->heap, entry), false);
    if (entry_is_seen(a, record, last))
        miss_word(a, dict_word(a->heap, dict_at_index(a->heap, dict, last)), true);
}

/* ---- holders ---- */

/* One that it had at the cut goes before the audit came to it (came: false), or one comes where it will find it. */
static void hold_missed(struct onlooker *o, const struct heap_holder *by, slot_t slot, bool came)
{
    (void)by;
    audit_add(audit_of(o), slot, came ? UINT32_MAX : 1);
}

static void root_changing(struct onlooker *o, uint32_t number, slot_t old, slot_t now)
{
    struct heap_audit *a = audit_of(o);

    if (number < a->root_at)
        return;
    if (old != 0)
        audit_add(a, old, 1);
    if (now != 0)
        audit_add(a, now, UINT32_MAX);
}

static const struct onlooker_ops ops = {.waits_for = waits_for,
                                        .birth = birth,
                                        .counted = counted,
                                        .item_changed = item_changed,
                                        .item_deleted = item_deleted,
                                        .leaf_popped = leaf_popped,
                                        .field_changed = field_changed,
                                        .field_removing = field_removing,
                                        .root_changing = root_changing,
                                        .hold_missed = hold_missed,
                                        .freeing = freeing};

/* ---- life ---- */

enum err heap_audit_begin(struct heap *h, broken_fn *broken, void *ctx, struct heap_audit **ret, struct why *why)
{
    struct heap_audit *a;
    enum err e = onlooker_claim(h, why);

    if (e != ERR_OK)
        return e;
    if ((a = mem_zalloc(h->mem, sizeof *a)) == NULL) {
        h->onlooked = false;
        return why_set(why, ERR_NOMEM, "no memory for an audit");
    }
    a->magic = AUDIT_MAGIC;
    a->heap = h;
    a->tell = broken;
    a->tell_ctx = ctx;
    a->look.ops = &ops;
    a->look.watch = (struct heap_watch){
        .ctx = a, .born = on_born, .changing = on_changing, .dying = on_dying, .condemned = on_condemned};
    *ret = a;
    return ERR_OK;
}

static size_t account_bytes(const struct heap_audit *a)
{
    return (size_t)a->end * sizeof *a->account;
}

/* It is too much to go beyond the cap for: what there is beyond it is for those who let go (mem_reach()). */
static bool charge_account(struct mem *mem, size_t bytes)
{
    size_t reach = mem_reach(mem, 0);
    bool charged = mem_charge(mem, bytes);

    mem_reach(mem, reach);
    return charged;
}

static enum err open_account(struct heap_audit *a, struct why *why)
{
    struct heap *h = a->heap;
    size_t bytes = ((size_t)h->pools.pool_end << POOL_SHIFT) * sizeof *a->account;

    if (charge_account(h->mem, bytes)) {
        a->account = mem_reserve(h->mem, bytes);
        if (a->account != NULL) {
            a->end = h->pools.pool_end << POOL_SHIFT;
            return ERR_OK;
        }
        mem_uncharge(h->mem, bytes);
    }
    return why_set(why, ERR_NOMEM, "no memory for an account of all objects: it takes %zu bytes", bytes);
}

static enum err cut(struct heap_audit *a, struct why *why)
{
    struct heap *h = a->heap;
    enum err e = open_account(a, why);

    if (e != ERR_OK)
        return e;
    h->windows.open |= WINDOW_AUDIT;
    onlooker_cut(h, &a->look);
    audit_take_cut(a);
    look_at_half_released(a);
    return ERR_OK;
}

enum err heap_audit_step(struct heap_audit *a, size_t units, bool *ret_done, struct why *why)
{
    enum err e;

    CHECK_IS(a, AUDIT_MAGIC);
    CHECK(!a->ended && a->heap->undo == NULL); /* what may be taken back is one change: it is looked at before or after */
    *ret_done = false;
    if (a->account == NULL && (units = heap_reap(a->heap, units)) == 0)
        return ERR_OK;
    if (a->account == NULL && (e = cut(a, why)) != ERR_OK)
        return e;
    *ret_done = audit_run(a, units) > 0;
    return ERR_OK;
}

size_t heap_audit_broken(const struct heap_audit *a)
{
    return a->broken;
}

static void end(struct heap_audit *a)
{
    struct heap *h = a->heap;

    a->ended = true;
    if (h->onlooker == &a->look)
        h->windows.open &= ~WINDOW_AUDIT;
    onlooker_leave(h, &a->look);
}

/* In pieces: all of it at once takes a millisecond for ten million slots. */
static size_t trim_account(struct heap_audit *a, size_t units)
{
    size_t bytes = account_bytes(a);

    for (; units > 0 && a->account_trimmed < bytes; units = units_less(units, TRIM_UNITS)) {
        size_t piece = bytes - a->account_trimmed < TRIM_BYTES ? bytes - a->account_trimmed : TRIM_BYTES;

        mem_discard((char *)a->account + a->account_trimmed, piece);
        a->account_trimmed += piece;
    }
    return units;
}

size_t heap_audit_end(struct heap_audit **at, size_t units)
{
    struct heap_audit *a = *at;
    struct mem *mem;

    if (a == NULL)
        return units;
    CHECK_IS(a, AUDIT_MAGIC);
    if (!a->ended)
        end(a);
    if ((units = trim_account(a, units)) == 0)
        return 0;
    mem = a->heap->mem;
    if (a->account != NULL) {
        mem_uncharge(mem, account_bytes(a));
        mem_unreserve(mem, a->account, account_bytes(a));
    }
    a->magic = 0;
    mem_free(mem, a, sizeof *a);
    *at = NULL;
    return units;
}
