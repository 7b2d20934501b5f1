/*
 * import.c - heapctl import: a batch file, a V8 heap snapshot, or the packages of a Debian machine.
 */
#include "client/cli/import.h"
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include <string.h>

enum { LIST_PART = 1000, ROOT_BYTES_MAX = 240 }; /* "/unreached" goes behind the name of a root */

void import_init(struct import *im, struct cli *cli)
{
    *im = (struct import){.cli = cli, .started = progress_clock()};
}

static void note_refill(void *arg, const struct source *s)
{
    progress_at(arg, source_disk_offset(s));
}

int import_open(struct import *im, const char *path, struct source *ret_source)
{
    const char *error = source_open(path, ret_source);

    if (error != NULL)
        return say_failed(im->cli, "cannot open %s: %s", path, error);
    progress_begin(&im->progress, im->cli, "reading", ret_source->size_bytes);
    ret_source->on_refill = note_refill;
    ret_source->on_refill_arg = &im->progress;
    return CLI_OK;
}

static bool put_line(void *arg, const char *line, size_t length)
{
    return heapd_batch_put(arg, line, length) == HEAPD_OK;
}

int import_begin(struct import *im, const char *what, uint64_t total)
{
    struct heapd_problem p;

    progress_end(&im->progress);
    /* with answers: should an op fail, a summary alone would not say why */
    if (heapd_batch_open(im->cli->heapd, 0, NULL, NULL, &im->batch, &p) != HEAPD_OK)
        return say_problem(im->cli, &p);
    ops_init(&im->ops, put_line, im->batch);
    progress_begin(&im->progress, im->cli, what, total);
    return CLI_OK;
}

int import_end(struct import *im)
{
    struct heapd_problem p;
    bool no_memory = im->ops.no_memory;
    enum heapd_result r = HEAPD_OK;

    if (no_memory)
        heapd_batch_abandon(&im->batch);
    else
        r = heapd_batch_end(&im->batch, NULL, &p);
    progress_end(&im->progress);
    ops_fini(&im->ops);
    if (no_memory)
        return say_no_memory(im->cli);
    return r == HEAPD_OK ? CLI_OK : say_problem(im->cli, &p);
}

void import_abandon(struct import *im)
{
    heapd_batch_abandon(&im->batch);
    progress_end(&im->progress);
    ops_fini(&im->ops);
}

uint64_t import_write_list(struct ops *o, const uint64_t *members, size_t count)
{
    size_t first = count < LIST_PART ? count : LIST_PART;
    uint64_t list;

    ops_begin(o, "list");
    ops_open(o, '[');
    for (size_t i = 0; i < first; i++)
        ops_link(o, false, members[i]);
    ops_close(o, ']');
    list = ops_end(o);
    for (size_t i = first; i < count && ops_ok(o); i++) {
        ops_begin(o, "push");
        ops_at(o, list);
        ops_link(o, false, members[i]);
        ops_end(o);
    }
    return list;
}

int import_print_totals(struct import *im, json_t *totals_new)
{
    double seconds = (double)(int64_t)((progress_clock() - im->started) * 1e3) / 1e3;
    int code;

    if (json_object_set_new(totals_new, "ops", json_integer((json_int_t)im->ops.count)) != 0 ||
        json_object_set_new(totals_new, "batches", json_integer(1)) != 0 ||
        json_object_set_new(totals_new, "seconds", json_real(seconds)) != 0)
        code = say_no_memory(im->cli);
    else
        code = im->cli->json ? fetch_print(im->cli, totals_new) : show_members(im->cli, totals_new);
    json_decref(totals_new);
    return code;
}

static bool ends_in(const char *path, const char *suffix)
{
    size_t length = strlen(path), n = strlen(suffix);

    return length >= n && strcmp(path + length - n, suffix) == 0;
}

static bool is_snapshot(const char *path)
{
    return ends_in(path, ".heapsnapshot") || ends_in(path, ".heapsnapshot.gz");
}

static int run(struct cli *cli, struct args *args)
{
    const char *root = NULL, *dpkg = NULL;
    const struct flag flags[] = {{"root", NULL, &root}, {"dpkg", NULL, &dpkg}};
    const char *wrong = args_take_flags(args, flags, 2);
    const char *file = dpkg != NULL ? dpkg : args_shift(args);

    if (wrong != NULL || args->count > 0 || file == NULL)
        return say_usage(cli, "%s", wrong != NULL ? wrong : file == NULL ? "which file?" : "too many words");
    if (dpkg == NULL && !is_snapshot(file))
        return root == NULL ? import_batch(cli, file) : say_usage(cli, "a batch file sets its own roots");
    if (root == NULL || root[0] == '\0' || strlen(root) > ROOT_BYTES_MAX)
        return say_usage(cli, "--root NAME must say (in 1 to %d bytes) what is to keep it alive",
                         ROOT_BYTES_MAX);
    return dpkg != NULL ? import_dpkg(cli, dpkg, root) : import_snapshot(cli, file, root);
}

const struct verb verb_import = {
    .name = "import",
    .usage = "FILE | FILE.heapsnapshot[.gz] --root NAME | --dpkg FILE --root NAME",
    .about = "bring in an export, a V8 heap snapshot, or a package graph",
    .help = "FILE is what `heapctl export` wrote, or any batch: one op a line. \"-\" is stdin; gzip is "
            "unpacked.\n"
            "\n"
            "FILE.heapsnapshot, as Chrome and Node write them: every node becomes one object of a class with "
            "the\n"
            "node's name (V8's type if that is empty), every weak edge a weak link and every other edge a "
            "strong\n"
            "one, with the edge's name or index as field; a second \"x\" of one node becomes \"x#2\". Kept "
            "of the node:\n"
            "self_size, v8_type, v8_id, and v8_NAME of any other field that is not 0. Names over 255 bytes "
            "are cut\n"
            "and end in ~HASH; v8_name then keeps the node's whole name. Root NAME is the first node; what "
            "no strong\n"
            "edges lead to from there is kept by a list, root NAME/unreached. Types of edges, allocation "
            "traces and\n"
            "source positions are not taken.\n"
            "\n"
            "--dpkg /var/lib/dpkg/status: one Package for each package, with lists depends, pre_depends, "
            "recommends\n"
            "and provides; \"a | b\" becomes Alternatives, a name that others provide Virtual, one that is "
            "not there\n"
            "Missing. Root NAME is a record of all packages by name. Versions in relations are not taken.\n"
            "\n"
            "Exit status 0 only if all is in. A failed import leaves nothing behind, unless a batch file "
            "sets roots\n"
            "before its end.\n",
    .run = run,
};
