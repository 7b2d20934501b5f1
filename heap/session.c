/*
 * session.c - see session.h.
 *
 * Sessions stand in a table under numbers of their own, found by id and by token through maps. Leases wait in
 * a binary heap of deadlines. Renewing one only writes its new deadline down; when the old one comes up, the
 * session goes back into the heap with the new. A session that ends leaves the table at once, and waits in
 * the list of the ending until its holds are released, in steps.
 */
#include "heap/base/num.h"
#include "heap/ref.h"
#include "heap/session_impl.h"
#include "heap/slot.h"

#define NO_LEASE UINT64_MAX
#define NOT_WAITING UINT32_MAX

/* ---- the heap of deadlines ---- */

static void put_waiting(struct session_set *ss, uint32_t i, struct waiting w)
{
    ss->waiting[i] = w;
    w.session->waiting_at = i;
}

static void sift_up(struct session_set *ss, uint32_t i, struct waiting w)
{
    while (i > 0 && ss->waiting[(i - 1) / 2].at_ms > w.at_ms) {
        put_waiting(ss, i, ss->waiting[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put_waiting(ss, i, w);
}

static void sift_down(struct session_set *ss, uint32_t i, struct waiting w)
{
    for (uint32_t child; (child = 2 * i + 1) < ss->waiting_count; i = child) {
        if (child + 1 < ss->waiting_count && ss->waiting[child + 1].at_ms < ss->waiting[child].at_ms)
            child++;
        if (ss->waiting[child].at_ms >= w.at_ms)
            break;
        put_waiting(ss, i, ss->waiting[child]);
    }
    put_waiting(ss, i, w);
}

static bool waiting_grow(struct session_set *ss)
{
    uint32_t room = ss->waiting_room == 0 ? 16 : 2 * ss->waiting_room;
    struct waiting *w = mem_realloc(ss->heap->mem, ss->waiting, ss->waiting_room * sizeof *w, room * sizeof *w);

    if (w == NULL)
        return false;
    ss->waiting = w;
    ss->waiting_room = room;
    return true;
}

static void waiting_remove(struct session_set *ss, struct session *s)
{
    uint32_t i = s->waiting_at;
    struct waiting last;

    if (i == NOT_WAITING)
        return;
    CHECK(i < ss->waiting_count && ss->waiting[i].session == s);
    last = ss->waiting[--ss->waiting_count];
    s->waiting_at = NOT_WAITING;
    if (last.session == s)
        return;
    if (i > 0 && ss->waiting[(i - 1) / 2].at_ms > last.at_ms)
        sift_up(ss, i, last);
    else
        sift_down(ss, i, last);
}

/* ---- the table ---- */

static enum err no_session(session_id id, struct why *why)
{
    return why_set(why, ERR_NO_NAME, "there is no session %u", id);
}

static uint32_t token_hash(const struct session_set *ss, struct slice token)
{
    return (uint32_t)hash_bytes(ss->heap->seed, token.data, token.len);
}

static bool table_grow(struct session_set *ss)
{
    uint32_t room = ss->table_room == 0 ? 16 : 2 * ss->table_room;
    struct session **t = mem_realloc(ss->heap->mem, ss->table, ss->table_room * sizeof *t, room * sizeof *t);

    if (t == NULL)
        return false;
    ss->table = t;
    ss->table_room = room;
    return true;
}

/* Everything that may be refused, before anything shows. */
static bool make_room(struct session_set *ss)
{
    return (ss->table_end < ss->table_room || table_grow(ss)) &&
           (ss->waiting_count < ss->waiting_room || waiting_grow(ss)) && map_reserve(ss->by_id, 1) &&
           map_reserve(ss->by_token, 1);
}

/* A map of holds comes (1), goes (-1), or is about to change and then has. */
static void count_holds(struct session_set *ss, const struct map *holds, int sign)
{
    ss->bytes += (uint64_t)sign * map_bytes(holds);
    ss->untouched_bytes += (uint64_t)sign * map_untouched_bytes(holds);
}

static bool add_hold(struct session_set *ss, struct session *s, slot_t slot)
{
    bool added;

    session_know(ss, s);
    count_holds(ss, s->holds, -1);
    added = map_add(s->holds, slot, 0);
    count_holds(ss, s->holds, 1);
    return added;
}

static void remove_hold(struct session_set *ss, struct session *s, uint32_t entry)
{
    if (session_know(ss, s))
        session_note_unseen(ss, s, entry);
    count_holds(ss, s->holds, -1);
    map_remove(s->holds, entry);
    count_holds(ss, s->holds, 1);
}

static void free_session(struct session_set *ss, struct session *s)
{
    session_know(ss, s);
    if (ss->audit_ending == s)
        ss->audit_ending = s->next;
    count_holds(ss, s->holds, -1);
    map_destroy(&s->holds);
    mem_free(ss->heap->mem, s, sizeof *s);
}

static struct session *new_session(struct session_set *ss, double ttl_s, struct slice label, struct slice token)
{
    struct session *s = mem_zalloc(ss->heap->mem, sizeof *s);

    if (s == NULL)
        return NULL;
    s->holds = map_create(ss->heap->mem, ss->heap->seed);
    if (s->holds == NULL) {
        mem_free(ss->heap->mem, s, sizeof *s);
        return NULL;
    }
    session_know_newborn(ss, s);
    count_holds(ss, s->holds, 1);
    if (!make_room(ss)) {
        free_session(ss, s);
        return NULL;
    }
    s->ttl_s = ttl_s;
    s->ends_at_ms = NO_LEASE;
    s->waiting_at = NOT_WAITING;
    s->label_len = (uint8_t)label.len;
    if (label.len > 0)
        memcpy(s->label, label.data, label.len);
    if (token.len > 0)
        memcpy(s->token, token.data, sizeof s->token);
    return s;
}

static void add_session(struct session_set *ss, struct session *s, session_id id)
{
    uint32_t n = ss->table_hint;

    while (n < ss->table_end && ss->table[n] != NULL)
        n++;
    ss->table_hint = n + 1;
    ss->table_end += n == ss->table_end;
    s->id = id;
    s->number = n;
    ss->table[n] = s;
    ss->count++;
    CHECK(map_add(ss->by_id, id, n));
}

static void remove_session(struct session_set *ss, struct session *s)
{
    ss->table[s->number] = NULL;
    if (s->number < ss->table_hint)
        ss->table_hint = s->number;
    ss->count--;
    map_remove(ss->by_id, map_find(ss->by_id, s->id));
}

/* ---- life of the set ---- */

enum err session_set_create(struct heap *h, struct session_set **ret)
{
    struct session_set *ss = mem_zalloc(h->mem, sizeof *ss);
    struct session *s = NULL;

    if (ss == NULL)
        return ERR_NOMEM;
    ss->heap = h;
    ss->sessions_max = SESSIONS_MAX_DEFAULT;
    ss->holds_max = UINT32_MAX - 1;
    ss->by_id = map_create(h->mem, h->seed);
    ss->by_token = map_create(h->mem, h->seed);
    if (ss->by_id != NULL && ss->by_token != NULL)
        s = new_session(ss, 0, SLICE("default"), SLICE(""));
    session_set_watch(ss);
    if (s == NULL) {
        session_set_destroy(&ss);
        return ERR_NOMEM;
    }
    add_session(ss, s, 0);
    *ret = ss;
    return ERR_OK;
}

void session_set_destroy(struct session_set **at)
{
    struct session_set *ss = *at;

    *at = NULL;
    if (ss == NULL)
        return;
    for (uint32_t n = ss->table_end; n-- > 0;)
        if (ss->table[n] != NULL) {
            ss->table[n]->next = ss->ending;
            ss->ending = ss->table[n];
        }
    ss->table_end = 0;
    while (ss->ending != NULL)
        session_release(ss, SIZE_MAX);
    heap_remove_watch(ss->heap, &ss->watch);
    map_destroy(&ss->by_id);
    map_destroy(&ss->by_token);
    mem_free(ss->heap->mem, ss->table, ss->table_room * sizeof *ss->table);
    mem_free(ss->heap->mem, ss->waiting, ss->waiting_room * sizeof *ss->waiting);
    mem_free(ss->heap->mem, ss, sizeof *ss);
}

void session_set_limits(struct session_set *ss, uint32_t sessions_max, uint32_t holds_per_session_max)
{
    ss->sessions_max = sessions_max;
    ss->holds_max = holds_per_session_max;
}

/* ---- opening, finding, renewing ---- */

static uint64_t lease_end(const struct session *s, uint64_t now_ms)
{
    return s->ttl_s > 0 ? now_ms + (uint64_t)(s->ttl_s * 1000) : NO_LEASE;
}

enum err session_open(struct session_set *ss, double ttl_s, struct slice label, struct slice token, uint64_t now_ms,
                      session_id *ret, struct why *why)
{
    struct session *s;

    CHECK(token.len == SESSION_TOKEN_BYTES);
    if (!(ttl_s >= 1 && ttl_s <= SESSION_TTL_S_MAX))
        return why_limit(why, ERR_BAD_VALUE, "session_ttl_s_max", SESSION_TTL_S_MAX,
                         "ttl is 1 to %d seconds", SESSION_TTL_S_MAX);
    if (label.len > SESSION_LABEL_BYTES_MAX)
        return why_limit(why, ERR_BAD_VALUE, "session_label_bytes_max", SESSION_LABEL_BYTES_MAX,
                         "a label has at most %d bytes, this one has %zu", SESSION_LABEL_BYTES_MAX, label.len);
    if (ss->count > ss->sessions_max) /* session 0 is not counted */
        return why_limit(why, ERR_TOO_MANY, "sessions_max", ss->sessions_max, "there are too many sessions");
    if (ss->last_id == UINT32_MAX)
        return why_limit(why, ERR_TOO_MANY, "session_ids_max", UINT32_MAX, "all session numbers have been used");
    if ((s = new_session(ss, ttl_s, label, token)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a session");
    add_session(ss, s, ++ss->last_id);
    CHECK(map_add(ss->by_token, token_hash(ss, token), s->number));
    s->ends_at_ms = lease_end(s, now_ms);
    sift_up(ss, ss->waiting_count++, (struct waiting){s->ends_at_ms, s});
    *ret = s->id;
    return ERR_OK;
}

/* In time that does not tell how much of the token was right. */
static bool token_is(const struct session *s, struct slice token)
{
    unsigned char differ = 0;

    for (size_t i = 0; i < SESSION_TOKEN_BYTES; i++)
        differ |= (unsigned char)(s->token[i] ^ token.data[i]);
    return differ == 0;
}

enum err session_by_token(struct session_set *ss, struct slice token, uint64_t now_ms, session_id *ret,
                          struct why *why)
{
    uint32_t e = token.len == SESSION_TOKEN_BYTES ? map_find(ss->by_token, token_hash(ss, token)) : MAP_NONE;

    for (; e != MAP_NONE; e = map_next(ss->by_token, e)) {
        struct session *s = ss->table[map_value(ss->by_token, e)];

        if (!token_is(s, token))
            continue;
        s->ends_at_ms = lease_end(s, now_ms);
        *ret = s->id;
        return ERR_OK;
    }
    return why_set(why, ERR_SESSION_ENDED, "no session has this token: it has ended, or never was");
}

void session_begin_request(struct session_set *ss, session_id id)
{
    struct session *s = session_find(ss, id);

    CHECK(s != NULL);
    s->running++;
}

void session_end_request(struct session_set *ss, session_id id, uint64_t now_ms)
{
    struct session *s = session_find(ss, id);

    if (s == NULL)
        return; /* it was ended by its own request */
    CHECK(s->running > 0);
    s->running--;
    s->ends_at_ms = lease_end(s, now_ms);
}

enum err session_renew(struct session_set *ss, session_id id, uint64_t now_ms, struct why *why)
{
    struct session *s = session_find(ss, id);

    if (s == NULL)
        return no_session(id, why);
    s->ends_at_ms = lease_end(s, now_ms);
    return ERR_OK;
}

static void describe(const struct session *s, struct session_info *ret)
{
    *ret = (struct session_info){.id = s->id,
                                 .label = {s->label, s->label_len},
                                 .ttl_s = s->ttl_s,
                                 .ends_at_ms = s->ends_at_ms,
                                 .holds = map_count(s->holds)};
}

enum err session_info(const struct session_set *ss, session_id id, struct session_info *ret, struct why *why)
{
    const struct session *s = session_find(ss, id);

    if (s == NULL)
        return no_session(id, why);
    describe(s, ret);
    return ERR_OK;
}

bool session_next(const struct session_set *ss, uint32_t *cursor, struct session_info *ret)
{
    while (*cursor < ss->table_end && ss->table[*cursor] == NULL)
        (*cursor)++;
    if (*cursor >= ss->table_end)
        return false;
    describe(ss->table[(*cursor)++], ret);
    return true;
}

uint32_t session_count(const struct session_set *ss)
{
    return ss->count;
}

uint64_t session_set_bytes(const struct session_set *ss, uint64_t *ret_untouched)
{
    uint64_t tables = ss->table_room * sizeof *ss->table + ss->waiting_room * sizeof *ss->waiting;

    *ret_untouched = ss->untouched_bytes + map_untouched_bytes(ss->by_id) + map_untouched_bytes(ss->by_token);
    return sizeof *ss + tables + ss->count * sizeof(struct session) + ss->bytes + map_bytes(ss->by_id) +
           map_bytes(ss->by_token);
}

/* ---- holds ---- */

static enum err find_hold(const struct session_set *ss, session_id session, obj_id id, struct session **ret_s,
                          slot_t *ret_slot, uint32_t *ret_entry, struct why *why)
{
    enum err e = slot_find(ss->heap, id, ret_slot, why);

    if (e != ERR_OK)
        return e;
    if ((*ret_s = session_find(ss, session)) == NULL)
        return no_session(session, why);
    *ret_entry = map_find((*ret_s)->holds, *ret_slot);
    return ERR_OK;
}

enum err session_hold(struct session_set *ss, session_id session, obj_id id, struct why *why)
{
    struct session *s;
    uint32_t entry = MAP_NONE;
    slot_t slot;
    enum err e = find_hold(ss, session, id, &s, &slot, &entry, why);

    if (e != ERR_OK || entry != MAP_NONE)
        return e;
    if (map_count(s->holds) >= ss->holds_max)
        return why_limit(why, ERR_LIMIT, "holds_per_session_max", ss->holds_max, "the session holds too many objects");
    if (!add_hold(ss, s, slot))
        return why_set(why, ERR_NOMEM, "no memory for a hold");
    if ((e = ref_take(ss->heap, slot, why)) != ERR_OK)
        remove_hold(ss, s, map_find(s->holds, slot));
    return e;
}

enum err session_drop(struct session_set *ss, session_id session, obj_id id, struct why *why)
{
    struct session *s;
    uint32_t entry = MAP_NONE;
    slot_t slot;
    enum err e = find_hold(ss, session, id, &s, &slot, &entry, why);

    if (e != ERR_OK)
        return e;
    if (entry == MAP_NONE)
        return why_set(why, ERR_NOT_HELD, "session %u does not hold object %llu", session, (unsigned long long)id);
    remove_hold(ss, s, entry);
    ref_drop(ss->heap, slot);
    return ERR_OK;
}

bool session_holds(const struct session_set *ss, session_id session, obj_id id)
{
    struct session *s;
    uint32_t entry = MAP_NONE;
    slot_t slot;

    return find_hold(ss, session, id, &s, &slot, &entry, NULL) == ERR_OK && entry != MAP_NONE;
}

/* From the last entry down: what is removed meanwhile moves entries from behind to the front. */
bool session_next_hold(const struct session_set *ss, session_id session, uint32_t *cursor, obj_id *ret)
{
    const struct session *s = session_find(ss, session);

    if (s == NULL || map_count(s->holds) == 0 || *cursor == 0)
        return false;
    *cursor = *cursor > map_count(s->holds) ? map_count(s->holds) - 1 : *cursor - 1;
    *ret = heap_id(ss->heap, map_key(s->holds, *cursor));
    return true;
}

/* ---- ending ---- */

static void forget_token(struct session_set *ss, const struct session *s)
{
    uint32_t e = map_find(ss->by_token, token_hash(ss, (struct slice){s->token, sizeof s->token}));

    while (e != MAP_NONE && map_value(ss->by_token, e) != s->number)
        e = map_next(ss->by_token, e);
    CHECK(e != MAP_NONE);
    map_remove(ss->by_token, e);
}

static void begin_ending(struct session_set *ss, struct session *s)
{
    waiting_remove(ss, s);
    forget_token(ss, s);
    remove_session(ss, s);
    s->next = ss->ending;
    ss->ending = s;
}

/* Session 0 stays; another takes its holds away to be released. */
static enum err empty_default(struct session_set *ss, struct session *s, struct why *why)
{
    struct session *gone = mem_zalloc(ss->heap->mem, sizeof *gone);
    struct map *empty = gone != NULL ? map_create(ss->heap->mem, ss->heap->seed) : NULL;

    if (empty == NULL) {
        mem_free(ss->heap->mem, gone, sizeof *gone);
        return why_set(why, ERR_NOMEM, "no memory to empty the session");
    }
    session_know(ss, s);
    gone->audit = s->audit;
    gone->unseen = s->unseen;
    gone->holds = s->holds;
    s->unseen = 0;
    s->holds = empty;
    count_holds(ss, empty, 1);
    gone->next = ss->ending;
    ss->ending = gone;
    return ERR_OK;
}

enum err session_end(struct session_set *ss, session_id id, struct why *why)
{
    struct session *s = session_find(ss, id);

    if (s == NULL)
        return no_session(id, why);
    if (id == 0)
        return empty_default(ss, s, why);
    begin_ending(ss, s);
    return ERR_OK;
}

size_t session_expire(struct session_set *ss, uint64_t now_ms, size_t max)
{
    size_t looked = 0;

    for (; looked < max && ss->waiting_count > 0 && ss->waiting[0].at_ms <= now_ms; looked++) {
        struct session *s = ss->waiting[0].session;

        if (s->running > 0)
            s->ends_at_ms = lease_end(s, now_ms);
        if (s->ends_at_ms > now_ms)
            sift_down(ss, 0, (struct waiting){s->ends_at_ms, s});
        else
            begin_ending(ss, s);
    }
    return looked;
}

bool session_has_work(const struct session_set *ss, uint64_t now_ms)
{
    return ss->ending != NULL || (ss->waiting_count > 0 && ss->waiting[0].at_ms <= now_ms);
}

uint64_t session_next_deadline_ms(const struct session_set *ss)
{
    return ss->waiting_count > 0 ? ss->waiting[0].at_ms : NO_LEASE;
}

size_t session_release(struct session_set *ss, size_t units)
{
    while (ss->ending != NULL && units > 0) {
        struct session *s = ss->ending;
        uint32_t count = map_count(s->holds);

        if (count == 0) {
            ss->ending = s->next;
            free_session(ss, s);
            units--;
            continue;
        }
        slot_t slot = map_key(s->holds, count - 1);

        remove_hold(ss, s, count - 1);
        ref_drop(ss->heap, slot);
        units--;
    }
    return units;
}
