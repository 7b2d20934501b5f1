/* test_session.c - sessions and scopes: who holds what, until when, and how they let go. */
#include "tests/unit/world.h"

/* A token that is `n` in text. */
static struct slice token_of(uint32_t n)
{
    static char texts[4][SESSION_TOKEN_BYTES + 1];
    static size_t turn;
    char *t = texts[turn++ % ARRAY_LEN(texts)];

    snprintf(t, sizeof texts[0], "%032u", n);
    return (struct slice){t, SESSION_TOKEN_BYTES};
}

static session_id open_session(struct world *w, double ttl_s, uint32_t token, uint64_t now_ms)
{
    session_id s = 0;

    OK(session_open(w->sessions, ttl_s, SLICE("worker"), token_of(token), now_ms, &s, &why));
    return s;
}

/* An object that only this session holds. */
static obj_id held(struct world *w, session_id s)
{
    obj_id id = new_record(w);

    OK(session_hold(w->sessions, s, id, &why));
    let_go(w, id);
    return id;
}

static void release_all(struct world *w)
{
    while (session_release(w->sessions, 1000) == 0)
        ;
}

/* How many ended. */
static size_t expire(struct world *w, uint64_t now_ms)
{
    uint32_t before = session_count(w->sessions);

    (void)session_expire(w->sessions, now_ms, SIZE_MAX);
    release_all(w);
    return before - session_count(w->sessions);
}

START_TEST(a_lease_lets_go_at_its_end_and_not_before)
{
    struct world w = world_new();
    session_id s = open_session(&w, 2.5, 1, 1000);
    obj_id id = held(&w, s);

    ck_assert_uint_eq(session_next_deadline_ms(w.sessions), 3500);
    ck_assert_uint_eq(expire(&w, 3499), 0);
    ck_assert(lives(&w, id));
    ck_assert_uint_eq(expire(&w, 3500), 1);
    ck_assert(!lives(&w, id));
    ck_assert_uint_eq(session_next_deadline_ms(w.sessions), UINT64_MAX);
    ck_assert_uint_eq(session_count(w.sessions), 1);
    world_free(&w);
}
END_TEST

START_TEST(a_renewed_lease_ends_later)
{
    struct world w = world_new();
    session_id s = open_session(&w, 10, 1, 0), found = 0;

    OK(session_renew(w.sessions, s, 5000, &why));
    ck_assert_uint_eq(expire(&w, 10000), 0);
    OK(session_by_token(w.sessions, token_of(1), 14999, &found, &why));
    ck_assert_uint_eq(found, s);
    ck_assert_uint_eq(expire(&w, 24998), 0);
    ck_assert_uint_eq(expire(&w, 24999), 1);
    REFUSED(ERR_NO_NAME, session_renew(w.sessions, s, 25000, &why));
    REFUSED(ERR_SESSION_ENDED, session_by_token(w.sessions, token_of(1), 25000, &found, &why));
    world_free(&w);
}
END_TEST

START_TEST(a_session_does_not_end_while_a_request_of_its_runs)
{
    struct world w = world_new();
    session_id s = open_session(&w, 1, 1, 0);
    obj_id id = held(&w, s);

    session_begin_request(w.sessions, s);
    session_begin_request(w.sessions, s);
    ck_assert_uint_eq(expire(&w, 5000), 0);
    session_end_request(w.sessions, s, 6000);
    ck_assert_uint_eq(expire(&w, 100000), 0); /* the other one still runs */
    session_end_request(w.sessions, s, 100500);
    ck_assert_uint_eq(expire(&w, 101499), 0); /* ending renewed it */
    ck_assert(lives(&w, id));
    ck_assert_uint_eq(expire(&w, 101500), 1);
    ck_assert(!lives(&w, id));
    world_free(&w);
}
END_TEST

START_TEST(a_request_may_end_its_own_session)
{
    struct world w = world_new();
    session_id s = open_session(&w, 1, 1, 0);

    session_begin_request(w.sessions, s);
    OK(session_end(w.sessions, s, &why));
    session_end_request(w.sessions, s, 10);
    release_all(&w);
    ck_assert_uint_eq(session_count(w.sessions), 1);
    world_free(&w);
}
END_TEST

START_TEST(an_object_is_held_once_or_not_at_all)
{
    struct world w = world_new();
    session_id s = open_session(&w, 10, 1, 0);
    obj_id id = new_record(&w);

    OK(session_hold(w.sessions, s, id, &why));
    OK(session_hold(w.sessions, s, id, &why));
    ck_assert_uint_eq(refs(&w, id), 2);
    ck_assert(session_holds(w.sessions, s, id));
    ck_assert(!session_holds(w.sessions, 0, id));
    OK(session_drop(w.sessions, s, id, &why));
    REFUSED(ERR_NOT_HELD, session_drop(w.sessions, s, id, &why));
    REFUSED(ERR_NOT_HELD, session_drop(w.sessions, 0, id, &why));
    REFUSED(ERR_NO_NAME, session_hold(w.sessions, 77, id, &why));
    REFUSED(ERR_NO_OBJECT, session_hold(w.sessions, s, 123456789, &why));
    ck_assert_uint_eq(refs(&w, id), 1);
    world_free(&w);
}
END_TEST

START_TEST(an_ended_session_is_gone_at_once_and_lets_go_in_steps)
{
    struct world w = world_new();
    session_id s = open_session(&w, 10, 1, 0), found;
    struct session_info i;
    obj_id last = 0;

    for (int n = 0; n < 1000; n++)
        last = held(&w, s);
    OK(session_info(w.sessions, s, &i, &why));
    ck_assert_uint_eq(i.holds, 1000);
    OK(session_end(w.sessions, s, &why));
    REFUSED(ERR_NO_NAME, session_info(w.sessions, s, &i, &why));
    REFUSED(ERR_SESSION_ENDED, session_by_token(w.sessions, token_of(1), 0, &found, &why));
    REFUSED(ERR_NO_NAME, session_hold(w.sessions, s, last, &why));
    world_check(&w);
    for (uint64_t left = 1000; left > 0; left -= 10) {
        ck_assert_uint_eq(world_objects(&w), left);
        ck_assert_uint_eq(session_release(w.sessions, 10), 0);
        world_reap(&w);
    }
    ck_assert_uint_eq(world_objects(&w), 0);
    ck_assert_uint_eq(session_release(w.sessions, 10), 9); /* the session itself is one */
    world_free(&w);
}
END_TEST

START_TEST(the_default_session_empties_and_stays)
{
    struct world w = world_new();
    obj_id id = held(&w, 0);
    struct session_info i;

    ck_assert_uint_eq(session_expire(w.sessions, UINT64_MAX - 1, SIZE_MAX), 0);
    session_begin_request(w.sessions, 0);
    session_end_request(w.sessions, 0, 5);
    OK(session_end(w.sessions, 0, &why));
    world_check(&w);
    ck_assert(lives(&w, id)); /* until its holds are released */
    release_all(&w);
    ck_assert(!lives(&w, id));
    OK(session_info(w.sessions, 0, &i, &why));
    ck_assert(i.holds == 0 && i.ttl_s == 0 && i.ends_at_ms == UINT64_MAX && slice_is(i.label, "default"));
    (void)held(&w, 0);
    world_free(&w);
}
END_TEST

START_TEST(what_is_not_a_lease_or_a_label_is_refused)
{
    struct world w = world_new();
    const double bad[] = {0, -1, 0.999, SESSION_TTL_S_MAX + 1.0, 1e300, 0.0 / 0.0};
    static char label[SESSION_LABEL_BYTES_MAX + 1];
    session_id s;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(ERR_BAD_VALUE, session_open(w.sessions, bad[i], SLICE(""), token_of(1), 0, &s, &why));
    memset(label, 'l', sizeof label);
    REFUSED(ERR_BAD_VALUE,
            session_open(w.sessions, 1, (struct slice){label, sizeof label}, token_of(1), 0, &s, &why));
    OK(session_open(w.sessions, 1, (struct slice){label, SESSION_LABEL_BYTES_MAX}, token_of(1), 0, &s, &why));
    OK(session_open(w.sessions, SESSION_TTL_S_MAX, SLICE(""), token_of(2), 0, &s, &why));
    world_free(&w);
}
END_TEST

START_TEST(limits_are_kept)
{
    struct world w = world_new();
    session_id s;
    obj_id id = new_record(&w), other = new_record(&w);

    session_set_limits(w.sessions, &(struct session_limits){.sessions_max = 2, .holds_max = 1, .default_holds_max = 2});
    s = open_session(&w, 1, 1, 0);
    (void)open_session(&w, 1, 2, 0);
    REFUSED(ERR_TOO_MANY, session_open(w.sessions, 1, SLICE(""), token_of(3), 0, &s, &why));
    OK(session_hold(w.sessions, s, id, &why));
    OK(session_hold(w.sessions, s, id, &why)); /* nothing more */
    REFUSED(ERR_LIMIT, session_hold(w.sessions, s, other, &why));
    ck_assert_uint_eq(refs(&w, other), 1);
    OK(session_hold(w.sessions, 0, id, &why));
    OK(session_hold(w.sessions, 0, other, &why));
    REFUSED(ERR_LIMIT, session_hold(w.sessions, 0, new_record(&w), &why));
    world_free(&w);
}
END_TEST

START_TEST(ids_are_not_used_again_and_tokens_find_only_their_own)
{
    struct world w = world_new();
    session_id last = 0, found;

    for (uint32_t n = 0; n < 500; n++) {
        session_id s = open_session(&w, 10, n, 0);

        ck_assert_uint_gt(s, last);
        last = s;
        if (n % 3 == 0)
            OK(session_end(w.sessions, s, &why));
    }
    for (uint32_t n = 0; n < 500; n++) {
        enum err e = session_by_token(w.sessions, token_of(n), 0, &found, NULL);

        ck_assert_int_eq(e, n % 3 == 0 ? ERR_SESSION_ENDED : ERR_OK);
        ck_assert(e != ERR_OK || found == n + 1);
    }
    REFUSED(ERR_SESSION_ENDED, session_by_token(w.sessions, SLICE("short"), 0, &found, &why));
    REFUSED(ERR_SESSION_ENDED, session_by_token(w.sessions, token_of(99999), 0, &found, &why));
    world_free(&w);
}
END_TEST

START_TEST(sessions_and_holds_are_walked)
{
    struct world w = world_new();
    uint32_t cursor = 0, met = 0;
    struct session_info i;
    session_id s = open_session(&w, 10, 1, 0);
    obj_id ids[50], id;

    (void)open_session(&w, 10, 2, 0);
    for (; session_next(w.sessions, &cursor, &i); met++)
        ck_assert_uint_lt(i.id, 3);
    ck_assert_uint_eq(met, 3);
    for (size_t k = 0; k < ARRAY_LEN(ids); k++)
        ids[k] = held(&w, s);
    met = 0;
    for (cursor = UINT32_MAX; session_next_hold(w.sessions, s, &cursor, &id); met++) {
        ck_assert(session_holds(w.sessions, s, id));
        if (met % 5 == 0) /* those that stay are met all the same */
            OK(session_drop(w.sessions, s, id, &why));
    }
    ck_assert_uint_ge(met, 50);
    cursor = UINT32_MAX;
    ck_assert(!session_next_hold(w.sessions, 99, &cursor, &id));
    world_free(&w);
}
END_TEST

/* Leases of any length, renewed and ended at random: each ends in the millisecond it says. */
START_TEST(random_leases_end_when_they_say)
{
    struct world w = world_new();
    uint64_t seed = unit_seed(_i), ends[200] = {0}, now = 0;
    session_id ids[200] = {0};

    for (uint32_t n = 0; n < scaled(20000, 2000); n++) {
        uint32_t k = unit_rand_below(&seed, ARRAY_LEN(ids));
        uint32_t alive = 0;

        now += unit_rand_below(&seed, 40);
        (void)expire(&w, now);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            struct session_info known;
            bool over = ids[i] == 0 || ends[i] <= now;

            MUST(ids[i] == 0 || (session_info(w.sessions, ids[i], &known, NULL) != ERR_OK) == over);
            MUST(over || known.ends_at_ms == ends[i]);
            ids[i] = over ? 0 : ids[i];
            alive += !over;
        }
        MUST(session_count(w.sessions) == alive + 1);
        if (ids[k] == 0) {
            double ttl = 1 + unit_rand_below(&seed, 5000) / 1000.0;

            ids[k] = open_session(&w, ttl, n, now);
            ends[k] = now + (uint64_t)(ttl * 1000);
            (void)held(&w, ids[k]);
        } else if (unit_rand_below(&seed, 4) == 0) {
            OK(session_end(w.sessions, ids[k], &why));
            ids[k] = 0;
        } else {
            struct session_info known;

            OK(session_renew(w.sessions, ids[k], now, &why));
            OK(session_info(w.sessions, ids[k], &known, &why));
            ends[k] = known.ends_at_ms;
        }
        if (n % 500 == 0)
            world_check(&w);
    }
    world_free(&w);
}
END_TEST

START_TEST(expiring_takes_no_more_than_it_is_told)
{
    struct world w = world_new();

    for (uint32_t n = 0; n < 100; n++)
        (void)open_session(&w, 1, n, 0);
    ck_assert_uint_eq(session_expire(w.sessions, 1000, 30), 30);
    ck_assert_uint_eq(session_count(w.sessions), 71);
    ck_assert_uint_eq(session_expire(w.sessions, 1000, 30), 30);
    ck_assert_uint_eq(session_expire(w.sessions, 1000, 300), 40);
    world_free(&w);
}
END_TEST

START_TEST(a_lease_that_was_renewed_is_work_too)
{
    struct world w = world_new();
    session_id ids[100];

    for (uint32_t n = 0; n < 100; n++)
        ids[n] = open_session(&w, 1, n, 0);
    ck_assert(!session_has_work(w.sessions, 999));
    for (uint32_t n = 0; n < 100; n++)
        OK(session_renew(w.sessions, ids[n], 500, &why));
    ck_assert(session_has_work(w.sessions, 1000));
    ck_assert_uint_eq(session_expire(w.sessions, 1000, 30), 30);
    ck_assert_uint_eq(session_expire(w.sessions, 1000, 300), 70);
    ck_assert_uint_eq(session_count(w.sessions), 101);
    ck_assert(!session_has_work(w.sessions, 1499));
    ck_assert_uint_eq(expire(&w, 1500), 100);
    ck_assert(!session_has_work(w.sessions, UINT64_MAX - 1));
    world_free(&w);
}
END_TEST

START_TEST(what_sessions_take_is_on_the_account)
{
    struct world w = world_new();
    uint64_t untouched, begun = session_set_bytes(w.sessions, &untouched);
    session_id s = open_session(&w, 5, 1, 0);

    world_check(&w); /* counts them */
    for (int n = 0; n < 5000; n++)
        (void)held(&w, s);
    ck_assert_uint_ge(session_set_bytes(w.sessions, &untouched), begun + 5000 * 16);
    ck_assert_uint_le(untouched, session_set_bytes(w.sessions, &untouched) - begun);
    world_check(&w);
    OK(session_end(w.sessions, s, &why));
    ck_assert_uint_eq(session_release(w.sessions, 100), 0);
    world_check(&w);
    release_all(&w);
    ck_assert_uint_le(session_set_bytes(w.sessions, &untouched), begun + 2048); /* of tables */
    world_free(&w);
}
END_TEST

/* ---- scopes ---- */

static struct scope *open_scope(struct world *w)
{
    struct scope *s = scope_open(w->heap);

    MUST(s != NULL);
    return s;
}

/* A new object that the scope keeps as entry `number`. */
static obj_id kept(struct world *w, struct scope *s, uint32_t number)
{
    obj_id id = new_record(w);

    disowns(w, id, 1);
    OK(scope_keep(s, number, id, &why));
    return id;
}

START_TEST(a_scope_keeps_what_was_made_in_it_until_it_closes)
{
    struct world w = world_new();
    struct scope *s = open_scope(&w);
    obj_id a = kept(&w, s, 0), b = kept(&w, s, 5), linked = kept(&w, s, 6), from = new_record(&w);

    put_link(&w, from, "keep", linked);
    ck_assert_uint_eq(scope_end(s), 7);
    ck_assert_uint_eq(scope_get(s, 0), a);
    ck_assert_uint_eq(scope_get(s, 1), 0);
    ck_assert_uint_eq(scope_get(s, 5), b);
    ck_assert_uint_eq(scope_get(s, 7), 0);
    world_check(&w);
    ck_assert_uint_eq(scope_close(&s, SIZE_MAX) > 0, true);
    ck_assert_ptr_null(s);
    ck_assert(!lives(&w, a) && !lives(&w, b) && lives(&w, linked));
    ck_assert_uint_eq(scope_close(&s, 7), 7);
    world_free(&w);
}
END_TEST

START_TEST(a_large_scope_closes_in_bounded_steps)
{
    struct world w = world_new();
    struct scope *s = open_scope(&w), *other = open_scope(&w), *third = open_scope(&w);
    uint32_t n = scaled(100000, 20000), steps = 0;

    for (uint32_t i = 0; i < n; i++)
        (void)kept(&w, s, i);
    (void)kept(&w, other, 0);
    while (s != NULL) {
        uint64_t before = world_objects(&w);

        (void)scope_close(&s, 100);
        MUST(before - world_objects(&w) <= 100);
        if (steps++ % 50 == 0)
            world_check(&w);
    }
    ck_assert_uint_ge(steps, n / 100);
    ck_assert_uint_eq(world_objects(&w), 1);
    (void)scope_close(&third, 1);
    ck_assert_ptr_eq(heap_next_scope(w.heap, NULL), other);
    ck_assert_ptr_null(heap_next_scope(w.heap, other));
    (void)scope_close(&other, 10);
    ck_assert_ptr_null(heap_next_scope(w.heap, NULL));
    world_free(&w);
}
END_TEST

START_TEST(an_object_is_found_in_its_scope_a_few_entries_at_a_time)
{
    struct world w = world_new();
    struct scope *s = open_scope(&w);
    obj_id first = kept(&w, s, 0), last = 0, stranger = new_record(&w);
    uint32_t cursor = 0, looks = 0;

    for (uint32_t i = 1; i < 5000; i++)
        last = kept(&w, s, 2 * i);
    ck_assert(scope_find(s, first, &cursor, 1));
    cursor = 0;
    while (!scope_find(s, last, &cursor, 100))
        looks++;
    ck_assert_uint_ge(looks, 90);
    ck_assert_uint_eq(cursor, scope_end(s));
    cursor = 0;
    ck_assert(!scope_find(s, stranger, &cursor, SIZE_MAX));
    (void)scope_close(&s, SIZE_MAX);
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_lease_lets_go_at_its_end_and_not_before),
        TEST(a_renewed_lease_ends_later),
        TEST(a_session_does_not_end_while_a_request_of_its_runs),
        TEST(a_request_may_end_its_own_session),
        TEST(an_object_is_held_once_or_not_at_all),
        TEST(an_ended_session_is_gone_at_once_and_lets_go_in_steps),
        TEST(the_default_session_empties_and_stays),
        TEST(what_is_not_a_lease_or_a_label_is_refused),
        TEST(limits_are_kept),
        TEST(ids_are_not_used_again_and_tokens_find_only_their_own),
        TEST(sessions_and_holds_are_walked),
        TEST(random_leases_end_when_they_say, .rounds = 2),
        TEST(expiring_takes_no_more_than_it_is_told),
        TEST(a_lease_that_was_renewed_is_work_too),
        TEST(what_sessions_take_is_on_the_account),
        TEST(a_scope_keeps_what_was_made_in_it_until_it_closes),
        TEST(a_large_scope_closes_in_bounded_steps),
        TEST(an_object_is_found_in_its_scope_a_few_entries_at_a_time),
    };
    return unit_main(argc, argv, "session", tests, ARRAY_LEN(tests));
}
