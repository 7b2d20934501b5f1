/*
 * root.c - heapctl root: list, show, set and delete named roots.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include "client/text.h"
#include <stdlib.h>

static int show_link(const struct cli *cli, json_t *answer)
{
    struct text line = {0};

    (void)cli;
    show_value(&line, answer);
    puts(text_string(&line));
    text_fini(&line);
    return CLI_OK;
}

static int show_nothing(const struct cli *cli, json_t *answer)
{
    (void)cli;
    (void)answer;
    return CLI_OK;
}

static int list(struct cli *cli)
{
    json_t *roots;
    int code = fetch_all(cli, "/v1/roots", &roots);

    if (code != CLI_OK)
        return code;
    code = cli->json ? fetch_print(cli, roots) : show_items(cli, roots, "There are no roots.");
    json_decref(roots);
    return code;
}

static int call(struct cli *cli, const char *method, const char *name, json_t *body_new, fetch_show_fn *show)
{
    char *path = heapd_path("/v1/roots/", name);
    int code;

    if (path == NULL) {
        json_decref(body_new);
        return say_no_memory(cli);
    }
    code = fetch_and_show_new(cli, method, path, body_new, show);
    free(path);
    return code;
}

static int run(struct cli *cli, struct args *args)
{
    const char *gone = NULL;
    const struct flag flags[] = {{"delete", NULL, &gone}};
    const char *wrong = args_take_flags(args, flags, 1);
    uint64_t id;

    if (wrong != NULL || args->count > (gone != NULL ? 0 : 2))
        return say_usage(cli, "%s", wrong != NULL ? wrong : "too many words");
    if (gone != NULL)
        return call(cli, "DELETE", gone, NULL, show_nothing);
    if (args->count == 0)
        return list(cli);
    if (args->count == 1)
        return call(cli, "GET", args->words[0], NULL, show_link);
    if (!args_read_id(args->words[1], &id))
        return say_usage(cli, "\"%s\" is not the id of an object", args->words[1]);
    return call(cli, "PUT", args->words[0], json_pack("{s:I}", "$ref", (json_int_t)id), show_nothing);
}

const struct verb verb_root = {
    .name = "root",
    .usage = "[NAME [ID]] | --delete NAME",
    .about = "list, show, set or delete named roots",
    .help = "Without words it lists all roots. A root keeps its object, and all that it reaches, alive.\n",
    .run = run,
};
