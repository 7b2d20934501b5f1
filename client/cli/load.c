/*
 * load.c - heapctl load: the words of its command line, and what its end means.
 */
#include "client/load/load.h"
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/json_text.h"
#include "client/cli/load_say.h"
#include "client/cli/say.h"
#include "client/cli/stop.h"
#include "client/load/report.h"
#include "client/load/scenario.h"
#include "client/load/trace.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a script is told; 1 and 2 are those of every verb. */
enum { LOAD_AS_EXPECTED = 0, LOAD_NOT_AS_EXPECTED = 1, LOAD_CANNOT_TELL = 3, LOAD_FAILED = 4 };

enum { DEFAULT_RATE = 1000, DEFAULT_DURATION_S = 30, DEFAULT_CLIENTS = 8, DEFAULT_SEED = 1 };

#define PLAIN_IN_SHELLS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"
#define SEED_MAX ((UINT64_C(1) << 53) - 1) /* a page reads it as a double */

struct words {
    const char *scenarios, *rate, *duration, *clients, *seed, *report, *expect, *trace;
    bool list, keep, even;
};

static bool read_real(const char *word, double low, double high, double *ret)
{
    char *end;

    errno = 0;
    *ret = strtod(word, &end);
    return *end == '\0' && end != word && errno == 0 && *ret >= low && *ret <= high;
}

static bool read_u64(const char *word, uint64_t low, uint64_t high, uint64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoull(word, &end, 10);
    return word[0] >= '0' && word[0] <= '9' && *end == '\0' && errno == 0 && *ret >= low && *ret <= high;
}

/* CLI_OK, or it has been said what is wrong. */
static int read_numbers(const struct cli *cli, const struct words *w, struct load_options *o)
{
    uint64_t clients = DEFAULT_CLIENTS;

    if (w->rate != NULL && !read_real(w->rate, 0.1, LOAD_RATE_MAX, &o->rate))
        return say_usage(cli, "--rate is a number of requests a second, 0.1 to %.0f, not \"%s\"", LOAD_RATE_MAX, w->rate);
    if (w->duration != NULL && !read_real(w->duration, 0.1, LOAD_DURATION_S_MAX, &o->duration_s))
        return say_usage(cli, "--duration is a number of seconds, 0.1 to %.0f, not \"%s\"", LOAD_DURATION_S_MAX, w->duration);
    if (w->clients != NULL && !read_u64(w->clients, 1, LOAD_CLIENTS_MAX, &clients))
        return say_usage(cli, "--clients is a number of connections, 1 to %d, not \"%s\"", LOAD_CLIENTS_MAX, w->clients);
    if (w->seed != NULL && !read_u64(w->seed, 0, SEED_MAX, &o->seed))
        return say_usage(cli, "--seed is a whole number below 2^53, not \"%s\"", w->seed);
    if (w->expect != NULL && strcmp(w->expect, "leak") != 0 && strcmp(w->expect, "no-leak") != 0)
        return say_usage(cli, "--expect is leak or no-leak, not \"%s\"", w->expect);
    o->clients = (unsigned)clients;
    return CLI_OK;
}

static int add_scenario(const struct cli *cli, const struct scenario *s, struct load_options *o)
{
    if (o->scenario_count == LOAD_SCENARIOS_MAX)
        return say_usage(cli, "at most %d scenarios go at once", LOAD_SCENARIOS_MAX);
    o->scenarios[o->scenario_count++] = s;
    return CLI_OK;
}

/* "churn,slow-leak" */
static int read_scenarios(const struct cli *cli, const char *names, struct load_options *o)
{
    int code = CLI_OK;

    for (const char *at = names; code == CLI_OK && *at != '\0';) {
        size_t length = strcspn(at, ",");
        const struct scenario *s = scenario_find(at, length);

        code = s != NULL ? add_scenario(cli, s, o)
                         : say_usage(cli, "there is no scenario \"%.*s\"; heapctl load --list lists them", (int)length, at);
        at += length + (at[length] == ',');
    }
    return code;
}

static int read_trace(const struct cli *cli, const char *path, struct load_options *o)
{
    struct heapd_problem p;

    if (trace_open(path, &o->trace, &p) == HEAPD_OK)
        return add_scenario(cli, &scenario_trace, o);
    (void)say_problem(cli, &p);
    return CLI_USAGE;
}

static int list(void)
{
    const struct scenario *s;

    for (size_t i = 0; (s = scenario_at(i)) != NULL; i++)
        printf("%-24s %s (leaks: %s)\n", s->name, s->says, s->leaks);
    printf("%-24s %s (leaks: %s)\n", "--trace FILE", scenario_trace.says, scenario_trace.leaks);
    return CLI_OK;
}

static int status_of(const json_t *document, const char *expected)
{
    const json_t *leak = json_object_get(json_object_get(document, "verdict"), "leak");

    if (expected == NULL)
        return LOAD_AS_EXPECTED;
    if (json_is_null(leak))
        return LOAD_CANNOT_TELL;
    return json_is_true(leak) == (strcmp(expected, "leak") == 0) ? LOAD_AS_EXPECTED : LOAD_NOT_AS_EXPECTED;
}

/* CLI_OK, or it has been said why there is none. */
static int write_report(const struct cli *cli, struct report *r, json_t *document)
{
    struct text json = {0};
    const char *why_not = NULL;
    int code = CLI_OK;

    json_text_value(&json, document);
    if (json.failed)
        code = say_no_memory(cli);
    else if ((why_not = report_end(r, text_string(&json), json.length)) != NULL)
        code = say_failed(cli, "%s: %s", r->path, why_not);
    text_fini(&json);
    return code;
}

/* As a shell takes it. */
static void add_word(struct text *out, const char *word)
{
    bool is_plain = word[0] != '\0' && strspn(word, PLAIN_IN_SHELLS) == strlen(word);

    text_add_string(out, is_plain ? " " : " '");
    for (const char *at = word; *at != '\0'; at++)
        if (*at == '\'')
            text_add_string(out, "'\\''");
        else
            text_add_byte(out, *at);
    text_add_string(out, is_plain ? "" : "'");
}

/* What makes the same requests again: all that was said, but for what only tells of them. */
static json_t *command_new(const struct cli *cli, const struct words *w, const struct load_options *o)
{
    const char *const pairs[][2] = {{"--trace", w->trace},       {"--rate", w->rate}, {"--duration", w->duration},
                                    {"--clients", w->clients}, {"--url", cli->where.url}};
    struct text command = {0};
    json_t *string = NULL;

    text_add_string(&command, "heapctl load");
    if (w->scenarios != NULL)
        add_word(&command, w->scenarios);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        if (pairs[i][1] != NULL) {
            text_printf(&command, " %s", pairs[i][0]);
            add_word(&command, pairs[i][1]);
        }
    text_printf(&command, " --seed %llu%s%s", (unsigned long long)o->seed, w->even ? " --even" : "", w->keep ? " --keep" : "");
    if (!command.failed) /* a file's name that is no UTF-8 cannot be told */
        string = json_string(command.data);
    text_fini(&command);
    return string;
}

/* The run is over, or went away: its exit status. */
static int tell(struct cli *cli, json_t *document, enum heapd_result r, const struct words *w, struct report *report)
{
    int status = r == HEAPD_OK ? status_of(document, w->expect) : LOAD_FAILED;

    if (cli->json)
        (void)fetch_print(cli, document);
    else
        load_say_summary(cli, document);
    if (w->report != NULL && write_report(cli, report, document) != CLI_OK)
        status = LOAD_FAILED;
    return status;
}

static int load_and_tell(struct cli *cli, struct load_options *o, const struct words *w, struct report *report)
{
    struct load_say say;
    struct heapd_problem p;
    json_t *document;
    enum heapd_result r;
    int status = LOAD_FAILED;

    load_say_begin(&say, cli);
    o->on_tick = load_say_tick;
    o->arg = &say;
    r = load_run(o, &document, &p);
    load_say_end(&say);
    if (document != NULL)
        (void)json_object_set_new(document, "command", command_new(cli, w, o));
    if (document != NULL)
        status = tell(cli, document, r, w, report);
    if (r != HEAPD_OK)
        (void)say_problem(cli, &p);
    json_decref(document);
    return r == HEAPD_BAD_URL ? CLI_USAGE : status;
}

/* What could not be told in the end is not begun. */
static int run_load(struct cli *cli, struct load_options *o, const struct words *w)
{
    struct report report = {0};
    const char *why_not = NULL;
    int code;

    (void)signal(SIGPIPE, SIG_IGN); /* a peer that hangs up is heard of by its error */
    if ((o->stop_fd = stop_open()) < 0)
        return say_failed(cli, "cannot wait for signals");
    if (w->report != NULL && (why_not = report_begin(&report, w->report)) != NULL) {
        (void)say_failed(cli, "%s: %s", w->report, why_not);
        code = CLI_USAGE;
    } else {
        code = load_and_tell(cli, o, w, &report);
    }
    report_drop(&report);
    close(o->stop_fd);
    return code;
}

static int run(struct cli *cli, struct args *args)
{
    struct words w = {0};
    struct load_options o = {.where = &cli->where, .rate = DEFAULT_RATE, .duration_s = DEFAULT_DURATION_S, .seed = DEFAULT_SEED};
    const struct flag flags[] = {
        {"rate", NULL, &w.rate},     {"duration", NULL, &w.duration}, {"clients", NULL, &w.clients}, {"seed", NULL, &w.seed},
        {"report", NULL, &w.report}, {"expect", NULL, &w.expect},     {"trace", NULL, &w.trace},     {"list", &w.list, NULL},
        {"keep", &w.keep, NULL},     {"even", &w.even, NULL},
    };
    const char *wrong = args_take_flags(args, flags, sizeof flags / sizeof flags[0]);
    int code;

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (w.list)
        return args->count == 0 ? list() : say_usage(cli, "--list wants no words");
    if (args->count > 1 || (args->count == 0 && w.trace == NULL))
        return say_usage(cli, "load wants one word: a scenario, or several with commas between");
    o.keeps = w.keep;
    o.evenly = w.even;
    w.scenarios = args_shift(args);
    if ((code = read_numbers(cli, &w, &o)) == CLI_OK && w.scenarios != NULL)
        code = read_scenarios(cli, w.scenarios, &o);
    if (code == CLI_OK && w.trace != NULL)
        code = read_trace(cli, w.trace, &o);
    if (code == CLI_OK)
        code = run_load(cli, &o, &w);
    trace_close(&o.trace);
    return code;
}

const struct verb verb_load = {
    .name = "load",
    .usage = "[SCENARIO[,SCENARIO...]] [FLAG ...]",
    .about = "put heapd under load, watch its heap meanwhile, and say whether it leaks",
    .help = "  --list            the scenarios, a line each\n"
            "  --trace FILE      replay a recorded batch in batches of 100 ops, again and again, alone or beside scenarios\n"
            "  --rate N          requests a second, due by chance (a Poisson process) whether heapd keeps up or not; default 1000.\n"
            "                    Those of several scenarios are divided among them by chance\n"
            "  --even            due at even distances instead\n"
            "  --duration S      seconds; default 30\n"
            "  --clients N       connections; default 8\n"
            "  --seed N          what chance is decided by; default 1\n"
            "  --expect WHAT     leak or no-leak: the exit status says whether it is so\n"
            "  --keep            leave what was made, for a day; else all of it is let go in the end\n"
            "  --report FILE     a page with charts, in one file that can be mailed\n"
            "  --json            all of it as one JSON document, of which `heapctl report` makes the page later\n"
            "\n"
            "Latency is counted from when a request was due, service time from when it was sent; both of those that were\n"
            "answered well, so where many fail or are shed they are better than they should be. While it runs POST\n"
            "/v1/gc/collect is called, for 80 readings or one every 10 s: what full collections leave is judged, nothing else.\n"
            "Ctrl-C ends it early, with what there is; a second one waits for nothing.\n"
            "Exit status: 0 done, or as expected; 1 not as expected; 2 wrong usage, or a report that cannot be\n"
            "written there; 3 --expect, and it cannot tell; 4 heapd is not there, or went away, or the report was not written.\n",
    .run = run,
};
