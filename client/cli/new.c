/*
 * new.c - heapctl new: create an object.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/fields.h"
#include "client/cli/say.h"
#include "client/cli/show.h"

/* {"class":..,"fields":..} or {"class":..,"items":..}, with "root" if it is to have one. Takes `parts`. */
static json_t *spec_new(const char *class_name, const char *kind, json_t *parts_new, const char *root)
{
    json_t *spec = json_pack("{s:s,s:o}", "class", class_name, kind, parts_new);

    if (spec != NULL && root != NULL && json_object_set_new(spec, "root", json_string(root)) != 0) {
        json_decref(spec);
        return NULL;
    }
    return spec;
}

static int read_items(const struct cli *cli, const char *text, const struct args *args, json_t **ret_items)
{
    json_t *items = fields_value(text);

    if (json_is_array(items) && args->count == 0) {
        *ret_items = items;
        return CLI_OK;
    }
    json_decref(items);
    return args->count > 0 ? say_usage(cli, "an object has fields or items, not both")
                           : say_usage(cli, "--items wants a JSON array, not \"%s\"", text);
}

static int run(struct cli *cli, struct args *args)
{
    const char *root = NULL, *items = NULL;
    const struct flag flags[] = {{"root", NULL, &root}, {"items", NULL, &items}};
    const char *wrong = args_take_flags(args, flags, 2);
    const char *class_name = args_shift(args);
    json_t *parts, *spec;
    int code;

    if (wrong != NULL || class_name == NULL)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "an object of which class?");
    code = items != NULL ? read_items(cli, items, args, &parts) : fields_read(cli, args, &parts);
    if (code != CLI_OK)
        return code;
    spec = spec_new(class_name, items != NULL ? "items" : "fields", parts, root);
    if (spec == NULL)
        return say_usage(cli, "the class and the root must be UTF-8");
    return fetch_and_show_new(cli, "POST", "/v1/objects", spec, show_document);
}

const struct verb verb_new = {
    .name = "new",
    .usage = "CLASS [FIELD=VALUE ...] [--items ARRAY] [--root NAME]",
    .about = "create an object",
    .help =
        FIELDS_HELP "--items ARRAY makes a list instead of a record.\n"
                    "--root NAME makes it a root; without it the session holds it, until `heapctl drop`.\n",
    .run = run,
};
