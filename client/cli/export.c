/*
 * export.c - heapctl export: the whole heap as a batch.
 *
 * First every object is made, then the links to objects that came later, then what keeps them: roots, weak
 * names, holds. So the file, replayed as one batch, needs nothing but itself, and cycles are no trouble.
 */
#include "client/cli/args.h"
#include "client/cli/export_object.h"
#include "client/cli/fetch.h"
#include "client/cli/progress.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <errno.h>
#include <inttypes.h>
#include <string.h>

struct export_run {
    struct export x;
    struct progress progress;
    FILE *out;
    json_t *keepers; /* ops ["root",NAME,ID], ["weak",NAME,ID], ["hold",ID] */
    uint64_t roots, weak_names, holds;
    bool takes_holds;
};

static bool put_line(void *arg, const char *line, size_t length)
{
    return fwrite(line, 1, length, arg) == length;
}

/* --- what keeps objects --- */

static int add_keeper_new(struct export_run *run, json_t *op_new)
{
    return json_array_append_new(run->keepers, op_new) == 0 ? CLI_OK : say_no_memory(run->x.cli);
}

static int take_root(void *arg, json_t *item)
{
    struct export_run *run = arg;

    run->roots++;
    return add_keeper_new(
        run, json_pack("[s,O,O]", "root", json_object_get(item, "name"), json_object_get(item, "$ref")));
}

static int take_weak_name(void *arg, json_t *item)
{
    struct export_run *run = arg;

    if (!json_is_integer(json_object_get(item, "$ref"))) /* its object is dead */
        return CLI_OK;
    run->weak_names++;
    return add_keeper_new(
        run, json_pack("[s,O,O]", "weak", json_object_get(item, "name"), json_object_get(item, "$ref")));
}

static int take_hold(void *arg, json_t *document)
{
    struct export_run *run = arg;

    run->holds++;
    return add_keeper_new(run, json_pack("[s,O]", "hold", json_object_get(document, "id")));
}

static int take_session(void *arg, json_t *session)
{
    struct export_run *run = arg;
    char path[64];

    if (json_integer_value(json_object_get(session, "holds")) == 0)
        return CLI_OK;
    (void)snprintf(path, sizeof path, "/v1/sessions/%" JSON_INTEGER_FORMAT "/holds",
                   json_integer_value(json_object_get(session, "id")));
    return fetch_pages(run->x.cli, path, take_hold, run);
}

static int take_keepers(struct export_run *run)
{
    struct cli *cli = run->x.cli;
    int code = fetch_pages(cli, "/v1/roots", take_root, run);

    if (code == CLI_OK)
        code = fetch_pages(cli, "/v1/weak", take_weak_name, run);
    if (code == CLI_OK && run->takes_holds)
        code = fetch_pages(cli, "/v1/sessions", take_session, run);
    return code;
}

/* The id an op is about, its last word. */
static uint64_t keeper_id(json_t *op)
{
    return (uint64_t)json_integer_value(json_array_get(op, json_array_size(op) - 1));
}

/* Make sure that what they keep is written before the last links are. */
static int find_kept(struct export_run *run)
{
    size_t i;
    json_t *op;
    uint64_t unused;
    bool gone;
    int code = CLI_OK;

    json_array_foreach(run->keepers, i, op)
        if (code == CLI_OK)
            code = export_op_of(&run->x, keeper_id(op), &unused, &gone);
    return code;
}

static void write_keepers(struct export_run *run)
{
    struct ops *o = &run->x.ops;
    size_t i;
    json_t *op;
    uint64_t made;

    json_array_foreach(run->keepers, i, op) {
        json_t *name = json_array_size(op) == 3 ? json_array_get(op, 1) : NULL;

        if (!idmap_get(&run->x.op_of, keeper_id(op), &made))
            continue; /* dead by now */
        ops_begin(o, json_string_value(json_array_get(op, 0)));
        if (name != NULL)
            ops_text(o, json_string_value(name), json_string_length(name));
        ops_at(o, made);
        ops_end(o);
    }
}

/* --- all of it --- */

static int take_object(void *arg, json_t *document)
{
    struct export_run *run = arg;

    progress_at(&run->progress, run->x.objects);
    return export_object(&run->x, document);
}

static uint64_t count_objects(struct cli *cli)
{
    json_t *heap;
    uint64_t count;

    if (fetch_json_new(cli, "GET", "/v1/heap", NULL, &heap) != CLI_OK)
        return 0;
    count = (uint64_t)json_integer_value(json_object_get(heap, "objects"));
    json_decref(heap);
    return count;
}

static int write_heap(struct export_run *run)
{
    int code = take_keepers(run);

    if (code != CLI_OK)
        return code;
    progress_begin(&run->progress, run->x.cli, "exporting", count_objects(run->x.cli));
    code = fetch_pages(run->x.cli, "/v1/objects", take_object, run);
    if (code == CLI_OK)
        code = find_kept(run);
    if (code == CLI_OK)
        code = export_waiting_links(&run->x);
    if (code == CLI_OK)
        write_keepers(run);
    progress_end(&run->progress);
    return code;
}

static int finish_file(struct export_run *run, int code, const char *path)
{
    bool written = fflush(run->out) == 0 && !run->x.ops.refused;
    int error = errno;

    if (run->out != stdout && fclose(run->out) != 0)
        written = false;
    if (code == CLI_OK && run->x.ops.no_memory)
        code = say_no_memory(run->x.cli);
    if (code == CLI_OK && !written)
        code = say_failed(run->x.cli, "cannot write %s: %s", path, strerror(error));
    if (code != CLI_OK)
        say_note(run->x.cli, "what was written is incomplete");
    return code;
}

static int print_totals(struct export_run *run, bool to_stdout)
{
    struct export *x = &run->x;
    json_t *totals;
    int code;

    if (run->holds > 0)
        say_note(x->cli, "%" PRIu64 " objects held by sessions will be held by the session that imports them",
                 run->holds);
    if (x->special > 0)
        say_note(x->cli,
                 "%" PRIu64 " lines are more than a batch can say: only `heapctl import` takes this file",
                 x->special);
    if (!to_stdout)
        return CLI_OK;
    totals = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "objects", (json_int_t)x->objects, "strong_links",
                       (json_int_t)x->strong_links, "weak_links", (json_int_t)x->weak_links, "roots",
                       (json_int_t)run->roots, "weak_names", (json_int_t)run->weak_names, "holds",
                       (json_int_t)run->holds, "ops", (json_int_t)x->ops.count);
    code = x->cli->json ? fetch_print(x->cli, totals) : show_members(x->cli, totals);
    json_decref(totals);
    return code;
}

static int export_to(struct cli *cli, const char *path, bool takes_holds)
{
    bool is_stdout = strcmp(path, "-") == 0;
    struct export_run run = {.takes_holds = takes_holds, .keepers = json_array()};
    int code;

    run.out = is_stdout ? stdout : fopen(path, "we");
    if (run.out == NULL) {
        json_decref(run.keepers);
        return say_failed(cli, "cannot write %s: %s", path, strerror(errno));
    }
    export_init(&run.x, cli, put_line, run.out);
    code = finish_file(&run, write_heap(&run), path);
    if (code == CLI_OK)
        code = print_totals(&run, !is_stdout);
    export_fini(&run.x);
    json_decref(run.keepers);
    return code;
}

static int run_export(struct cli *cli, struct args *args)
{
    bool no_holds = false;
    const struct flag flags[] = {{"no-holds", &no_holds, NULL}};
    const char *wrong = args_take_flags(args, flags, 1);
    const char *path = args_shift(args);

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "too many words");
    return export_to(cli, path != NULL ? path : "-", !no_holds);
}

const struct verb verb_export = {
    .name = "export",
    .usage = "[FILE|-] [--no-holds]",
    .about = "write the whole heap as a batch that makes an equal one",
    .help =
        "`heapctl import FILE` replays it: same classes, contents, links, weak links, roots and weak names; "
        "new\n"
        "ids. What sessions hold is held by the session that imports; --no-holds leaves those holds out.\n"
        "Generations and freezing are not kept. Objects that die or change meanwhile may or may not be in "
        "it.\n"
        "\n"
        "The file is a batch for `heapctl batch` and curl too, unless the heap has lists or bytes of a class "
        "of\n"
        "their own, or single values of over 60 KiB. For those it has lines that only import understands:\n"
        "  [\"list\",[..],CLASS]   [\"bytes\",\"BASE64\",CLASS]   and lines over 64 KiB\n",
    .run = run_export,
};
