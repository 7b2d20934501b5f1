/*
 * unset.c - heapctl unset: remove fields of a record, all or none.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/fields.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <string.h>

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    const char *word = args_shift(args);
    json_t *ops;
    uint64_t id;

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (word == NULL || !args_read_id(word, &id) || args->count == 0)
        return say_usage(cli, "the id of an object and names of fields are wanted");
    ops = json_array();
    for (int i = 0; i < args->count; i++) {
        json_t *key = fields_key(args->words[i], strlen(args->words[i]));

        if (json_array_append_new(ops, json_pack("[s,I,o]", "unset", (json_int_t)id, key)) != 0) {
            json_decref(ops);
            return say_usage(cli, "\"%s\" is not UTF-8", args->words[i]);
        }
    }
    return fetch_change_new(cli, id, ops, show_document);
}

const struct verb verb_unset = {
    .name = "unset",
    .usage = "ID FIELD ...",
    .about = "remove fields of an object, all or none",
    .help = "What only they reached dies. If one is refused, none is removed.\n",
    .run = run,
};
