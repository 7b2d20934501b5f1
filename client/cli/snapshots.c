/*
 * snapshots.c - heapctl snapshot: the heap as it was at one moment: taken, listed, fetched, compared, deleted.
 */
#include "client/cli/args.h"
#include "client/cli/download.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* "/v1/snapshots/7" and what follows; NULL without memory. A word is encoded: it is the daemon that says what it is not. */
static char *path_of(const char *number, const char *format, const char *rest)
{
    struct text path = {0};
    char *base = heapd_path("/v1/snapshots/", number), *whole = NULL;

    text_printf(&path, format, base != NULL ? base : "", rest);
    if (base != NULL && !path.failed)
        whole = strdup(text_string(&path));
    free(base);
    text_fini(&path);
    return whole;
}

static int call(struct cli *cli, const char *method, char *path, fetch_show_fn *show)
{
    int code = path != NULL ? fetch_and_show_new(cli, method, path, NULL, show) : say_no_memory(cli);

    free(path);
    return code;
}

static int show_all(const struct cli *cli, json_t *page)
{
    return show_items(cli, page, "no snapshot has been taken");
}

static int take(struct cli *cli, struct args *args)
{
    (void)args;
    return fetch_and_show_new(cli, "POST", "/v1/snapshots", NULL, show_members);
}

static int ls(struct cli *cli, struct args *args)
{
    json_t *all;
    int code = fetch_all(cli, "/v1/snapshots", &all);

    (void)args;
    if (code != CLI_OK)
        return code;
    code = cli->json ? fetch_print(cli, all) : show_all(cli, all);
    json_decref(all);
    return code;
}

static int show_gone(const struct cli *cli, json_t *answer)
{
    (void)cli;
    (void)answer;
    return CLI_OK;
}

static int rm(struct cli *cli, struct args *args)
{
    return call(cli, "DELETE", path_of(args->words[0], "%s%s", ""), show_gone);
}

static int diff(struct cli *cli, struct args *args)
{
    return call(cli, "GET", path_of(args->words[0], "%s/diff/%s", args->words[1]), show_members);
}

/* What a file of that name is expected to be. */
static const char *format_of(const char *file)
{
    static const char *const formats[] = {"ndjson", "folded"};
    const char *dot = strrchr(file, '.');

    for (size_t i = 0; dot != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (strcmp(dot + 1, formats[i]) == 0)
            return formats[i];
    return "heapsnapshot";
}

static int get(struct cli *cli, struct args *args, const char *format)
{
    const char *file = args->words[1];
    char *path = path_of(args->words[0], "%s?format=%s", format != NULL ? format : format_of(file));
    uint64_t bytes;
    int code = path != NULL ? download_to_file(cli, path, file, "fetching", &bytes) : say_no_memory(cli);

    free(path);
    if (code == CLI_OK)
        printf("%s: %" PRIu64 " bytes\n", file, bytes);
    return code;
}

static int run(struct cli *cli, struct args *args)
{
    static const struct {
        const char *name;
        int words;
        int (*run)(struct cli *cli, struct args *args); /* NULL: get */
    } all[] = {{"take", 0, take}, {"ls", 0, ls}, {"get", 2, NULL}, {"rm", 1, rm}, {"diff", 2, diff}};
    const char *format = NULL;
    const struct flag flags[] = {{"format", NULL, &format}};
    const char *wrong = args_take_flags(args, flags, 1), *what = args_shift(args);

    if (wrong != NULL || what == NULL)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "take, ls, get, rm or diff?");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (strcmp(what, all[i].name) != 0)
            continue;
        if (args->count != all[i].words || (format != NULL && all[i].run != NULL))
            return say_usage(cli, "snapshot %s wants %d words and no other flags", what, all[i].words);
        return all[i].run != NULL ? all[i].run(cli, args) : get(cli, args, format);
    }
    return say_usage(cli, "there is no \"snapshot %s\"", what);
}

const struct verb verb_snapshot = {
    .name = "snapshot",
    .usage = "take | ls | get N FILE [--format heapsnapshot|ndjson] | rm N | diff A B",
    .about = "the heap as it is at one moment, taken while it goes on: keep, fetch, compare",
    .help = "get writes FILE.heapsnapshot for Chrome DevTools (Memory, Load profile), FILE.ndjson with an object a line, for\n"
            "jq; the ending of FILE says which, or --format. diff shows what grew from A to B, by class, by the site\n"
            "that made it, and by what holds it. `heapctl classes --since N` compares with what there is now.\n",
    .run = run,
};
