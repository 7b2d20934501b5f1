/*
 * retained.c - heapctl retained: what would go with an object.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include <stdio.h>

static json_int_t number_of(json_t *answer, const char *key)
{
    return json_integer_value(json_object_get(answer, key));
}

static int show_retained(const struct cli *cli, json_t *answer)
{
    json_int_t objects = number_of(answer, "objects");

    printf("@%" JSON_INTEGER_FORMAT " keeps %" JSON_INTEGER_FORMAT " object%s alive, itself included: %" JSON_INTEGER_FORMAT " bytes\n",
           number_of(answer, "id"), objects, objects == 1 ? "" : "s", number_of(answer, "bytes"));
    if (json_is_false(json_object_get(answer, "exact")))
        say_note(cli, "links changed while this was counted: it may be a little less, or more");
    return CLI_OK;
}

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    uint64_t id;

    if (wrong != NULL || args->count != 1 || !args_read_id(args->words[0], &id))
        return say_usage(cli, "%s", wrong != NULL ? wrong : "the id of one object is wanted");
    return fetch_and_show_new(cli, "GET", fetch_object_path(id, "/retained"), NULL, show_retained);
}

const struct verb verb_retained = {
    .name = "retained",
    .usage = "ID",
    .about = "show what would go with an object: how many objects, and their bytes",
    .run = run,
};
