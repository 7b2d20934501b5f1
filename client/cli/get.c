/*
 * get.c - heapctl get: show an object.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <stdio.h>
#include <string.h>

static int run(struct cli *cli, struct args *args)
{
    const char *depth = NULL;
    const struct flag flags[] = {{"depth", NULL, &depth}};
    const char *wrong = args_take_flags(args, flags, 1);
    char query[48] = "";
    uint64_t id;

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (args->count != 1 || !args_read_id(args->words[0], &id))
        return say_usage(cli, "the id of one object is wanted");
    if (depth != NULL) {
        if (depth[0] == '\0' || strlen(depth) > 9 || strspn(depth, "0123456789") != strlen(depth))
            return say_usage(cli, "--depth wants a number, not \"%s\"", depth);
        (void)snprintf(query, sizeof query, "?depth=%s", depth);
    }
    return fetch_and_show_new(cli, "GET", fetch_object_path(id, query), NULL, show_document);
}

const struct verb verb_get = {
    .name = "get",
    .usage = "ID [--depth N]",
    .about = "show an object",
    .help = "--depth N also shows what it links to, N links deep.\n",
    .run = run,
};
