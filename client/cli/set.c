/*
 * set.c - heapctl set: change fields of a record or items of a list, all or none.
 *
 * A batch, not a PATCH: there null would remove the field, and lists have no PATCH.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/fields.h"
#include "client/cli/say.h"
#include "client/cli/show.h"

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    const char *word = args_shift(args);
    json_t *ops;
    uint64_t id;
    int code;

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (word == NULL || !args_read_id(word, &id) || args->count == 0)
        return say_usage(cli, "the id of an object and fields to set are wanted");
    code = fields_read_sets(cli, id, args, &ops);
    return code == CLI_OK ? fetch_change_new(cli, id, ops, show_document) : code;
}

const struct verb verb_set = {
    .name = "set",
    .usage = "ID FIELD=VALUE ...",
    .about = "set fields of an object, all or none",
    .help = FIELDS_HELP "[3]=VALUE sets item 3 of a list. If one is refused, none is set.\n",
    .run = run,
};
