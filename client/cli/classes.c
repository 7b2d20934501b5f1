/*
 * classes.c - heapctl classes: what the heap is full of.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"

static int run(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    json_t *classes;
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "classes wants no words");
    code = fetch_all(cli, "/v1/heap/classes", &classes);
    if (code != CLI_OK)
        return code;
    code = cli->json ? fetch_print(cli, classes) : show_items(cli, classes, "The heap is empty.");
    json_decref(classes);
    return code;
}

const struct verb verb_classes = {
    .name = "classes",
    .usage = "",
    .about = "show how many objects of each class there are, and their bytes",
    .run = run,
};
