/*
 * pools.c - heapctl pools: where the heap's memory is.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "pools wants no words");
    return fetch_and_show_new(cli, "GET", "/v1/heap/pools", NULL, show_members);
}

const struct verb verb_pools = {
    .name = "pools",
    .usage = "",
    .about = "show arenas, size classes, and what is used and free in them",
    .run = run,
};
