/*
 * collect.c - heapctl collect: find and free what nothing reaches, now.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <string.h>

static int run(struct cli *cli, struct args *args)
{
    bool dry = false;
    const struct flag flags[] = {{"dry-run", &dry, NULL}};
    const char *wrong = args_take_flags(args, flags, 1);
    const char *word = args_shift(args);
    json_t *body;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "too many words");
    if (word != NULL && (strlen(word) != 1 || word[0] < '0' || word[0] > '2'))
        return say_usage(cli, "a generation is 0, 1 or 2, not \"%s\"", word);
    body = json_pack("{s:i}", "generation", word != NULL ? word[0] - '0' : 2);
    if (dry)
        json_object_set_new(body, "dry_run", json_true());
    return fetch_and_show_new(cli, "POST", "/v1/gc/collect", body, show_members);
}

const struct verb verb_collect = {
    .name = "collect",
    .usage = "[GENERATION] [--dry-run]",
    .about = "collect a generation and all younger ones; 2, all, by default",
    .help = "--dry-run only says what would go, by class.\n",
    .run = run,
};
