/*
 * session_audit.c - what sessions hold, told to who looks at the whole heap: in one go, or in steps between which holds
 * come and go (heap/onlooker.h).
 *
 * An onlooker comes to a session's holds from the last to the first, so those that are added meanwhile stand where it has
 * been. A session knows how many it has not come to, and of which onlooker that is said: so beginning one touches none.
 */
#include "heap/session_impl.h"

/* ---- what an onlooker has not come to ---- */

static void know_set_for_onlooker(struct session_set *ss, uint32_t onlook)
{
    if (ss->onlook == onlook)
        return;
    ss->onlook = onlook;
    ss->onlook_at = 0;
    ss->onlook_ends = false;
    ss->bytes_then = ss->bytes;
    ss->bytes_found = 0;
}

bool session_know(struct session_set *ss, struct session *s)
{
    uint32_t onlook = heap_onlook_number(ss->heap);

    if (onlook == 0 || s->onlook == onlook)
        return onlook != 0;
    know_set_for_onlooker(ss, onlook);
    ss->bytes_found += map_bytes(s->holds);
    s->onlook = onlook;
    s->unseen = map_count(s->holds);
    return true;
}

void session_know_newborn(struct session_set *ss, struct session *s)
{
    uint32_t onlook = heap_onlook_number(ss->heap);

    if (onlook != 0)
        know_set_for_onlooker(ss, onlook);
    s->onlook = onlook;
    s->unseen = 0;
}

static struct heap_holder held_by(const struct session *s)
{
    return (struct heap_holder){.by = HELD_BY_SESSION, .session = s->id, .label = {s->label, s->label_len}};
}

static void miss(struct session_set *ss, const struct session *s, uint32_t entry, bool came)
{
    struct heap_holder by = held_by(s);

    heap_hold_missed(ss->heap, &by, map_key(s->holds, entry), came);
}

/* The last takes its number: one that was seen would be seen once more. */
void session_note_unseen(struct session_set *ss, struct session *s, uint32_t entry)
{
    uint32_t last = map_count(s->holds) - 1;

    if (entry < s->unseen) {
        miss(ss, s, entry, false);
        if (last >= s->unseen)
            miss(ss, s, last, true);
    }
    s->unseen = s->unseen < last ? s->unseen : last;
}

/* Who stood there meanwhile goes to the end, where all have been seen. */
void session_note_put_back(struct session_set *ss, struct session *s, uint32_t entry, slot_t slot)
{
    struct heap_holder by = held_by(s);

    if (entry >= s->unseen)
        return;
    heap_hold_missed(ss->heap, &by, slot, true);
    miss(ss, s, entry, false);
}

/* ---- who holds what ---- */

static void recount(void *ctx, void (*count)(void *to, slot_t slot), void *to)
{
    const struct session_set *ss = ctx;

    for (uint32_t n = 0; n < ss->table_end; n++)
        for (uint32_t e = 0; ss->table[n] != NULL && e < map_count(ss->table[n]->holds); e++)
            count(to, map_key(ss->table[n]->holds, e));
    for (const struct session *s = ss->ending; s != NULL; s = s->next)
        for (uint32_t e = 0; e < map_count(s->holds); e++)
            count(to, map_key(s->holds, e));
}

static uint64_t holds_bytes(const struct session_set *ss)
{
    uint64_t bytes = 0;

    for (uint32_t n = 0; n < ss->table_end; n++)
        bytes += ss->table[n] != NULL ? map_bytes(ss->table[n]->holds) : 0;
    for (const struct session *s = ss->ending; s != NULL; s = s->next)
        bytes += map_bytes(s->holds);
    return bytes;
}

/* The cursor: number of a session, and of one of its holds. */
static bool next_held(void *ctx, uint64_t *cursor, slot_t *ret)
{
    const struct session_set *ss = ctx;
    uint32_t number = (uint32_t)(*cursor >> 32), hold = (uint32_t)*cursor;

    *ret = 0;
    if (number >= ss->table_end)
        return false;
    if (ss->table[number] != NULL && hold < map_count(ss->table[number]->holds)) {
        *ret = map_key(ss->table[number]->holds, hold);
        (*cursor)++;
    } else {
        *cursor = (uint64_t)(number + 1) << 32;
    }
    return true;
}

/* ---- recounting in steps ---- */

static size_t count_unseen(struct session_set *ss, struct session *s, held_fn *count, void *to, size_t units)
{
    struct heap_holder by = held_by(s);

    (void)session_know(ss, s);
    for (; s->unseen > 0 && units > 0; units--)
        count(to, &by, map_key(s->holds, --s->unseen));
    return units;
}

static uint64_t held_count(void *ctx)
{
    return ((const struct session_set *)ctx)->holds;
}

/* The table, then those that are ending; who begins to end meanwhile comes before the first, and has been seen. */
static size_t recount_step(void *ctx, held_fn *count, void *to, size_t units)
{
    struct session_set *ss = ctx;

    know_set_for_onlooker(ss, heap_onlook_number(ss->heap));
    while (units > 0 && ss->onlook_at < ss->table_end) {
        if (ss->table[ss->onlook_at] != NULL)
            units = count_unseen(ss, ss->table[ss->onlook_at], count, to, units);
        if (units == 0)
            return 0;
        ss->onlook_at++;
        units--;
    }
    if (units > 0 && !ss->onlook_ends)
        ss->onlook_ending = ss->ending;
    ss->onlook_ends |= units > 0;
    while (units > 0 && ss->onlook_ending != NULL) {
        units = count_unseen(ss, ss->onlook_ending, count, to, units);
        if (units > 0)
            ss->onlook_ending = ss->onlook_ending->next;
        units -= units > 0;
    }
    return units;
}

/* ---- proof ---- */

static bool is_found(const struct session_set *ss, uint32_t number)
{
    return ss->table[number] == NULL || session_find(ss, ss->table[number]->id) == ss->table[number];
}

static uint64_t paid_bytes(const struct session_set *ss)
{
    uint64_t bytes = 0;

    for (uint32_t n = 0; n < ss->table_end; n++)
        bytes += ss->table[n] != NULL ? ss->table[n]->bytes : 0;
    return bytes;
}

static size_t say_broken(size_t bad, void (*broken)(void *to, const char *sentence), void *to)
{
    if (bad > 0 && broken != NULL)
        broken(to, "sessions: a table of sessions or holds is inconsistent");
    return bad;
}

static size_t validate(void *ctx, void (*broken)(void *to, const char *sentence), void *to)
{
    const struct session_set *ss = ctx;
    size_t bad = map_validate(ss->by_id) + map_validate(ss->by_token);

    for (uint32_t n = 0; n < ss->table_end; n++)
        bad += !is_found(ss, n) + (ss->table[n] != NULL ? map_validate(ss->table[n]->holds) : 0);
    bad += ss->bytes != holds_bytes(ss);
    bad += ss->payers != NULL && paid_bytes(ss) != payers_recount(ss->payers);
    bad += deadlines_validate(&ss->leases);
    return say_broken(bad, broken, to);
}

/* `p` is two: how far in the table, and how far in the map of holds of one. One that ends before that is not looked into. */
static size_t validate_sessions(struct session_set *ss, struct proof *p, size_t units)
{
    for (; units > 0 && p->at < ss->table_end; p->at++) {
        uint32_t n = (uint32_t)p->at;

        if (ss->table[n] != NULL)
            units = map_validate_step(ss->table[n]->holds, &p[1], units);
        if (units == 0)
            return 0;
        p->broken += p[1].broken + !is_found(ss, n);
        p[1] = (struct proof){.part = 0};
        units--;
    }
    return units;
}

#define PAYS_OF_ALL UINT32_MAX /* it is known what each session pays for: those that come are told */

/* What each pays for, at one moment: what changes in those that were looked at is told (session_note_pay()). */
static size_t add_up_pays(struct session_set *ss, struct proof *p, size_t units)
{
    if (p->at++ == 0)
        ss->pays_at = 0;
    if (ss->pays_at == 0)
        ss->pays_found = 0;
    for (; units > 0 && ss->pays_at < ss->table_end; ss->pays_at++, units--)
        ss->pays_found += ss->table[ss->pays_at] != NULL ? ss->table[ss->pays_at]->bytes : 0;
    if (units > 0)
        ss->pays_at = PAYS_OF_ALL;
    return units;
}

/* If it began meanwhile that they pay, the next audit tells. */
static size_t compare_pays(struct session_set *ss, struct proof *p, size_t units)
{
    uint64_t bytes = 0;

    if (ss->payers != NULL && (units = payers_recount_step(ss->payers, p, units, &bytes)) == 0)
        return 0;
    p->broken += ss->payers != NULL && ss->pays_at == PAYS_OF_ALL && bytes != ss->pays_found;
    ss->pays_at = 0;
    return units;
}

static size_t validate_ids(struct session_set *ss, struct proof *p, size_t units)
{
    return map_validate_step(ss->by_id, p, units);
}

static size_t validate_tokens(struct session_set *ss, struct proof *p, size_t units)
{
    return map_validate_step(ss->by_token, p, units);
}

static size_t validate_leases(struct session_set *ss, struct proof *p, size_t units)
{
    return deadlines_validate_step(&ss->leases, p, units);
}

static size_t validate_step(void *ctx, void (*broken)(void *to, const char *sentence), void *to, struct proof *p, size_t units)
{
    static size_t (*const parts[])(struct session_set *ss, struct proof *p, size_t units) = {
        validate_ids, validate_tokens, validate_sessions, validate_leases, add_up_pays, compare_pays};
    struct session_set *ss = ctx;

    while (units > 0 && p->part < ARRAY_LEN(parts)) {
        units = parts[p->part](ss, p, units);
        if (units > 0)
            proof_next(p);
    }
    if (units > 0) {
        p->broken += ss->bytes_found != ss->bytes_then;
        say_broken(p->broken, broken, to);
    }
    return units;
}

void session_set_watch(struct session_set *ss)
{
    ss->watch = (struct heap_watch){.ctx = ss,
                                    .next_held = next_held,
                                    .recount = recount,
                                    .validate = validate,
                                    .recount_step = recount_step,
                                    .held_count = held_count,
                                    .validate_step = validate_step};
    heap_add_watch(ss->heap, &ss->watch);
}
