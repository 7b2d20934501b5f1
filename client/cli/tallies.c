/*
 * tallies.c - heapctl classes, heapctl sites: what the heap is full of, and where it was made.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <stdlib.h>

static int show_sorted(struct cli *cli, struct args *args, const char *route)
{
    const char *sort = NULL, *since = NULL;
    const struct flag flags[] = {{"sort", NULL, &sort}, {"since", NULL, &since}};
    const char *wrong = args_take_flags(args, flags, 2);
    struct text query = {0};
    json_t *rows;
    char *path;
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s%s", wrong != NULL ? wrong : cli->verb->name, wrong != NULL ? "" : " wants no words");
    text_printf(&query, "%s?%s%s%ssort=", route, since != NULL ? "since=" : "", since != NULL ? since : "", since != NULL ? "&" : "");
    path = query.failed ? NULL : heapd_path(text_string(&query), sort != NULL ? sort : since != NULL ? "growth" : "bytes");
    text_fini(&query);
    code = path != NULL ? fetch_all(cli, path, &rows) : say_no_memory(cli);
    free(path);
    if (code != CLI_OK)
        return code;
    code = cli->json ? fetch_print(cli, rows) : show_items(cli, rows, "The heap is empty.");
    json_decref(rows);
    return code;
}

static int run_classes(struct cli *cli, struct args *args)
{
    return show_sorted(cli, args, "/v1/heap/classes");
}

static int run_sites(struct cli *cli, struct args *args)
{
    return show_sorted(cli, args, "/v1/heap/sites");
}

const struct verb verb_classes = {
    .name = "classes",
    .usage = "[--sort bytes|count|growth|peak|name] [--since SNAPSHOT]",
    .about = "show how many objects of each class there are, their bytes, and what grew, of late or since a snapshot",
    .run = run_classes,
};

const struct verb verb_sites = {
    .name = "sites",
    .usage = "[--sort bytes|count|growth|peak|name] [--since SNAPSHOT]",
    .about = "show the same by site: where clients said, with Heapd-Site, that they made it",
    .run = run_sites,
};
