/*
 * report.c - heapctl report: the page of a run whose figures were kept.
 */
#include "client/cli/args.h"
#include "client/cli/say.h"
#include "client/cli/source.h"
#include "client/load/report.h"
#include <jansson.h>

enum { RUN_BYTES_MAX = 256 << 20 }; /* of the JSON of a run: days, at a line of figures a second */

static int read_all(const struct cli *cli, struct source *s, const char *path, struct text *json)
{
    while (source_refill(s)) {
        text_add(json, s->buffer, s->filled);
        if (json->length > RUN_BYTES_MAX)
            return say_failed(cli, "%s: more than %d MiB, which no run has", path, RUN_BYTES_MAX >> 20);
    }
    if (json->failed)
        return say_no_memory(cli);
    return source_error(s) == NULL ? CLI_OK : say_failed(cli, "%s: %s", path, source_error(s));
}

static int read_run(const struct cli *cli, const char *path, struct text *json)
{
    struct source s;
    const char *wrong = source_open(path, &s);
    int code;

    if (wrong != NULL)
        return say_failed(cli, "%s: %s", path, wrong);
    code = read_all(cli, &s, path, json);
    source_close(&s);
    return code;
}

/* A page that cannot read what is in it helps nobody. */
static int check_run(const struct cli *cli, const char *path, const struct text *json)
{
    json_error_t where;
    json_t *run = json_loadb(text_string(json), json->length, 0, &where);
    bool is_run = json_is_integer(json_object_get(run, "heapd_load"));

    json_decref(run);
    if (run == NULL)
        return say_failed(cli, "%s: it is not JSON: line %d: %s", path, where.line, where.text);
    return is_run ? CLI_OK : say_failed(cli, "%s: it is not what `heapctl load --json` prints", path);
}

static int write_page(const struct cli *cli, const char *path, const struct text *json)
{
    struct report r;
    const char *why_not = report_begin(&r, path);

    if (why_not == NULL)
        why_not = report_end(&r, text_string(json), json->length);
    report_drop(&r);
    return why_not == NULL ? CLI_OK : say_failed(cli, "%s: %s", path, why_not);
}

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    const char *from = args_shift(args), *to = args_shift(args);
    struct text json = {0};
    int code;

    if (wrong != NULL || to == NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "it takes the name of the figures and that of the page");
    if ((code = read_run(cli, from, &json)) == CLI_OK && (code = check_run(cli, from, &json)) == CLI_OK)
        code = write_page(cli, to, &json);
    text_fini(&json);
    return code;
}

const struct verb verb_report = {
    .name = "report",
    .usage = "RUN.json PAGE.html",
    .about = "a page with charts of a run of `heapctl load --json`",
    .help = "The same page as `heapctl load --report` writes: one file, which opens in a browser without asking any host for\n"
            "anything. RUN.json may be - for stdin, or gzipped.\n",
    .run = run,
};
