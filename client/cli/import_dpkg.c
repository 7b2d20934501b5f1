/*
 * import_dpkg.c - the packages of a machine as a graph: real data with real cycles (libc6 and libgcc-s1).
 *
 * A "thing" is what becomes one record: a Package, a Virtual name that packages provide, a Missing one, or
 * Alternatives ("a | b"). Things are found first and kept as jansson objects
 *     {"class":C,"fields":{..},"lists":{"depends":[numbers of things]}}
 * so thing n becomes op n; then each list is made and set; last the index, a record of all packages by name.
 */
#include "client/cli/dpkg_status.h"
#include "client/cli/import.h"
#include "client/cli/json_text.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct graph {
    json_t *stanzas;
    json_t *things;
    json_t *by_name;      /* packages, virtual and missing: name, or name:arch, to number */
    json_t *packages;     /* the index: name to number */
    json_t *alternatives; /* "a | b" to number */
    uint64_t counts[4];   /* by class, in the order of class_names */
    uint64_t lists, links;
};

enum thing_class { PACKAGE, VIRTUAL, MISSING, ALTERNATIVES };

static const char *const class_names[] = {"Package", "Virtual", "Missing", "Alternatives"};
static const char *const total_names[] = {"packages", "virtual", "missing", "alternatives"};

static const struct {
    const char *key, *field;
} text_fields[] = {{"Package", "name"},  {"Version", "version"}, {"Architecture", "architecture"},
                   {"Status", "status"}, {"Section", "section"}, {"Priority", "priority"},
                   {"Source", "source"}},
  relations[] = {{"Depends", "depends"}, {"Pre-Depends", "pre_depends"}, {"Recommends", "recommends"}};

enum {
    TEXT_FIELDS = sizeof text_fields / sizeof text_fields[0],
    RELATIONS = sizeof relations / sizeof relations[0]
};

/* --- things --- */

/* A new thing with its fields taken; its number. */
static json_int_t add_thing_new(struct graph *g, enum thing_class class_, json_t *fields_new)
{
    json_array_append_new(
        g->things, json_pack("{s:s,s:o,s:{}}", "class", class_names[class_], "fields", fields_new, "lists"));
    g->counts[class_]++;
    return (json_int_t)json_array_size(g->things) - 1;
}

/* Put thing `member` into list `name` of thing `owner`. */
static void add_to_list(struct graph *g, json_int_t owner, const char *name, json_int_t member)
{
    json_t *lists = json_object_get(json_array_get(g->things, (size_t)owner), "lists");
    json_t *list = json_object_get(lists, name);

    if (list == NULL) {
        json_object_set_new(lists, name, json_array());
        list = json_object_get(lists, name);
        g->lists++;
    }
    json_array_append_new(list, json_integer(member));
    g->links++;
}

/* The thing that a relation of a package of `arch` means; made as `if_none` if nobody has the name. */
static json_int_t find_thing(struct graph *g, const struct dpkg_word *word, const char *arch,
                             enum thing_class if_none)
{
    char qualified[384];
    const char *asked = word->arch[0] != '\0' && strcmp(word->arch, "any") != 0 ? word->arch : arch;
    json_t *number;
    json_int_t n;

    (void)snprintf(qualified, sizeof qualified, "%s:%s", word->name, asked);
    number = json_object_get(g->by_name, qualified);
    if (number == NULL)
        number = json_object_get(g->by_name, word->name);
    if (number != NULL)
        return json_integer_value(number);
    n = add_thing_new(g, if_none, json_pack("{s:s}", "name", word->name));
    json_object_set_new(g->by_name, word->name, json_integer(n));
    return n;
}

/* --- packages --- */

static json_t *package_fields(json_t *stanza)
{
    json_t *fields = json_object();
    const char *size = json_string_value(json_object_get(stanza, "Installed-Size"));

    for (size_t i = 0; i < TEXT_FIELDS; i++) {
        json_t *value = json_object_get(stanza, text_fields[i].key);

        if (value != NULL)
            json_object_set(fields, text_fields[i].field, value);
    }
    if (size != NULL)
        json_object_set_new(fields, "installed_size", json_integer(strtoll(size, NULL, 10)));
    return fields;
}

/* The second package of one name, of another architecture, is known as name:arch only. */
static bool add_package(struct graph *g, json_t *stanza)
{
    const char *name = json_string_value(json_object_get(stanza, "Package"));
    const char *arch = json_string_value(json_object_get(stanza, "Architecture"));
    char qualified[384];
    json_int_t n;

    if (name == NULL || name[0] == '\0' || strlen(name) > 255)
        return false;
    (void)snprintf(qualified, sizeof qualified, "%.255s:%.64s", name, arch != NULL ? arch : "");
    n = add_thing_new(g, PACKAGE, package_fields(stanza));
    json_object_set_new(g->packages, json_object_get(g->packages, name) == NULL ? name : qualified,
                        json_integer(n));
    json_object_set_new(g->by_name, qualified, json_integer(n));
    if (json_object_get(g->by_name, name) == NULL)
        json_object_set_new(g->by_name, name, json_integer(n));
    return true;
}

static void add_provides(struct graph *g, json_int_t package, json_t *stanza)
{
    const char *at = json_string_value(json_object_get(stanza, "Provides"));
    const char *arch = json_string_value(json_object_get(stanza, "Architecture"));
    struct dpkg_word word;

    while (at != NULL && dpkg_relation_next(&at, &word)) {
        json_int_t n = find_thing(g, &word, arch != NULL ? arch : "", VIRTUAL);

        add_to_list(g, package, "provides", n);
        if (strcmp(json_string_value(json_object_get(json_array_get(g->things, (size_t)n), "class")),
                   class_names[VIRTUAL]) == 0)
            add_to_list(g, n, "providers", package);
    }
}

/* --- relations --- */

/* One thing for `choices`: itself if it is the only one, else the Alternatives of that text. */
static json_int_t choose_thing(struct graph *g, json_t *choices, const char *label)
{
    json_t *known = json_object_get(g->alternatives, label);
    json_int_t n;

    if (json_array_size(choices) == 1)
        return json_integer_value(json_array_get(choices, 0));
    if (known != NULL)
        return json_integer_value(known);
    n = add_thing_new(g, ALTERNATIVES, json_pack("{s:s}", "name", label));
    json_object_set_new(g->alternatives, label, json_integer(n));
    for (size_t i = 0; i < json_array_size(choices); i++)
        add_to_list(g, n, "choices", json_integer_value(json_array_get(choices, i)));
    return n;
}

static void end_group(struct graph *g, json_int_t package, const char *field, json_t *choices,
                      struct text *label)
{
    if (json_array_size(choices) > 0)
        add_to_list(g, package, field, choose_thing(g, choices, text_string(label)));
    json_array_clear(choices);
    text_clear(label);
}

static void add_relation(struct graph *g, json_int_t package, const char *field, const char *at,
                         const char *arch)
{
    json_t *choices = json_array();
    struct text label = {0};
    struct dpkg_word word;

    while (dpkg_relation_next(&at, &word)) {
        if (word.joint == DPKG_NEXT)
            end_group(g, package, field, choices, &label);
        text_printf(&label, "%s%s", label.length > 0 ? " | " : "", word.name);
        json_array_append_new(choices, json_integer(find_thing(g, &word, arch, MISSING)));
    }
    end_group(g, package, field, choices, &label);
    json_decref(choices);
    text_fini(&label);
}

static void add_relations(struct graph *g, json_int_t package, json_t *stanza)
{
    const char *arch = json_string_value(json_object_get(stanza, "Architecture"));

    for (size_t i = 0; i < RELATIONS; i++) {
        const char *text = json_string_value(json_object_get(stanza, relations[i].key));

        if (text != NULL)
            add_relation(g, package, relations[i].field, text, arch != NULL ? arch : "");
    }
}

/* NULL, or a sentence. */
static const char *build(struct graph *g)
{
    size_t count = json_array_size(g->stanzas);

    if (count == 0)
        return "there are no packages in it";
    for (size_t i = 0; i < count; i++)
        if (!add_package(g, json_array_get(g->stanzas, i)))
            return "a stanza has no Package, or one of over 255 bytes";
    for (size_t i = 0; i < count; i++)
        add_provides(g, (json_int_t)i, json_array_get(g->stanzas, i));
    for (size_t i = 0; i < count; i++)
        add_relations(g, (json_int_t)i, json_array_get(g->stanzas, i));
    return NULL;
}

/* --- writing --- */

static void write_thing(struct ops *o, json_t *thing)
{
    const char *class_name = json_string_value(json_object_get(thing, "class"));
    struct text fields = {0};

    json_text_value(&fields, json_object_get(thing, "fields"));
    ops_begin(o, "new");
    ops_text(o, class_name, strlen(class_name));
    ops_raw(o, text_string(&fields));
    ops_end(o);
    text_fini(&fields);
}

static void write_list(struct ops *o, uint64_t owner, const char *name, json_t *list)
{
    size_t count = json_array_size(list);
    uint64_t *members = calloc(count, sizeof *members);
    uint64_t op;

    if (members == NULL) {
        ops_fail(o);
        return;
    }
    for (size_t i = 0; i < count; i++)
        members[i] = (uint64_t)json_integer_value(json_array_get(list, i));
    op = import_write_list(o, members, count);
    ops_begin(o, "set");
    ops_at(o, owner);
    ops_text(o, name, strlen(name));
    ops_link(o, false, op);
    ops_end(o);
    free(members);
}

static void write_lists(struct import *im, const struct graph *g)
{
    size_t owner;
    json_t *thing, *list;
    const char *name;

    json_array_foreach(g->things, owner, thing) {
        json_object_foreach(json_object_get(thing, "lists"), name, list)
            write_list(&im->ops, owner, name, list);
        progress_at(&im->progress, owner);
    }
}

static void write_index(struct ops *o, const struct graph *g, const char *root)
{
    uint64_t index;
    const char *name;
    json_t *number;

    ops_begin(o, "new");
    ops_text(o, "Packages", strlen("Packages"));
    index = ops_end(o);
    json_object_foreach(g->packages, name, number) {
        ops_begin(o, "set");
        ops_at(o, index);
        ops_text(o, name, strlen(name));
        ops_link(o, false, (uint64_t)json_integer_value(number));
        ops_end(o);
    }
    ops_begin(o, "root");
    ops_text(o, root, strlen(root));
    ops_at(o, index);
    ops_end(o);
}

static int send(struct import *im, const struct graph *g, const char *root)
{
    size_t i;
    json_t *thing;
    int code = import_begin(im, "sending", json_array_size(g->things));

    if (code != CLI_OK)
        return code;
    json_array_foreach(g->things, i, thing)
        write_thing(&im->ops, thing);
    write_lists(im, g);
    write_index(&im->ops, g, root);
    return import_end(im);
}

static int print_totals(struct import *im, const struct graph *g)
{
    json_t *totals = json_object();

    for (size_t i = 0; i < sizeof total_names / sizeof total_names[0]; i++)
        json_object_set_new(totals, total_names[i], json_integer((json_int_t)g->counts[i]));
    json_object_set_new(totals, "lists", json_integer((json_int_t)g->lists));
    json_object_set_new(totals, "objects",
                        json_integer((json_int_t)(json_array_size(g->things) + g->lists + 1)));
    json_object_set_new(totals, "strong_links",
                        json_integer((json_int_t)(g->links + g->lists + json_object_size(g->packages))));
    return import_print_totals(im, totals);
}

static int read_and_build(struct import *im, const char *path, struct graph *g)
{
    struct source source;
    char sentence[256];
    const char *error;
    int code = import_open(im, path, &source);

    if (code != CLI_OK)
        return code;
    g->stanzas = dpkg_status_read(&source, sentence);
    source_close(&source);
    progress_end(&im->progress);
    error = g->stanzas == NULL ? sentence : build(g);
    return error == NULL ? CLI_OK : say_failed(im->cli, "%s: %s", path, error);
}

int import_dpkg(struct cli *cli, const char *path, const char *root)
{
    struct import im;
    struct graph g = {.things = json_array(),
                      .by_name = json_object(),
                      .packages = json_object(),
                      .alternatives = json_object()};
    int code;

    import_init(&im, cli);
    code = read_and_build(&im, path, &g);
    if (code == CLI_OK)
        code = send(&im, &g, root);
    if (code == CLI_OK)
        code = print_totals(&im, &g);
    json_decref(g.stanzas);
    json_decref(g.things);
    json_decref(g.by_name);
    json_decref(g.packages);
    json_decref(g.alternatives);
    return code;
}
