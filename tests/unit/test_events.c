/* test_events.c - the ring of events: what is kept, in which form, for whom, and what is said of what is not kept. */
#include "api/events.h"
#include "tests/unit/unit.h"
#include <jansson.h>

#define FIRST UINT64_C(1700000000000000)

struct world {
    struct mem mem;
    struct events *ev;
    struct buf said; /* by the last read */
};

static void world_begin(struct world *w)
{
    *w = (struct world){.ev = NULL};
    mem_init(&w->mem, 0);
    w->ev = events_create(&w->mem, FIRST);
    ck_assert_ptr_nonnull(w->ev);
    buf_init(&w->said, &w->mem, SIZE_MAX);
}

static void world_end(struct world *w)
{
    buf_fini(&w->said);
    events_destroy(&w->ev);
    mem_fini(&w->mem); /* all came back */
}

static void tell(struct world *w, enum event_type type, struct slice name, uint64_t commit)
{
    struct out *o = events_begin(w->ev, type, 1);

    out_member_string(o, "name", name);
    events_end(w->ev, commit);
}

static void tell_some(struct world *w, int n)
{
    while (n-- > 0)
        tell(w, EVENT_GC, SLICE("n"), 0);
}

static uint64_t ready(struct world *w)
{
    return events_ready(w->ev, NULL, NULL);
}

/* Read all that a cursor may have, with a gap if there is one. */
static const char *read_all(struct world *w, struct event_cursor *c)
{
    buf_clear(&w->said);
    if (events_missed(w->ev, c))
        events_write_gap(w->ev, c, &w->said);
    while (c->after < ready(w))
        events_write(w->ev, c, ready(w), 100, &w->said);
    buf_add_byte(&w->said, '\0');
    return w->said.data;
}

static struct event_cursor cursor_at(uint64_t after, enum event_form form)
{
    return (struct event_cursor){.after = after, .types = EVENT_ALL, .form = form};
}

START_TEST(an_event_is_one_text_in_two_forms)
{
    struct world w;
    struct event_cursor sse = cursor_at(FIRST - 1, EVENT_SSE), lines = cursor_at(FIRST - 1, EVENT_LINES);

    world_begin(&w);
    tell(&w, EVENT_DEATH, SLICE("a"), 0);
    ck_assert_str_eq(read_all(&w, &sse), "id: 1700000000000000\nevent: death\ndata: {\"id\":1700000000000000,\"type\":\"death\","
                                         "\"time\":\"1970-01-01T00:00:00.001Z\",\"name\":\"a\"}\n\n");
    ck_assert_str_eq(read_all(&w, &lines), "{\"id\":1700000000000000,\"type\":\"death\","
                                           "\"time\":\"1970-01-01T00:00:00.001Z\",\"name\":\"a\"}\n");
    ck_assert_str_eq(read_all(&w, &sse), "");
    world_end(&w);
}
END_TEST

/* A name may have any characters but NUL; a line feed or a carriage return in a frame would begin another. */
START_TEST(no_name_breaks_out_of_its_line)
{
    struct world w;
    struct event_cursor c = cursor_at(FIRST - 1, EVENT_SSE);
    char name[] = "x\r\n\ndata: {}\n\nid: 1\nevent: gc\r\r\\\"\x01\x1f\x7f\xe2\x80\xa8\xe2\x80\xa9\xc2\x85";
    const char *said, *data;
    json_t *json;

    world_begin(&w);
    tell(&w, EVENT_DEATH, slice_of(name), 0);
    said = read_all(&w, &c);
    data = strstr(said, "data: ");
    ck_assert_ptr_nonnull(data);
    ck_assert_ptr_null(strchr(said, '\r'));
    ck_assert_str_eq(strchr(data, '\n'), "\n\n"); /* it ends there, and nowhere before */
    json = json_loads(data + strlen("data: "), JSON_DISABLE_EOF_CHECK, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "name")), name);
    json_decref(json);
    world_end(&w);
}
END_TEST

START_TEST(the_oldest_go_by_number_and_whoever_missed_them_is_told)
{
    struct world w;
    struct event_cursor c = cursor_at(FIRST - 1, EVENT_LINES);
    const char *gap = "{\"id\":1700000000000000,\"type\":\"gap\",\"after\":1699999999999999,\"missed\":1}\n"
                      "{\"id\":1700000000000001,";
    const char *said;

    world_begin(&w);
    events_set_limits(w.ev, 3, 1 << 20);
    tell_some(&w, 3);
    ck_assert(!events_missed(w.ev, &c));
    tell_some(&w, 1);
    ck_assert_uint_eq(events_oldest(w.ev), FIRST + 1);
    ck_assert(events_missed(w.ev, &c));
    said = read_all(&w, &c);
    ck_assert_msg(strncmp(said, gap, strlen(gap)) == 0, "%s", said);
    ck_assert_uint_eq(c.after, FIRST + 3);
    world_end(&w);
}
END_TEST

START_TEST(the_oldest_go_by_bytes_but_the_last_stays)
{
    struct world w;
    struct event_cursor c = cursor_at(FIRST - 1, EVENT_SSE);
    size_t one;

    world_begin(&w);
    tell_some(&w, 1);
    one = strlen(read_all(&w, &c));
    events_set_limits(w.ev, 1000, 3 * one);
    tell_some(&w, 10);
    ck_assert_uint_eq(events_newest(w.ev) - events_oldest(w.ev) + 1, 3);
    ck_assert_uint_eq(events_bytes_after(w.ev, events_newest(w.ev) - 2), 2 * one);
    ck_assert_uint_eq(events_bytes_after(w.ev, events_newest(w.ev)), 0);
    ck_assert_uint_eq(events_bytes_after(w.ev, 0), 3 * one);
    events_set_limits(w.ev, 1000, one - 1);
    ck_assert_uint_eq(events_oldest(w.ev), events_newest(w.ev) + 1);
    tell_some(&w, 1);
    ck_assert_uint_eq(events_oldest(w.ev), events_newest(w.ev));
    world_end(&w);
}
END_TEST

START_TEST(an_id_of_another_life_is_a_gap_of_unknown_width)
{
    const uint64_t ids[] = {0, 1, FIRST - 2, FIRST + 5, EVENT_ID_MAX};
    struct world w;

    world_begin(&w);
    tell_some(&w, 2);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct event_cursor c = cursor_at(ids[i], EVENT_LINES);
        const char *said = read_all(&w, &c);

        ck_assert_ptr_nonnull(strstr(said, "\"type\":\"gap\""));
        ck_assert_ptr_nonnull(strstr(said, "\"missed\":null"));
        ck_assert_ptr_nonnull(strstr(said, "{\"id\":1700000000000000,\"type\":\"gc\"")); /* and then all there is */
        ck_assert_uint_eq(c.after, FIRST + 1);
    }
    ck_assert_uint_eq(event_id_read(SLICE("1700000000000001")), FIRST + 1);
    ck_assert_uint_eq(event_id_read(SLICE("")), 0);
    ck_assert_uint_eq(event_id_read(SLICE("-1")), 0);
    ck_assert_uint_eq(event_id_read(SLICE("17e3")), 0);
    ck_assert_uint_eq(event_id_read(SLICE("99999999999999999999999999")), 0);
    world_end(&w);
}
END_TEST

START_TEST(what_there_was_what_is_kept_and_what_was_lost_is_counted)
{
    struct world w;
    struct events_stats s;

    world_begin(&w);
    tell_some(&w, 3);
    tell(&w, EVENT_DEATH, SLICE("a"), 0);
    events_set_limits(w.ev, 3, EVENTS_BYTES_MAX_DEFAULT);
    events_stats(w.ev, &s);
    ck_assert(s.written[EVENT_GC] == 3 && s.written[EVENT_DEATH] == 1 && s.kept == 3 && s.lost == 0);
    ck_assert_uint_gt(s.kept_bytes, 3 * 60);
    w.mem.fail_at = w.mem.request_count + 1;
    w.mem.fail_on = true;
    tell(&w, EVENT_GC, SLICE("n"), 0);
    events_stats(w.ev, &s);
    w.mem.fail_on = false;
    ck_assert(s.lost == 1 && s.kept == 0 && s.kept_bytes == 0);
    world_end(&w);
}
END_TEST

START_TEST(types_are_named_or_refused)
{
    uint32_t types = 0;
    struct why why = {0};

    ck_assert_int_eq(event_types_read(SLICE("gc"), &types, NULL), ERR_OK);
    ck_assert_uint_eq(types, 1u << EVENT_GC);
    ck_assert_int_eq(event_types_read(SLICE("death, alert,death"), &types, NULL), ERR_OK);
    ck_assert_uint_eq(types, 1u << EVENT_DEATH | 1u << EVENT_ALERT);
    ck_assert_int_eq(event_types_read(SLICE("gc,deaths"), &types, &why), ERR_BAD_VALUE);
    for (int t = 0; t < EVENT_TYPES; t++)
        ck_assert_ptr_nonnull(strstr(why.text, event_type_name((enum event_type)t)));
    ck_assert_int_eq(event_types_read(SLICE(""), &types, NULL), ERR_BAD_VALUE);
    ck_assert_int_eq(event_types_read(SLICE("gc,"), &types, NULL), ERR_OK);
    ck_assert_int_eq(event_types_read(SLICE(",gc"), &types, NULL), ERR_BAD_VALUE);
}
END_TEST

static bool is_kept(void *ctx, uint64_t commit)
{
    return commit <= *(uint64_t *)ctx;
}

START_TEST(none_leaves_before_its_commit_nor_before_one_before_it)
{
    uint64_t durable = 0;
    struct world w;

    world_begin(&w);
    tell(&w, EVENT_GC, SLICE("a"), 0);
    tell(&w, EVENT_GC, SLICE("b"), 5);
    tell(&w, EVENT_GC, SLICE("c"), 0);
    tell(&w, EVENT_GC, SLICE("d"), 6);
    ck_assert_uint_eq(events_ready(w.ev, is_kept, &durable), FIRST);
    durable = 5;
    ck_assert_uint_eq(events_ready(w.ev, is_kept, &durable), FIRST + 2);
    durable = 4; /* what has been seen on disk stays there */
    ck_assert_uint_eq(events_ready(w.ev, is_kept, &durable), FIRST + 2);
    durable = 7;
    ck_assert_uint_eq(events_ready(w.ev, is_kept, &durable), FIRST + 3);
    world_end(&w);
}
END_TEST

/* Of what is gone before it could leave nobody is told but that it was. */
START_TEST(what_goes_before_its_commit_was_kept_holds_up_nobody)
{
    uint64_t durable = 0;
    struct world w;

    world_begin(&w);
    events_set_limits(w.ev, 2, 1 << 20);
    tell(&w, EVENT_GC, SLICE("a"), 1);
    tell(&w, EVENT_GC, SLICE("b"), 2);
    tell(&w, EVENT_GC, SLICE("c"), 3);
    ck_assert_uint_eq(events_ready(w.ev, is_kept, &durable), FIRST);
    durable = 3;
    ck_assert_uint_eq(events_ready(w.ev, is_kept, &durable), FIRST + 2);
    world_end(&w);
}
END_TEST

/* However many there are, and whatever becomes of them. */
START_TEST(what_is_of_other_types_is_passed_over)
{
    struct world w;
    struct event_cursor c = cursor_at(FIRST - 1, EVENT_LINES);

    world_begin(&w);
    c.types = 1u << EVENT_DEATH;
    events_set_limits(w.ev, 3, 1 << 20);
    tell_some(&w, 2);
    ck_assert(events_pass_over(w.ev, &c));
    ck_assert_uint_eq(c.after, FIRST - 1); /* they may not leave yet */
    (void)ready(&w);
    ck_assert(events_pass_over(w.ev, &c));
    ck_assert_uint_eq(c.after, FIRST + 1);
    tell_some(&w, 10);
    ck_assert(!events_missed(w.ev, &c));
    tell(&w, EVENT_DEATH, SLICE("a"), 0);
    ck_assert(events_pass_over(w.ev, &c));
    (void)ready(&w);
    ck_assert(!events_pass_over(w.ev, &c));
    ck_assert_ptr_nonnull(strstr(read_all(&w, &c), "\"type\":\"death\""));
    ck_assert_ptr_null(strstr(w.said.data, "gap"));
    ck_assert_uint_eq(c.after, FIRST + 12);
    tell(&w, EVENT_DEATH, SLICE("b"), 0);
    tell_some(&w, 3);
    ck_assert(events_missed(w.ev, &c));
    ck_assert(!events_pass_over(w.ev, &c));
    world_end(&w);
}
END_TEST

/* A listener and what it should have heard. */
struct listener {
    struct event_cursor cursor;
    uint64_t last; /* the last id it has seen */
};

/* Ids rise; what is skipped is of other types, unless a gap is told. */
static void hear(struct world *w, struct listener *l, const enum event_type *types_of)
{
    const char *at = read_all(w, &l->cursor);

    while (*at != '\0') {
        json_t *json = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
        uint64_t id = (uint64_t)json_integer_value(json_object_get(json, "id"));
        const char *type = json_string_value(json_object_get(json, "type"));
        bool gap = strcmp(type, "gap") == 0, missed = false;

        MUST(id > l->last);
        for (uint64_t skipped = l->last + 1; skipped < id + gap; skipped++)
            missed |= (l->cursor.types & 1u << types_of[skipped - FIRST]) != 0;
        MUST(missed == gap); /* a gap is told where something is missing, and nowhere else */
        MUST(gap || strcmp(type, event_type_name(types_of[id - FIRST])) == 0);
        MUST(gap || (l->cursor.types & 1u << types_of[id - FIRST]) != 0);
        l->last = id;
        json_decref(json);
        at = strchr(at, '\n') + 1;
    }
}

#define EVENTS 3000

/* Whatever the limits, whoever reads when, and whichever allocation is refused: everybody hears everything of his types in
 * order, or of a gap. */
START_TEST(everybody_hears_all_or_of_a_gap)
{
    uint64_t state = unit_seed(_i);
    enum event_type types_of[EVENTS];
    struct listener l[5];
    struct world w;

    world_begin(&w);
    for (size_t i = 0; i < ARRAY_LEN(l); i++)
        l[i] = (struct listener){cursor_at(FIRST - 1, EVENT_LINES), FIRST - 1};
    l[1].cursor.types = 1u << EVENT_DEATH;
    l[2].cursor.types = 1u << EVENT_GC | 1u << EVENT_ALERT;
    for (int n = 0; n < EVENTS; n++) {
        struct listener *one = &l[unit_rand_below(&state, ARRAY_LEN(l))];
        uint32_t dice = unit_rand_below(&state, 100);

        if (dice == 0)
            events_set_limits(w.ev, 1 + unit_rand_below(&state, 400), unit_rand_below(&state, 40000));
        w.mem.fail_at = dice < 10 ? w.mem.request_count + 1 + unit_rand_below(&state, 3) : 0;
        w.mem.fail_on = dice < 5;
        types_of[n] = (enum event_type)unit_rand_below(&state, EVENT_TYPES);
        tell(&w, types_of[n], slice_from(SLICE("0123456789"), unit_rand_below(&state, 10)), 0);
        w.mem.fail_at = 0;
        w.mem.fail_on = false;
        if (one != &l[4] || dice == 7) /* one reads rarely */
            hear(&w, one, types_of);
        MUST(events_newest(w.ev) == FIRST + (uint64_t)n);
        MUST(events_memory(w.ev) + w.said.cap + (w.said.data != NULL) == w.mem.used_bytes);
    }
    for (size_t i = 0; i < ARRAY_LEN(l); i++) {
        hear(&w, &l[i], types_of);
        MUST(events_pass_over(w.ev, &l[i].cursor) && l[i].cursor.after == FIRST + EVENTS - 1);
    }
    world_end(&w);
}
END_TEST

START_TEST(a_ping_and_a_greeting_say_where_to_go_on)
{
    struct world w;
    struct event_cursor sse = cursor_at(FIRST + 7, EVENT_SSE), lines = cursor_at(FIRST + 7, EVENT_LINES);

    world_begin(&w);
    events_write_greeting(&sse, &w.said);
    events_write_ping(&sse, &w.said);
    events_write_greeting(&lines, &w.said);
    buf_add_byte(&w.said, '\0');
    ck_assert_str_eq(w.said.data, "retry: 2000\nid: 1700000000000007\n\n: ping\nid: 1700000000000007\n\n"
                                  "{\"type\":\"ping\",\"after\":1700000000000007}\n");
    world_end(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_event_is_one_text_in_two_forms),
        TEST(no_name_breaks_out_of_its_line),
        TEST(the_oldest_go_by_number_and_whoever_missed_them_is_told),
        TEST(the_oldest_go_by_bytes_but_the_last_stays),
        TEST(an_id_of_another_life_is_a_gap_of_unknown_width),
        TEST(what_there_was_what_is_kept_and_what_was_lost_is_counted),
        TEST(types_are_named_or_refused),
        TEST(none_leaves_before_its_commit_nor_before_one_before_it),
        TEST(what_goes_before_its_commit_was_kept_holds_up_nobody),
        TEST(what_is_of_other_types_is_passed_over),
        TEST(everybody_hears_all_or_of_a_gap, .rounds = 8),
        TEST(a_ping_and_a_greeting_say_where_to_go_on),
    };
    return unit_main(argc, argv, "events", tests, ARRAY_LEN(tests));
}
