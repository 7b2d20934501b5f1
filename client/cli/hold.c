/*
 * hold.c - heapctl hold: keep an object alive for as long as the session lasts.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include <stdio.h>

static int show(const struct cli *cli, json_t *answer)
{
    (void)cli;
    printf("held, refs %" JSON_INTEGER_FORMAT "\n", json_integer_value(json_object_get(answer, "refs")));
    return CLI_OK;
}

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    uint64_t id;

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (args->count != 1 || !args_read_id(args->words[0], &id))
        return say_usage(cli, "the id of one object is wanted");
    return fetch_and_show_new(cli, "PUT", fetch_object_path(id, "/hold"), NULL, show);
}

const struct verb verb_hold = {
    .name = "hold",
    .usage = "ID",
    .about = "keep an object alive until it is dropped or the session ends",
    .run = run,
};
