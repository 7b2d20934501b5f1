/* test_idempotency.c - answers kept for retries: found by name, dropped by age and by number, the oldest first. */
#include "api/idempotency.h"
#include "tests/unit/unit.h"

#define NAMES 64

struct world {
    struct mem mem;
    struct idempotency *t;
};

static void world_begin(struct world *w, uint32_t keys_max, uint64_t keep_ms)
{
    *w = (struct world){0};
    mem_init(&w->mem, 0);
    w->t = idem_create(&w->mem, 7);
    ck_assert_ptr_nonnull(w->t);
    idem_set_limits(w->t, (struct idem_limits){keys_max, keep_ms, .answer_bytes_max = 10});
}

static void world_end(struct world *w)
{
    ck_assert_uint_eq(idem_validate(w->t), 0);
    idem_destroy(&w->t);
    mem_fini(&w->mem);
}

static struct idem_hash hash(unsigned n)
{
    struct idem_hash h = {{0}};

    memcpy(h.bytes, &n, sizeof n);
    return h;
}

static struct idem_entry *find(const struct world *w, unsigned name)
{
    struct idem_hash h = hash(name);

    return idem_find(w->t, &h);
}

static struct idem_entry *begin(struct world *w, unsigned name)
{
    struct idem_hash h = hash(name);

    return idem_begin(w->t, &h);
}

static void finish(struct world *w, struct idem_entry *e, unsigned name, const char *body, uint64_t now_ms)
{
    struct idem_print print = {hash(~name), IDEM_WHOLE};
    struct idem_answer answer = {.status = 201,
                                 .content_type = "application/json",
                                 .has_etag = true,
                                 .etag = name,
                                 .location = SLICE("/v1/objects/7"),
                                 .body = slice_of(body)};

    idem_finish(w->t, e, &print, &answer, now_ms);
}

static void keep(struct world *w, unsigned name, uint64_t now_ms)
{
    struct idem_entry *e = begin(w, name);

    ck_assert_ptr_nonnull(e);
    finish(w, e, name, "{}", now_ms);
}

static struct idem_stats stats(const struct world *w)
{
    struct idem_stats s;

    idem_stats(w->t, &s);
    return s;
}

START_TEST(a_name_is_found_while_it_runs_and_when_its_answer_is_kept)
{
    struct world w;
    struct idem_entry *e;
    const struct idem_answer *a;
    struct idem_hash print = hash(~1u);

    world_begin(&w, 10, 1000);
    ck_assert_ptr_null(find(&w, 1));
    e = begin(&w, 1);
    ck_assert_ptr_eq(find(&w, 1), e);
    ck_assert(idem_is_running(e));
    finish(&w, e, 1, "{\"id\":7}", 0);
    ck_assert_ptr_eq(find(&w, 1), e);
    ck_assert(!idem_is_running(e));
    a = idem_answer(e);
    ck_assert(a->status == 201 && a->has_etag && a->etag == 1 && !a->lost);
    ck_assert_str_eq(a->content_type, "application/json");
    ck_assert(slice_is(a->location, "/v1/objects/7") && slice_is(a->body, "{\"id\":7}"));
    ck_assert_mem_eq(idem_print(e)->hash.bytes, print.bytes, sizeof print.bytes);
    ck_assert_ptr_null(find(&w, 2));
    world_end(&w);
}
END_TEST

START_TEST(what_is_forgotten_leaves_its_name_free)
{
    struct world w;
    struct idem_entry *e;

    world_begin(&w, 10, 1000);
    e = begin(&w, 1);
    idem_forget(w.t, &e);
    ck_assert_ptr_null(e);
    ck_assert_ptr_null(find(&w, 1));
    keep(&w, 1, 0);
    ck_assert_uint_eq(stats(&w).kept, 1);
    world_end(&w);
}
END_TEST

START_TEST(the_oldest_goes_for_a_newer_one_and_what_runs_stays)
{
    struct world w;
    struct idem_entry *running;

    world_begin(&w, 3, 1000);
    running = begin(&w, 0);
    for (unsigned n = 1; n <= 5; n++)
        keep(&w, n, n);
    for (unsigned n = 1; n <= 5; n++)
        ck_assert((find(&w, n) != NULL) == (n >= 3));
    ck_assert_ptr_eq(find(&w, 0), running);
    ck_assert_uint_eq(stats(&w).evicted, 2);
    finish(&w, running, 0, "", 6); /* its age begins where it became final */
    ck_assert_ptr_null(find(&w, 3));
    ck_assert_ptr_eq(find(&w, 0), running);
    world_end(&w);
}
END_TEST

START_TEST(an_answer_is_kept_for_its_time_and_not_longer)
{
    struct world w;

    world_begin(&w, 100, 1000);
    keep(&w, 1, 500);
    keep(&w, 2, 501);
    ck_assert(!idem_has_work(w.t, 1499));
    ck_assert_uint_eq(idem_expire(w.t, 1499, SIZE_MAX), 0);
    ck_assert(idem_has_work(w.t, 1500));
    ck_assert_uint_eq(idem_expire(w.t, 1500, SIZE_MAX), 1);
    ck_assert_ptr_null(find(&w, 1));
    ck_assert_ptr_nonnull(find(&w, 2));
    ck_assert_uint_eq(stats(&w).evicted, 0);
    world_end(&w);
}
END_TEST

START_TEST(limits_that_are_lowered_are_reached_in_steps)
{
    struct world w;

    world_begin(&w, 100, 1000);
    for (unsigned n = 0; n < 100; n++)
        keep(&w, n, 0);
    idem_set_limits(w.t, (struct idem_limits){10, 1000, 10});
    ck_assert_uint_eq(idem_expire(w.t, 1, 40), 40);
    ck_assert(idem_has_work(w.t, 1));
    ck_assert_uint_eq(idem_expire(w.t, 1, 100), 50);
    ck_assert(!idem_has_work(w.t, 1));
    ck_assert_ptr_null(find(&w, 89));
    ck_assert_ptr_nonnull(find(&w, 90));
    idem_set_limits(w.t, (struct idem_limits){10, 5, 10});
    ck_assert_uint_eq(idem_expire(w.t, 5, 100), 10);
    world_end(&w);
}
END_TEST

START_TEST(of_a_body_over_the_limit_all_is_kept_but_the_body)
{
    struct world w;
    struct idem_entry *e;

    world_begin(&w, 10, 1000);
    e = begin(&w, 1);
    finish(&w, e, 1, "0123456789", 0);
    ck_assert(!idem_answer(e)->lost && slice_is(idem_answer(e)->body, "0123456789"));
    e = begin(&w, 2);
    finish(&w, e, 2, "0123456789+", 0);
    ck_assert(idem_answer(e)->lost && idem_answer(e)->status == 201 && idem_answer(e)->body.len == 0);
    ck_assert(slice_is(idem_answer(e)->location, "/v1/objects/7"));
    world_end(&w);
}
END_TEST

START_TEST(what_was_done_is_kept_however_full_the_account_is)
{
    struct world w;
    struct idem_entry *e;

    world_begin(&w, 10, 1000);
    e = begin(&w, 1);
    w.mem.max_bytes = w.mem.used_bytes;
    ck_assert_ptr_null(begin(&w, 2));
    finish(&w, e, 1, "{}", 0);
    ck_assert(slice_is(idem_answer(find(&w, 1))->body, "{}"));
    world_end(&w);
}
END_TEST

START_TEST(refused_memory_leaves_the_name_free)
{
    struct world w;
    bool refused = true;

    world_begin(&w, 10, 1000);
    for (uint64_t nth = 1; refused; nth++) {
        struct idem_entry *e;

        w.mem.fail_at = w.mem.request_count + nth;
        e = begin(&w, 1);
        w.mem.fail_at = 0;
        refused = e == NULL;
        ck_assert((find(&w, 1) == NULL) == refused);
        ck_assert_uint_eq(idem_validate(w.t), 0);
        if (!refused)
            idem_forget(w.t, &e);
    }
    world_end(&w);
}
END_TEST

START_TEST(no_table_is_half_made)
{
    struct mem mem;
    struct idempotency *t = NULL;

    for (uint64_t nth = 1; t == NULL; nth++) {
        mem_init(&mem, 0);
        mem.fail_at = nth;
        t = idem_create(&mem, 7);
        mem.fail_at = 0;
        if (t == NULL)
            mem_fini(&mem);
    }
    idem_destroy(&t);
    mem_fini(&mem);
}
END_TEST

START_TEST(what_is_put_back_is_as_old_as_it_was)
{
    struct world w;
    struct idem_print print = {hash(~1u), 123};
    struct idem_answer answer = {.status = 200, .content_type = "application/json", .body = SLICE("{}")};

    world_begin(&w, 10, 1000);
    for (unsigned n = 0; n < 3; n++) {
        struct idem_hash name = hash(n);
        struct idem_record r = {n + 1, &name, &print, &answer};

        /* older than the clock, which began 100 ms ago */
        ck_assert_int_eq(idem_restore(w.t, &r, 900 - 200 * n, 100), ERR_OK);
    }
    ck_assert_uint_eq(idem_validate(w.t), 0);
    ck_assert(slice_is(idem_answer(find(&w, 0))->body, "{}"));
    ck_assert_uint_eq(idem_print(find(&w, 0))->body_bytes, 123);
    ck_assert_uint_eq(idem_expire(w.t, 199, 10), 0);
    ck_assert_uint_eq(idem_expire(w.t, 200, 10), 1);
    ck_assert_ptr_null(find(&w, 0));
    keep(&w, 5, 300);
    ck_assert_uint_eq(idem_expire(w.t, 600, 10), 2);
    ck_assert_ptr_nonnull(find(&w, 5));
    world_end(&w);
}
END_TEST

static enum err put_back(struct world *w, uint64_t number, unsigned name, uint64_t age_ms)
{
    struct idem_hash h = hash(name);
    struct idem_print print = {hash(~name), IDEM_WHOLE};
    struct idem_answer answer = {.status = 200, .content_type = "application/json", .etag = number};
    struct idem_record r = {number, &h, &print, &answer};

    return idem_restore(w->t, &r, age_ms, 5000);
}

START_TEST(what_is_put_back_again_is_the_last_that_was_told)
{
    struct world w;
    uint64_t number;

    world_begin(&w, 10, 1000);
    ck_assert_int_eq(put_back(&w, 3, 1, 500), ERR_OK);
    ck_assert_int_eq(put_back(&w, 4, 2, 400), ERR_OK);
    ck_assert_int_eq(put_back(&w, 7, 1, 300), ERR_OK);
    ck_assert_uint_eq(stats(&w).kept, 2);
    ck_assert_uint_eq(idem_answer(find(&w, 1))->etag, 7);
    ck_assert_int_eq(put_back(&w, 7, 3, 0), ERR_BAD_VALUE); /* out of order */
    ck_assert_int_eq(put_back(&w, IDEM_NUMBER_MAX + 1, 3, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(put_back(&w, 8, 5, 900), ERR_OK); /* older than those before it: as old as the last */
    ck_assert_uint_eq(idem_validate(w.t), 0);
    ck_assert_uint_eq(idem_expire(w.t, 5500, 10), 0);
    ck_assert_int_eq(idem_restore_gone(w.t, 9), ERR_BAD_VALUE);
    ck_assert_int_eq(idem_restore_gone(w.t, 4), ERR_OK);
    ck_assert_ptr_null(find(&w, 2));
    ck_assert_ptr_nonnull(find(&w, 1));
    ck_assert_uint_eq(idem_untold(w.t, &number), 2); /* 5 and 6 were never there */
    world_end(&w);
}
END_TEST

START_TEST(one_that_runs_keeps_what_is_told_of_it)
{
    struct world w;
    struct idem_entry *e;
    uint64_t number;

    world_begin(&w, 2, 1000);
    e = begin(&w, 0);
    ck_assert_uint_eq(idem_tell(w.t, e), 1);
    for (unsigned n = 1; n <= 5; n++) {
        keep(&w, n, n);
        ck_assert_uint_eq(idem_tell(w.t, find(&w, n)), n + 1);
    }
    ck_assert_uint_eq(idem_validate(w.t), 0);
    ck_assert_uint_eq(idem_untold(w.t, &number), 0); /* 2, 3 and 4 are gone, and the first is not */
    ck_assert_uint_eq(idem_tell(w.t, e), 7);
    ck_assert_uint_eq(idem_untold(w.t, &number), 4);
    ck_assert_uint_eq(number, 4);
    idem_note_told(w.t, 4);
    ck_assert_uint_eq(idem_untold(w.t, &number), 0);
    finish(&w, e, 0, "{}", 9);
    ck_assert_uint_eq(idem_tell(w.t, e), 8);
    ck_assert_uint_eq(idem_untold(w.t, &number), 1);
    idem_expire(w.t, 5000, 10);
    ck_assert_uint_eq(idem_untold(w.t, &number), 4);
    ck_assert_uint_eq(number, 8);
    world_end(&w);
}
END_TEST

/* ---- any life at all, beside a naive one ---- */

enum naive { FREE, RUNS, KEPT };

struct life {
    struct world w;
    uint64_t seed, now_ms;
    enum naive is[NAMES];
    struct idem_entry *running[NAMES];
    unsigned line[100000];
    uint64_t since[100000];
    size_t first, end; /* of the line */
    uint32_t keys_max;
    uint64_t keep_ms;
};

static void naive_drop(struct life *l)
{
    l->is[l->line[l->first++]] = FREE;
}

static void life_step(struct life *l)
{
    unsigned n = unit_rand_below(&l->seed, NAMES);

    l->now_ms += unit_rand_below(&l->seed, 3);
    if (l->is[n] == FREE) {
        l->running[n] = begin(&l->w, n);
        l->is[n] = RUNS;
    } else if (l->is[n] == RUNS && unit_rand_below(&l->seed, 4) == 0) {
        idem_forget(l->w.t, &l->running[n]);
        l->is[n] = FREE;
    } else if (l->is[n] == RUNS) {
        finish(&l->w, l->running[n], n, n % 2 ? "" : "{}", l->now_ms);
        l->is[n] = KEPT;
        l->line[l->end] = n;
        l->since[l->end++] = l->now_ms;
        if (l->end - l->first > l->keys_max)
            naive_drop(l);
    }
    if (unit_rand_below(&l->seed, 10) == 0) {
        idem_expire(l->w.t, l->now_ms, SIZE_MAX);
        while (l->first < l->end && l->now_ms - l->since[l->first] >= l->keep_ms)
            naive_drop(l);
    }
}

START_TEST(the_table_agrees_with_a_naive_one)
{
    struct life *l = calloc(1, sizeof *l);

    ck_assert_ptr_nonnull(l);
    l->seed = unit_seed(_i);
    l->keys_max = 1 + unit_rand_below(&l->seed, 40);
    l->keep_ms = 1 + unit_rand_below(&l->seed, 200);
    world_begin(&l->w, l->keys_max, l->keep_ms);
    for (int steps = 0; steps < 20000; steps++) {
        life_step(l);
        for (unsigned n = 0; n < NAMES; n++) {
            const struct idem_entry *e = find(&l->w, n);

            MUST((e == NULL) == (l->is[n] == FREE));
            MUST(e == NULL || idem_is_running(e) == (l->is[n] == RUNS));
            MUST(e == NULL || idem_is_running(e) || idem_answer(e)->etag == n);
        }
        if (steps % 100 == 0)
            MUST(idem_validate(l->w.t) == 0);
    }
    for (unsigned n = 0; n < NAMES; n++)
        if (l->is[n] == RUNS)
            idem_forget(l->w.t, &l->running[n]);
    world_end(&l->w);
    free(l);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_name_is_found_while_it_runs_and_when_its_answer_is_kept),
        TEST(what_is_forgotten_leaves_its_name_free),
        TEST(the_oldest_goes_for_a_newer_one_and_what_runs_stays),
        TEST(an_answer_is_kept_for_its_time_and_not_longer),
        TEST(limits_that_are_lowered_are_reached_in_steps),
        TEST(of_a_body_over_the_limit_all_is_kept_but_the_body),
        TEST(what_was_done_is_kept_however_full_the_account_is),
        TEST(refused_memory_leaves_the_name_free),
        TEST(no_table_is_half_made),
        TEST(what_is_put_back_is_as_old_as_it_was),
        TEST(what_is_put_back_again_is_the_last_that_was_told),
        TEST(one_that_runs_keeps_what_is_told_of_it),
        TEST(the_table_agrees_with_a_naive_one, .rounds = 6),
    };
    return unit_main(argc, argv, "idempotency", tests, ARRAY_LEN(tests));
}
