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
    const char *sort = "bytes";
    const struct flag flags[] = {{"sort", NULL, &sort}};
    const char *wrong = args_take_flags(args, flags, 1);
    json_t *classes;
    char *path;
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "classes wants no words");
    path = heapd_path("/v1/heap/classes?sort=", sort);
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
    .usage = "[--sort bytes|count|name]",
    .about = "show how many objects of each class there are, and their bytes",
    .run = run,
};
