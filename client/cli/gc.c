/*
 * gc.c - heapctl gc: the collector's state, its settings, its log, and freezing.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/fields.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include "client/cli/watch.h"
#include <stdlib.h>
#include <string.h>

/* "700,10,10" as an array of numbers, "saveall,stats" as one of strings; NULL if it is no list. */
static json_t *comma_list(const char *text)
{
    json_t *list = json_array();
    char *copy = strdup(text), *rest = copy;

    for (char *word; copy != NULL && (word = strsep(&rest, ",")) != NULL;)
        if (word[0] != '\0')
            json_array_append_new(list, fields_value(word));
    free(copy);
    return list;
}

/* Members that are arrays may be written with commas: thresholds=700,10,10. */
static void read_lists(json_t *patch)
{
    static const char *const lists[] = {"thresholds", "debug"};

    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        json_t *value = json_object_get(patch, lists[i]);

        if (json_is_string(value))
            json_object_set_new(patch, lists[i], comma_list(json_string_value(value)));
        else if (json_is_integer(value))
            json_object_set_new(patch, lists[i], json_pack("[O]", value));
    }
}

static int set(struct cli *cli, const struct args *args, bool persist)
{
    json_t *patch;
    int code;

    if (args->count == 0)
        return say_usage(cli, "gc set wants settings, such as enabled=false");
    code = fields_read(cli, args, &patch);
    if (code != CLI_OK)
        return code;
    read_lists(patch);
    return fetch_and_show_new(cli, "PATCH", persist ? "/v1/gc?persist=true" : "/v1/gc", patch, show_members);
}

static int show_log(const struct cli *cli, json_t *page)
{
    return show_items(cli, page, "nothing has been collected yet");
}

static int run(struct cli *cli, struct args *args)
{
    bool persist = false;
    const char *interval = NULL, *count = NULL;
    const struct flag flags[] = {{"persist", &persist, NULL}, {"interval", NULL, &interval}, {"count", NULL, &count}};
    const char *wrong = args_take_flags(args, flags, 3);
    const char *what = args_shift(args);

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (what != NULL && strcmp(what, "watch") == 0 && args->count == 0 && !persist)
        return watch(cli, interval, count);
    if (interval != NULL || count != NULL)
        return say_usage(cli, "--interval and --count are for gc watch");
    if (what != NULL && strcmp(what, "set") == 0)
        return set(cli, args, persist);
    if (args->count > 0 || persist)
        return say_usage(cli, "too many words");
    if (what == NULL)
        return fetch_and_show_new(cli, "GET", "/v1/gc", NULL, show_members);
    if (strcmp(what, "log") == 0)
        return fetch_and_show_new(cli, "GET", "/v1/gc/log", NULL, show_log);
    if (strcmp(what, "freeze") == 0)
        return fetch_and_show_new(cli, "PUT", "/v1/gc/freeze", NULL, show_members);
    if (strcmp(what, "unfreeze") == 0)
        return fetch_and_show_new(cli, "DELETE", "/v1/gc/freeze", NULL, show_members);
    return say_usage(cli, "there is no \"gc %s\"", what);
}

const struct verb verb_gc = {
    .name = "gc",
    .usage = "[set NAME=VALUE ... [--persist] | log | freeze | unfreeze | watch [--interval SECONDS] [--count N]]",
    .about = "show or tune the garbage collector",
    .help =
        "  heapctl gc set thresholds=700,10,10 enabled=false debug=saveall pause_budget_us=500\n"
        "Thresholds that are left out keep their value; a first one of 0 turns automatic collections off.\n"
        "log shows the last collections: why each ran, what it found, what it cost.\n"
        "--persist makes the settings survive a restart. freeze takes all objects of now out of "
        "collections.\n"
        "watch shows it live: what fills up towards the thresholds, rates, pauses, the last collections; q ends it. Where\n"
        "there is no terminal it is a line a tick, with --json a line of JSON. If heapd goes away it is waited for.\n",
    .run = run,
};
