/*
 * session.c - see session.h.
 *
 * Sessions stand in a table under numbers of their own, found by id and by token through maps. Leases are
 * looked at by their deadlines. Renewing one only writes its new deadline down; when the old one comes up, it
 * is put off to the new. A session that ends leaves the table at once, and waits in
 * the list of the ending until its holds are released, in steps. Holding and dropping is session_holds.c.
 */
#include "heap/session_impl.h"
#include "heap/base/num.h"
#include "heap/ref.h"

#define NO_LEASE UINT64_MAX
#define AGAIN_MS 1000 /* a session whose end could not be noted for want of memory lives on for so long */

/* ---- the table ---- */

struct session *session_find(const struct session_set *ss, session_id id)
{
    uint32_t e;

    if (id == 0)
        return ss->table[0]; /* the first there was, and it never ends */
    e = map_find(ss->by_id, id);
    return e == MAP_NONE ? NULL : ss->table[map_value(ss->by_id, e)];
}

enum err session_missing(session_id id, struct why *why)
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
           deadlines_reserve(&ss->leases, ss->heap->mem) && map_reserve(ss->by_id, 1) &&
           map_reserve(ss->by_token, 1);
}

static void free_session(struct session_set *ss, struct session *s)
{
    session_know(ss, s);
    if (ss->onlook_ending == s)
        ss->onlook_ending = s->next;
    session_count_holds(ss, s->holds, -1);
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
    session_count_holds(ss, s->holds, 1);
    if (!make_room(ss)) {
        free_session(ss, s);
        return NULL;
    }
    s->ttl_s = ttl_s;
    s->ends_at_ms = NO_LEASE;
    s->look.place = DEADLINE_NONE;
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
    ss->limits = (struct session_limits){
        .sessions_max = SESSIONS_MAX_DEFAULT, .holds_max = UINT32_MAX - 1, .default_holds_max = UINT32_MAX - 1};
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
    payers_end(&ss->payers);
    for (uint32_t n = ss->table_end; n-- > 0;)
        if (ss->table[n] != NULL) {
            ss->table[n]->toll = (struct toll){.holds = 0}; /* where its token was */
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
    deadlines_fini(&ss->leases, ss->heap->mem);
    mem_free(ss->heap->mem, ss, sizeof *ss);
}

/* ---- limits ---- */

static void bear(struct session_set *ss, struct session *s, uint64_t bytes)
{
    s->bytes += bytes;
    session_note_pay(ss, s->number, bytes);
}

/* Who has ended has left it to session 0. Mostly the same pays again. */
static void pay(void *ctx, uint32_t payer, int64_t bytes)
{
    struct session_set *ss = ctx;
    struct session *s = ss->paying;

    if (s == NULL || s->id != payer)
        s = session_find(ss, payer);
    ss->paying = s != NULL ? s : ss->table[0];
    bear(ss, ss->paying, (uint64_t)bytes);
}

static void forget_bytes(struct session_set *ss)
{
    payers_end(&ss->payers);
    for (uint32_t n = 0; n < ss->table_end; n++)
        if (ss->table[n] != NULL)
            ss->table[n]->bytes = 0;
    ss->pays_at = 0;
}

/* Without memory to count there is no limit yet; it is asked for again with the next that is set. */
void session_set_limits(struct session_set *ss, const struct session_limits *limits)
{
    bool counts = limits->bytes_max != 0 || limits->default_bytes_max != 0;

    ss->limits = *limits;
    if (counts && ss->payers == NULL)
        ss->payers = payers_begin(ss->heap, pay, ss);
    else if (!counts && ss->payers != NULL)
        forget_bytes(ss);
}

void session_pay(struct session_set *ss, session_id id)
{
    if (ss->payers != NULL)
        payers_turn(ss->payers, id);
}

enum err session_may_grow(const struct session_set *ss, session_id id, uint64_t bytes, struct why *why)
{
    uint64_t max = id == 0 ? ss->limits.default_bytes_max : ss->limits.bytes_max;
    const struct session *s = max != 0 && ss->payers != NULL ? session_find(ss, id) : NULL;

    if (s == NULL || (s->bytes < max && bytes <= max - s->bytes))
        return ERR_OK;
    return why_limit(why, ERR_LIMIT, id == 0 ? "default_bytes_max" : "bytes_per_session_max", max,
                     "session %u has made %llu bytes that live, and may make %llu", id, (unsigned long long)s->bytes,
                     (unsigned long long)max);
}

/* ---- opening, finding, renewing ---- */

static uint64_t lease_end(const struct session *s, uint64_t now_ms)
{
    return s->ttl_s > 0 ? now_ms + (uint64_t)(s->ttl_s * 1000) : NO_LEASE;
}

static void begin_lease(struct session_set *ss, struct session *s, session_id id, uint64_t now_ms)
{
    add_session(ss, s, id);
    CHECK(map_add(ss->by_token, token_hash(ss, (struct slice){s->token, sizeof s->token}), s->number));
    s->began_ms = now_ms;
    s->ends_at_ms = lease_end(s, now_ms);
    s->look.at_ms = s->ends_at_ms;
    deadlines_add(&ss->leases, &s->look);
}

enum err session_open(struct session_set *ss, double ttl_s, struct slice label, struct slice token, uint64_t now_ms,
                      session_id *ret, struct why *why)
{
    struct change c = {.kind = CHANGE_SESSION, .session = ss->last_id + 1, .ttl_s = ttl_s, .name = label, .token = token};
    struct session *s;
    enum err e;

    CHECK(token.len == SESSION_TOKEN_BYTES);
    if (!(ttl_s >= 1 && ttl_s <= SESSION_TTL_S_MAX))
        return why_limit(why, ERR_BAD_VALUE, "session_ttl_s_max", SESSION_TTL_S_MAX,
                         "ttl is 1 to %d seconds", SESSION_TTL_S_MAX);
    if (label.len > SESSION_LABEL_BYTES_MAX)
        return why_limit(why, ERR_BAD_VALUE, "session_label_bytes_max", SESSION_LABEL_BYTES_MAX,
                         "a label has at most %d bytes, this one has %zu", SESSION_LABEL_BYTES_MAX, label.len);
    if (ss->count > ss->limits.sessions_max) /* session 0 is not counted */
        return why_limit(why, ERR_TOO_MANY, "sessions_max", ss->limits.sessions_max, "there are too many sessions");
    if (ss->last_id == UINT32_MAX)
        return why_limit(why, ERR_TOO_MANY, "session_ids_max", UINT32_MAX, "all session numbers have been used");
    if ((s = new_session(ss, ttl_s, label, token)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a session");
    if ((e = journal_note(ss->heap->journal, &c, NULL, why)) != ERR_OK) {
        free_session(ss, s);
        return e;
    }
    begin_lease(ss, s, ++ss->last_id, now_ms);
    session_say_opened(ss, s);
    *ret = s->id;
    return ERR_OK;
}

enum err session_restore(struct session_set *ss, session_id id, double ttl_s, struct slice label, struct slice token,
                         uint64_t now_ms, struct why *why)
{
    struct session *s;

    if (id == 0 || !(ttl_s >= 1 && ttl_s <= SESSION_TTL_S_MAX) || label.len > SESSION_LABEL_BYTES_MAX ||
        token.len != SESSION_TOKEN_BYTES || session_find(ss, id) != NULL)
        return why_set(why, ERR_BAD_VALUE, "session %u is not as it was written", id);
    if ((s = new_session(ss, ttl_s, label, token)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a session");
    begin_lease(ss, s, id, now_ms);
    session_raise_ids(ss, id);
    return ERR_OK;
}

session_id session_last_id(const struct session_set *ss)
{
    return ss->last_id;
}

void session_raise_ids(struct session_set *ss, session_id last)
{
    if (last > ss->last_id)
        ss->last_id = last;
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
        return session_missing(id, why);
    s->ends_at_ms = lease_end(s, now_ms);
    return ERR_OK;
}

void session_describe(const struct session_set *ss, const struct session *s, struct session_info *ret)
{
    bool counts = ss->payers != NULL;

    *ret = (struct session_info){.id = s->id,
                                 .label = {s->label, s->label_len},
                                 .ttl_s = s->ttl_s,
                                 .began_ms = s->began_ms,
                                 .ends_at_ms = s->ends_at_ms,
                                 .holds = map_count(s->holds),
                                 .bytes = counts ? s->bytes : UINT64_MAX};
}

enum err session_info(const struct session_set *ss, session_id id, struct session_info *ret, struct why *why)
{
    const struct session *s = session_find(ss, id);

    if (s == NULL)
        return session_missing(id, why);
    session_describe(ss, s, ret);
    return ERR_OK;
}

bool session_next(const struct session_set *ss, uint32_t *cursor, struct session_info *ret)
{
    while (*cursor < ss->table_end && ss->table[*cursor] == NULL)
        (*cursor)++;
    if (*cursor >= ss->table_end)
        return false;
    session_describe(ss, ss->table[(*cursor)++], ret);
    return true;
}

uint64_t session_expired_count(const struct session_set *ss)
{
    return ss->expired;
}

uint32_t session_count(const struct session_set *ss)
{
    return ss->count;
}

uint64_t session_set_bytes(const struct session_set *ss, uint64_t *ret_untouched)
{
    uint64_t tables = ss->table_room * sizeof *ss->table + deadlines_bytes(&ss->leases);

    *ret_untouched = ss->untouched_bytes + map_untouched_bytes(ss->by_id) + map_untouched_bytes(ss->by_token);
    return sizeof *ss + tables + ss->count * sizeof(struct session) + ss->bytes + map_bytes(ss->by_id) +
           map_bytes(ss->by_token) + (ss->payers != NULL ? payers_bytes(ss->payers) : 0);
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

static void begin_ending(struct session_set *ss, struct session *s, enum session_end how)
{
    deadlines_remove(&ss->leases, &s->look);
    forget_token(ss, s);
    remove_session(ss, s);
    session_say_parting(ss, s, how);
    bear(ss, ss->table[0], s->bytes);
    bear(ss, s, 0 - s->bytes);
    ss->paying = NULL;
    s->next = ss->ending;
    ss->ending = s;
}

static enum err note_end(struct session_set *ss, session_id id, struct why *why)
{
    return journal_note(ss->heap->journal, &(struct change){.kind = CHANGE_SESSION_END, .session = id}, NULL, why);
}

/* Session 0 stays; another takes its holds away to be released. */
static enum err empty_default(struct session_set *ss, struct session *s, struct why *why)
{
    struct session *gone = mem_zalloc(ss->heap->mem, sizeof *gone);
    struct map *empty = gone != NULL ? map_create(ss->heap->mem, ss->heap->seed) : NULL;

    if (empty == NULL || note_end(ss, 0, why) != ERR_OK) {
        map_destroy(&empty);
        mem_free(ss->heap->mem, gone, sizeof *gone);
        return why_set(why, ERR_NOMEM, "no memory to empty the session");
    }
    session_know(ss, s);
    gone->label_len = s->label_len;
    memcpy(gone->label, s->label, s->label_len);
    gone->onlook = s->onlook;
    gone->unseen = s->unseen;
    gone->holds = s->holds;
    gone->label_len = s->label_len;
    memcpy(gone->label, s->label, s->label_len);
    session_say_parting(ss, gone, SESSION_END_EMPTIED);
    s->unseen = 0;
    s->holds = empty;
    session_count_holds(ss, empty, 1);
    gone->next = ss->ending;
    ss->ending = gone;
    return ERR_OK;
}

enum err session_end(struct session_set *ss, session_id id, struct why *why)
{
    struct session *s = session_find(ss, id);
    enum err e;

    if (s == NULL)
        return session_missing(id, why);
    if (id == 0)
        return empty_default(ss, s, why);
    if ((e = note_end(ss, id, why)) == ERR_OK)
        begin_ending(ss, s, SESSION_END_ASKED);
    return e;
}

/* The one to be looked at first, if that is due; NULL: it is not. */
static struct session *next_due(const struct session_set *ss, uint64_t now_ms)
{
    struct deadline *first = deadlines_first(&ss->leases);

    if (first == NULL || first->at_ms > now_ms)
        return NULL;
    return (struct session *)(void *)((char *)first - offsetof(struct session, look));
}

size_t session_expire(struct session_set *ss, uint64_t now_ms, size_t max)
{
    struct session *s;
    size_t looked = 0;

    for (; looked < max && (s = next_due(ss, now_ms)) != NULL; looked++) {
        if (s->running > 0)
            s->ends_at_ms = lease_end(s, now_ms);
        else if (s->ends_at_ms <= now_ms && note_end(ss, s->id, NULL) != ERR_OK)
            s->ends_at_ms = now_ms + AGAIN_MS;
        if (s->ends_at_ms > now_ms) {
            deadlines_put_off_first(&ss->leases, s->ends_at_ms);
            continue;
        }
        begin_ending(ss, s, SESSION_END_EXPIRED);
        ss->expired++;
    }
    return looked;
}

bool session_has_work(const struct session_set *ss, uint64_t now_ms)
{
    return ss->ending != NULL || next_due(ss, now_ms) != NULL;
}

uint64_t session_next_deadline_ms(const struct session_set *ss)
{
    const struct deadline *first = deadlines_first(&ss->leases);

    return first != NULL ? first->at_ms : NO_LEASE;
}

/* Its next hold goes, or it goes itself. */
static size_t release_one(struct session_set *ss, struct session *s, size_t units)
{
    uint32_t count = map_count(s->holds);

    if (count > 0) {
        slot_t slot = map_key(s->holds, count - 1);

        session_remove_hold(ss, s, count - 1);
        ref_drop(ss->heap, slot);
        return units - 1;
    }
    if ((units = session_toll_wait(ss, s, units)) == 0)
        return 0;
    session_toll_end(ss);
    session_say_let_go(ss, s);
    ss->ending = s->next;
    free_session(ss, s);
    return units - 1;
}

size_t session_release(struct session_set *ss, size_t units)
{
    CHECK(ss->heap->undo == NULL);
    while (ss->ending != NULL && units > 0) {
        session_toll_begin(ss, ss->ending);
        units = release_one(ss, ss->ending, units);
    }
    session_toll_end(ss);
    return units;
}
