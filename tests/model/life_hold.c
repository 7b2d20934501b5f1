/* life_hold.c - operations of a random life on what holds objects: roots, sessions, scopes, weak names. */
#include "tests/model/life_impl.h"
#include "heap/root.h"
#include "heap/weak.h"
#include <stdio.h>

#define CROWD (OBJECT_COUNT_MAX + 3u) /* references: more than a cell counts */

/* ---- names ---- */

struct short_name {
    char text[12];
};

static struct short_name name_at(const char *prefix, uint32_t n)
{
    struct short_name name;

    snprintf(name.text, sizeof name.text, "%s%u", prefix, n);
    return name;
}

/* ---- roots ---- */

static void put_root(struct life *life, uint32_t r, uint32_t i)
{
    struct short_name name = name_at("root", r);
    struct naive_value v = {.kind = VALUE_LINK, .target = i};
    bool was_new = false;

    life_may_refuse(life);
    if (!life_judge(life, root_put(life->heap, slice_of(name.text), life_id(life, i), &was_new, NULL), NAIVE_NONE, &v, 1))
        return;
    AGREE(life, was_new == (life->naive.roots[r] == NAIVE_NONE), "root %u was new, or not, against what was known", r);
    life->naive.roots[r] = i;
    life_settle(life);
}

static void root_put_op(struct life *life)
{
    put_root(life, roll(life, NAIVE_ROOTS), life_pick(life));
}

static void delete_root(struct life *life, uint32_t r)
{
    struct short_name name = name_at("root", r);
    enum err e = root_delete(life->heap, slice_of(name.text), NULL);

    AGREE(life, e == (life->naive.roots[r] == NAIVE_NONE ? ERR_NO_NAME : ERR_OK), "deleting root %u: %s", r, err_name(e));
    life->naive.roots[r] = NAIVE_NONE;
    life_settle(life);
}

static void root_delete_op(struct life *life)
{
    delete_root(life, roll(life, NAIVE_ROOTS));
}

/* ---- sessions ---- */

static void open_session(struct life *life)
{
    uint32_t s = roll(life, NAIVE_SESSIONS);
    struct life_session *session = &life->session[s];
    char token[SESSION_TOKEN_BYTES + 1];
    uint32_t ttl_s = 1 + roll(life, 40);

    if (session->open)
        return;
    snprintf(token, sizeof token, "%032u", (unsigned)(life->op & 0xffffffff));
    life_may_refuse(life);
    if (!life_judge(life, session_open(life->sessions, ttl_s, SLICE("life"), slice_of(token), life->now_ms, &session->id, NULL),
                    NAIVE_NONE, NULL, 0))
        return;
    session->open = true;
    session->running = 0;
    session->ttl_ms = 1000ull * ttl_s;
    session->ends_at_ms = life->now_ms + session->ttl_ms;
}

static void forget_session(struct life *life, uint32_t s)
{
    life->session[s].open = s == 0;
    life->naive.sessions[s].count = 0;
}

static void end_session(struct life *life)
{
    uint32_t s = roll(life, NAIVE_SESSIONS);
    enum err e;

    if (!life->session[s].open)
        return;
    life_may_refuse(life);
    e = session_end(life->sessions, life->session[s].id, NULL);
    if (e == ERR_NOMEM && s != 0 && life->journal == NULL) /* else its end could not be noted */
        life_fail(life, "ending a session was refused for lack of memory");
    if (life_judge(life, e, NAIVE_NONE, NULL, 0))
        forget_session(life, s);
    life_settle(life);
}

/* Time passes; those whose lease is over are gone, the others are not. */
static void pass_time(struct life *life)
{
    struct session_info info;

    life->now_ms += roll(life, 4000);
    (void)session_expire(life->sessions, life->now_ms, 1000);
    for (uint32_t s = 0; s < NAIVE_SESSIONS; s++) {
        struct life_session *session = &life->session[s];
        bool over = s != 0 && session->running == 0 && session->ends_at_ms <= life->now_ms;

        if (!session->open)
            continue;
        AGREE(life, (session_info(life->sessions, session->id, &info, NULL) == ERR_OK) == !over, "session %u should be %s",
              session->id, over ? "over" : "open");
        if (over)
            forget_session(life, s);
    }
    life_settle(life);
}

static void renew_session(struct life *life)
{
    struct life_session *session = &life->session[1 + roll(life, NAIVE_SESSIONS - 1)];
    uint32_t what = roll(life, 3);

    if (!session->open)
        return;
    if (what == 0) {
        AGREE(life, session_renew(life->sessions, session->id, life->now_ms, NULL) == ERR_OK, "a session cannot be renewed");
    } else if (what == 1) {
        session_begin_request(life->sessions, session->id);
        session->running++;
        return;
    } else if (session->running > 0) {
        session_end_request(life->sessions, session->id, life->now_ms);
        session->running--;
    } else {
        return;
    }
    session->ends_at_ms = life->now_ms + session->ttl_ms;
}

static uint32_t open_session_number(struct life *life)
{
    uint32_t s = roll(life, NAIVE_SESSIONS);

    return life->session[s].open ? s : 0;
}

static void hold_in(struct life *life, uint32_t s, uint32_t i)
{
    life_may_refuse(life);
    if (life_judge(life, session_hold(life->sessions, life->session[s].id, life_id(life, i), NULL), i, NULL, 0) &&
        !naive_set_has(&life->naive.sessions[s], i))
        naive_set_add(&life->naive.sessions[s], i);
}

static void hold_op(struct life *life)
{
    hold_in(life, open_session_number(life), life_pick(life));
}

static void drop_from(struct life *life, uint32_t s, uint32_t i)
{
    struct naive_set *set = &life->naive.sessions[s];
    enum err e = session_drop(life->sessions, life->session[s].id, life_id(life, i), NULL);

    if (e == ERR_NOT_HELD) {
        AGREE(life, i != NAIVE_NONE && !naive_set_has(set, i), "a hold was forgotten");
        return;
    }
    if (!life_judge(life, e, i, NULL, 0))
        return;
    AGREE(life, naive_set_has(set, i), "a session let go of what it did not hold");
    naive_set_remove(set, i);
    life_settle(life);
}

static void drop_op(struct life *life)
{
    uint32_t s = open_session_number(life);
    const struct naive_set *set = &life->naive.sessions[s];

    drop_from(life, s, set->count > 0 && roll(life, 8) != 0 ? set->items[roll(life, set->count)] : life_pick(life));
}

/* ---- references of the life's own ---- */

static void take_ref(struct life *life)
{
    uint32_t i = life_pick(life);

    life_may_refuse(life);
    if (life_judge(life, heap_hold(life->heap, life_id(life, i), NULL), i, NULL, 0))
        naive_of(life, i)->own_refs++;
}

void hold_give(struct life *life, uint32_t i)
{
    heap_release(life->heap, life_id(life, i));
    naive_of(life, i)->own_refs--;
}

static uint32_t pick_owned(struct life *life)
{
    uint32_t start = life->naive.alive_count > 0 ? roll(life, life->naive.alive_count) : 0;

    for (uint32_t a = 0; a < life->naive.alive_count; a++) {
        uint32_t i = life->naive.alive[(start + a) % life->naive.alive_count];

        if (naive_of(life, i)->own_refs > 0)
            return i;
    }
    return NAIVE_NONE;
}

/* All of one object's, if there is a crowd of them. */
static void give_refs(struct life *life)
{
    uint32_t i = pick_owned(life);

    if (i == NAIVE_NONE)
        return;
    for (uint64_t n = naive_of(life, i)->own_refs > 100 ? naive_of(life, i)->own_refs : 1; n > 0; n--)
        hold_give(life, i);
    life_settle(life);
}

/* So many that they do not fit into the cell. */
static void take_crowd(struct life *life)
{
    uint32_t i = life_pick_alive(life);

    if (i == NAIVE_NONE || roll(life, 8) != 0 || dice_is_over(&life->dice))
        return;
    for (uint32_t n = 0; n < CROWD; n++)
        if (!life_judge(life, heap_hold(life->heap, life_id(life, i), NULL), i, NULL, 0))
            return;
    naive_of(life, i)->own_refs += CROWD;
}

void hold_drop_all(struct life *life, uint32_t i)
{
    for (uint32_t r = 0; r < NAIVE_ROOTS; r++)
        if (life->naive.roots[r] == i)
            delete_root(life, r);
    for (uint32_t s = 0; s < NAIVE_SESSIONS; s++)
        if (life->session[s].open && naive_set_has(&life->naive.sessions[s], i))
            drop_from(life, s, i);
    while (naive_of(life, i)->own_refs > 0)
        hold_give(life, i);
}

void hold_forget_most(struct life *life)
{
    for (uint32_t r = 0; r < NAIVE_ROOTS; r++)
        if (roll(life, 8) != 0)
            delete_root(life, r);
    for (uint32_t s = 0; s < NAIVE_SESSIONS; s++) {
        const struct naive_set *set = &life->naive.sessions[s];

        while (life->session[s].open && set->count > 0 && roll(life, 20) != 0)
            drop_from(life, s, set->items[roll(life, set->count)]);
    }
}

/* ---- scopes ---- */

static void open_scope(struct life *life)
{
    uint32_t s = roll(life, NAIVE_SCOPES);

    if (life->scope[s] == NULL)
        life->scope[s] = scope_open(life->heap);
}

static void close_scope(struct life *life)
{
    uint32_t s = roll(life, NAIVE_SCOPES), c = 0;

    while (c < LIFE_CLOSING && life->closing[c] != NULL)
        c++;
    if (life->scope[s] == NULL || c == LIFE_CLOSING)
        return;
    life->closing[c] = life->scope[s];
    life->scope[s] = NULL;
    life->naive.scopes[s].count = 0;
    (void)scope_close(&life->closing[c], roll(life, 4));
    life_settle(life);
}

static bool keep_in_scope(struct life *life, uint32_t i)
{
    uint32_t s = roll(life, NAIVE_SCOPES), number;

    if (life->scope[s] == NULL)
        return false;
    number = scope_end(life->scope[s]) + roll(life, one_in(life, 20) ? 3000 : 3);
    life_may_refuse(life);

    enum err e = scope_keep(life->scope[s], number, life_id(life, i), NULL);

    naive_of(life, i)->own_refs--; /* in either case: refused, it has been released */
    if (life_judge(life, e, NAIVE_NONE, NULL, 0)) {
        naive_set_add(&life->naive.scopes[s], i);
        AGREE(life, scope_get(life->scope[s], number) == life_id(life, i), "a scope keeps another object");
    }
    return true;
}

/* ---- the newborn ---- */

void hold_newborn(struct life *life, uint32_t i)
{
    switch (roll(life, 8)) {
    case 0:
        hold_in(life, open_session_number(life), i);
        break;
    case 1:
        put_root(life, roll(life, NAIVE_ROOTS), i);
        break;
    case 2:
        if (keep_in_scope(life, i)) {
            life_settle(life);
            return;
        }
        break;
    case 3:
        return; /* the life keeps its reference for a while */
    case 4:
        break; /* held by nothing */
    default:
        write_link_somewhere(life, i);
    }
    hold_give(life, i);
    life_settle(life);
}

/* ---- weak names ---- */

static void put_weak_name(struct life *life)
{
    uint32_t w = roll(life, NAIVE_WEAK_NAMES), i = life_pick(life);
    struct naive_weak_name *known = &life->naive.weak_names[w];
    struct short_name name = name_at("weak", w);
    struct naive_value v = {.kind = VALUE_WEAK, .target = i};
    bool was_new = false;

    life_may_refuse(life);
    if (!life_judge(life, weak_put(life->heap, slice_of(name.text), life_id(life, i), &was_new, NULL), NAIVE_NONE, &v, 1))
        return;
    AGREE(life, was_new == (known->target == NAIVE_NONE), "weak name %u was new, or not, against what was known", w);
    *known = (struct naive_weak_name){.target = i, .order = ++life->naive.weak_order};
}

static void delete_weak_name(struct life *life)
{
    uint32_t w = roll(life, NAIVE_WEAK_NAMES);
    struct short_name name = name_at("weak", w);
    enum err e = weak_delete(life->heap, slice_of(name.text), NULL);

    AGREE(life, e == (life->naive.weak_names[w].target == NAIVE_NONE ? ERR_NO_NAME : ERR_OK), "deleting weak name %u: %s", w,
          err_name(e));
    life->naive.weak_names[w] = (struct naive_weak_name){.target = NAIVE_NONE};
}

/* It reads null exactly when its object is dead. */
static void compare_weak_name(struct life *life, uint32_t w)
{
    const struct naive_weak_name *known = &life->naive.weak_names[w];
    struct short_name name = name_at("weak", w);
    obj_id id = UINT64_MAX, expected;
    enum err e = weak_get(life->heap, slice_of(name.text), &id, NULL);

    AGREE(life, e == (known->target == NAIVE_NONE ? ERR_NO_NAME : ERR_OK), "reading weak name %u: %s", w, err_name(e));
    if (e != ERR_OK)
        return;
    expected = naive_of(life, known->target)->id;
    AGREE(life, id == (heap_has(life->heap, expected) ? expected : 0), "weak name %u reads %" PRIu64, w, id);
    if (id == 0)
        life_learn_dead(life, known->target);
}

static void get_weak_name(struct life *life)
{
    compare_weak_name(life, roll(life, NAIVE_WEAK_NAMES));
}

static uint32_t number_of_name(struct life *life, struct slice text)
{
    for (uint32_t w = 0; w < NAIVE_WEAK_NAMES; w++) {
        struct short_name name = name_at("weak", w);

        if (slice_is(text, name.text))
            return w;
    }
    life_fail(life, "a notice has a name that never was");
}

/* Once each, and of one object the newest name first. */
void hold_take_notices(struct life *life, size_t max)
{
    struct weak_notice notice;
    obj_id last_id = 0;
    uint64_t last_order = 0;

    while (max-- > 0 && weak_take_notice(life->heap, &notice)) {
        struct naive_weak_name *known = &life->naive.weak_names[number_of_name(life, notice.name)];

        AGREE(life, known->target != NAIVE_NONE && naive_of(life, known->target)->id == notice.id,
              "a notice of another object than its name was put for");
        AGREE(life, naive_of(life, known->target)->dead && known->notice, "a notice of no death, or a second one");
        AGREE(life, notice.id != last_id || known->order < last_order, "notices are not newest first");
        known->notice = false;
        last_id = notice.id;
        last_order = known->order;
    }
}

static void take_notices(struct life *life)
{
    hold_take_notices(life, 1 + roll(life, 10));
}

/* ---- beginning, steps, end ---- */

void hold_begin(struct life *life)
{
    life->session[0] = (struct life_session){.id = 0, .open = true};
}

void hold_drain(struct life *life, size_t units)
{
    while (session_release(life->sessions, units) == 0 && units == SIZE_MAX)
        ;
    for (uint32_t c = 0; c < LIFE_CLOSING; c++)
        if (life->closing[c] != NULL)
            (void)scope_close(&life->closing[c], units);
}

void hold_compare_weak(struct life *life)
{
    for (uint32_t w = 0; w < NAIVE_WEAK_NAMES; w++)
        compare_weak_name(life, w);
}

/* All that the heap tells of roots, sessions and weak names, against what is known. */
void hold_compare(struct life *life)
{
    struct session_info info;
    obj_id id;

    for (uint32_t r = 0; r < NAIVE_ROOTS; r++) {
        struct short_name name = name_at("root", r);
        enum err e = root_get(life->heap, slice_of(name.text), &id, NULL);

        AGREE(life, (e == ERR_OK) == (life->naive.roots[r] != NAIVE_NONE), "root %u: %s", r, err_name(e));
        AGREE(life, e != ERR_OK || id == life_id(life, life->naive.roots[r]), "root %u is of another object", r);
    }
    for (uint32_t s = 0; s < NAIVE_SESSIONS; s++) {
        const struct naive_set *set = &life->naive.sessions[s];

        if (!life->session[s].open)
            continue;
        AGREE(life, session_info(life->sessions, life->session[s].id, &info, NULL) == ERR_OK && info.holds == set->count,
              "session %u holds not what it should", life->session[s].id);
        for (uint32_t e = 0; e < set->count; e++)
            AGREE(life, session_holds(life->sessions, info.id, life_id(life, set->items[e])), "a hold is missing");
    }
    hold_compare_weak(life);
}

void hold_end(struct life *life)
{
    hold_drain(life, SIZE_MAX);
    for (uint32_t s = 0; s < NAIVE_SCOPES; s++)
        while (scope_close(&life->scope[s], SIZE_MAX) == 0)
            ;
}

const struct op hold_ops[] = {
    {"put root", root_put_op, 10, 1, true},
    {"delete root", root_delete_op, 14, -1, true},
    {"open session", open_session, 6, 0, false},
    {"end session", end_session, 2, -1, false},
    {"pass time", pass_time, 4, -1, false},
    {"renew session", renew_session, 4, 0, false},
    {"hold", hold_op, 14, 1, true},
    {"drop", drop_op, 20, -1, true},
    {"take a reference", take_ref, 4, 1, true},
    {"give references", give_refs, 12, -1, false},
    {"take a crowd of references", take_crowd, 1, 0, false},
    {"open scope", open_scope, 3, 0, false},
    {"close scope", close_scope, 2, -1, false},
    {"put weak name", put_weak_name, 8, 0, true},
    {"delete weak name", delete_weak_name, 3, 0, false},
    {"get weak name", get_weak_name, 6, 0, true},
    {"take notices", take_notices, 4, 0, false},
};
const size_t hold_op_count = ARRAY_LEN(hold_ops);
