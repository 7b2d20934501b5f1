/*
 * drop.c - heapctl drop: let go of an object the session holds; Python's `del x`.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include <stdio.h>

static int show(const struct cli *cli, json_t *answer)
{
    json_t *refs = json_object_get(answer, "refs");

    (void)cli;
    if (!json_is_true(json_object_get(answer, "alive")))
        puts("gone");
    else
        printf("alive, refs %" JSON_INTEGER_FORMAT "\n", json_integer_value(refs));
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
    return fetch_and_show_new(cli, "DELETE", fetch_object_path(id, "/hold"), NULL, show);
}

const struct verb verb_drop = {
    .name = "drop",
    .usage = "ID",
    .about = "let go of an object that the session holds",
    .help = "It dies if nothing else reaches it. The opposite of hold, and Python's del.\n",
    .run = run,
};
