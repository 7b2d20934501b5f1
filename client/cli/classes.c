/*
 * classes.c - heapctl classes: what the heap is full of.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <stdlib.h>

static int run(struct cli *cli, struct args *args)
{
    const char *sort = NULL, *since = NULL;
    const struct flag flags[] = {{"sort", NULL, &sort}, {"since", NULL, &since}};
    const char *wrong = args_take_flags(args, flags, 2);
    struct text query = {0};
    json_t *classes;
    char *path;
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "classes wants no words");
    text_printf(&query, "/v1/heap/classes?%s%s%s", since != NULL ? "since=" : "", since != NULL ? since : "",
                since != NULL ? "&sort=" : "sort=");
    path = query.failed ? NULL : heapd_path(text_string(&query), sort != NULL ? sort : since != NULL ? "growth" : "bytes");
    text_fini(&query);
    code = path != NULL ? fetch_all(cli, path, &classes) : say_no_memory(cli);
    free(path);
    if (code != CLI_OK)
        return code;
    code = cli->json ? fetch_print(cli, classes) : show_items(cli, classes, "The heap is empty.");
    json_decref(classes);
    return code;
}

const struct verb verb_classes = {
    .name = "classes",
    .usage = "[--sort bytes|count|name|growth] [--since SNAPSHOT]",
    .about = "show how many objects of each class there are, and their bytes; or what grew since a snapshot",
    .run = run,
};
