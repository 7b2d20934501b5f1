/* test_log.c - a line a fact, in one form, and no more of a kind than somebody wants to read. */
#include "daemon/log.h"
#include "tests/unit/unit.h"

struct written {
    struct log log;
    FILE *out;
    char *text;
    size_t len;
};

static struct written *written_new(enum log_level least)
{
    struct written *w = calloc(1, sizeof(*w));

    w->out = open_memstream(&w->text, &w->len);
    log_init(&w->log, w->out, least);
    return w;
}

static void written_free(struct written *w)
{
    fclose(w->out);
    free(w->text);
    free(w);
}

static size_t count(const struct written *w, const char *part)
{
    size_t n = 0;

    for (const char *at = w->text; at != NULL && (at = strstr(at, part)) != NULL; at++)
        n++;
    return n;
}

START_TEST(a_line_has_a_level_an_event_and_pairs)
{
    struct written *w = written_new(LOG_INFO);

    log_event_at(&w->log, 0, LOG_INFO, "started", "version=%s pid=%d", "1.2", 7);
    log_event_at(&w->log, 0, LOG_ERROR, "listen-failed", "reason=\"%s\"", "address in use");
    ck_assert_str_eq(w->text, "heapd: info  started version=1.2 pid=7\nheapd: error listen-failed reason=\"address in use\"\n");
    written_free(w);
}
END_TEST

START_TEST(whatever_stands_in_it_a_line_stays_a_line)
{
    struct written *w = written_new(LOG_INFO);

    log_event_at(&w->log, 0, LOG_WARN, "odd", "file=\"%s\"", "a\nheapd: info  forged\x1b[31m\xff");
    ck_assert_uint_eq(count(w, "\n"), 1);
    ck_assert_ptr_null(strchr(w->text, '\x1b'));
    written_free(w);
}
END_TEST

START_TEST(what_weighs_less_than_asked_for_is_left_out)
{
    struct written *w = written_new(LOG_WARN);
    enum log_level level = LOG_INFO;

    log_event_at(&w->log, 0, LOG_INFO, "started", "a=1");
    log_event_at(&w->log, 0, LOG_WARN, "accept-failed", "a=1");
    ck_assert_uint_eq(count(w, "\n"), 1);
    ck_assert(log_level_read("error", &level) && level == LOG_ERROR);
    ck_assert(!log_level_read("ERROR", &level) && !log_level_read("", &level));
    written_free(w);
}
END_TEST

/* One kind does not use up another's lines, and what was left out is counted when the time is over. */
START_TEST(many_lines_of_a_kind_are_counted_instead)
{
    struct written *w = written_new(LOG_INFO);

    for (uint64_t ms = 100; ms < 1100; ms++)
        log_event_at(&w->log, ms, LOG_WARN, "accept-failed", "n=%d", (int)ms);
    log_event_at(&w->log, 1100, LOG_WARN, "drain-cut", "connections=1");
    ck_assert_uint_eq(count(w, "accept-failed"), LOG_BURST);
    ck_assert_uint_eq(count(w, "drain-cut"), 1);
    log_flush(&w->log, 100 + LOG_WINDOW_MS - 1, false);
    ck_assert_uint_eq(count(w, "suppressed"), 0);
    log_flush(&w->log, 100 + LOG_WINDOW_MS, false);
    ck_assert_uint_eq(count(w, "heapd: warn  suppressed event=accept-failed lines=990 seconds=10\n"), 1);
    log_flush(&w->log, 100 + 2 * LOG_WINDOW_MS, false);
    log_event_at(&w->log, 100 + 2 * LOG_WINDOW_MS, LOG_WARN, "accept-failed", "n=0");
    ck_assert_uint_eq(count(w, "suppressed"), 1);
    ck_assert_uint_eq(count(w, "n=0\n"), 1);
    written_free(w);
}
END_TEST

START_TEST(the_next_of_the_kind_says_so_too_and_so_does_the_end)
{
    struct written *w = written_new(LOG_INFO);

    for (int i = 0; i < LOG_BURST + 3; i++)
        log_event_at(&w->log, 5, LOG_WARN, "a", "i=%d", i);
    log_event_at(&w->log, 5 + LOG_WINDOW_MS, LOG_WARN, "a", "i=again");
    ck_assert_uint_eq(count(w, "suppressed event=a lines=3 seconds=10\nheapd: warn  a i=again\n"), 1);
    for (int i = 0; i < LOG_BURST; i++)
        log_event_at(&w->log, 6 + LOG_WINDOW_MS, LOG_WARN, "a", "i=%d", i);
    log_flush(&w->log, 7 + LOG_WINDOW_MS, true);
    ck_assert_uint_eq(count(w, "suppressed event=a lines=1 seconds=0\n"), 1);
    written_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_line_has_a_level_an_event_and_pairs),
        TEST(whatever_stands_in_it_a_line_stays_a_line),
        TEST(what_weighs_less_than_asked_for_is_left_out),
        TEST(many_lines_of_a_kind_are_counted_instead),
        TEST(the_next_of_the_kind_says_so_too_and_so_does_the_end),
    };

    return unit_main(argc, argv, "log", tests, ARRAY_LEN(tests));
}
