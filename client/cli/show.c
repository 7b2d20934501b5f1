/*
 * show.c - see show.h.
 */
#include "client/cli/show.h"
#include "client/cli/json_text.h"
#include "client/cli/say.h"
#include "client/cli/table.h"
#include <string.h>

/* --- values --- */

static bool add_link(struct text *out, json_t *value)
{
    json_t *strong = json_object_get(value, "$ref");
    json_t *weak = json_object_get(value, "$weak");
    json_t *target = json_object_get(value, "$doc");

    if (strong == NULL && weak == NULL)
        return false;
    text_add_string(out, strong != NULL ? "@" : "weak @");
    json_text_value(out, strong != NULL ? strong : weak);
    if (target != NULL)
        text_printf(out, " (%s)", json_string_value(json_object_get(target, "class")));
    return true;
}

/* "count 5, p50 3": the members of a small object in one cell. */
static void add_inline(struct text *out, json_t *value)
{
    const char *key;
    const char *comma = "";
    json_t *member;

    if (json_is_array(value)) {
        for (size_t i = 0; i < json_array_size(value); i++, comma = ", ") {
            text_add_string(out, comma);
            show_value(out, json_array_get(value, i));
        }
        return;
    }
    json_object_foreach(value, key, member) {
        text_printf(out, "%s%s ", comma, key);
        show_value(out, member);
        comma = ", ";
    }
}

void show_value(struct text *out, json_t *value)
{
    if (json_is_array(value) || (json_is_object(value) && !add_link(out, value)))
        add_inline(out, value);
    else if (!json_is_object(value))
        json_text_value(out, value);
}

static void value_cell(struct table *t, json_t *value)
{
    struct text cell = {0};

    if (json_is_string(value))
        text_add_string(&cell, json_string_value(value));
    else if (value != NULL)
        show_value(&cell, value);
    table_cell(t, text_string(&cell));
    text_fini(&cell);
}

static int print_and_free(const struct cli *cli, struct table *t)
{
    bool ok = table_print(t, stdout, cli->colour_out);

    table_fini(t);
    return ok ? CLI_OK : say_no_memory(cli);
}

/* --- object documents --- */

static void print_heading(const struct cli *cli, json_t *document)
{
    static const struct {
        const char *key, *before, *after;
    } facts[] = {{"generation", "generation ", ""},
                 {"refs", "refs ", ""},
                 {"weak_refs", "weak refs ", ""},
                 {"bytes", "", " bytes"},
                 {"length", "length ", ""}};
    struct text line = {0};

    if (cli->colour_out)
        fputs(STYLE_BOLD, stdout);
    if (json_is_string(json_object_get(document, "class")))
        say_safely(&line, json_string_value(json_object_get(document, "class")),
                   json_string_length(json_object_get(document, "class")));
    printf("%s @%" JSON_INTEGER_FORMAT "%s", text_string(&line),
           json_integer_value(json_object_get(document, "id")), cli->colour_out ? STYLE_END : "");
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        json_t *number = json_object_get(document, facts[i].key);

        if (json_is_integer(number))
            printf("%s%s%" JSON_INTEGER_FORMAT "%s", i == 0 ? "  " : ", ", facts[i].before,
                   json_integer_value(number), facts[i].after);
    }
    puts(json_is_true(json_object_get(document, "frozen")) ? ", frozen" : "");
    text_fini(&line);
}

static void part_rows(struct table *t, json_t *document)
{
    json_t *items = json_object_get(document, "items");
    const char *name;
    json_t *value;

    table_cell(t, items != NULL ? "ITEM" : "FIELD");
    table_cell(t, "VALUE");
    for (size_t i = 0; i < json_array_size(items); i++) {
        struct text cell = {0};

        table_cell_number(t, i);
        show_value(&cell, json_array_get(items, i));
        table_cell(t, text_string(&cell));
        text_fini(&cell);
    }
    json_object_foreach(json_object_get(document, "fields"), name, value) {
        struct text cell = {0};

        table_cell(t, name[0] == '$' ? name + 1 : name); /* documents put an extra $ there */
        show_value(&cell, value);
        table_cell(t, text_string(&cell));
        text_fini(&cell);
    }
}

static int show_linked_documents(const struct cli *cli, json_t *document)
{
    json_t *items = json_object_get(document, "items");
    const char *name;
    json_t *value;
    int code = CLI_OK;

    for (size_t i = 0; i < json_array_size(items) && code == CLI_OK; i++)
        if ((value = json_object_get(json_array_get(items, i), "$doc")) != NULL)
            code = putchar('\n') == EOF ? CLI_FAILED : show_document(cli, value);
    json_object_foreach(json_object_get(document, "fields"), name, value) {
        json_t *target = json_object_get(value, "$doc");

        if (target != NULL && code == CLI_OK)
            code = putchar('\n') == EOF ? CLI_FAILED : show_document(cli, target);
    }
    return code;
}

int show_document(const struct cli *cli, json_t *document)
{
    struct table t;
    int code = CLI_OK;

    print_heading(cli, document);
    table_init(&t, 2);
    part_rows(&t, document);
    if (t.cell_count > 2)
        code = print_and_free(cli, &t);
    else
        table_fini(&t);
    if (json_is_true(json_object_get(document, "more")))
        puts("... and more than is shown here");
    return code == CLI_OK ? show_linked_documents(cli, document) : code;
}

/* --- any other answer --- */

/* The keys of all items, in the order in which they first appear. */
static json_t *keys_of(json_t *items)
{
    json_t *keys = json_object();
    const char *key;
    json_t *value;

    for (size_t i = 0; i < json_array_size(items); i++)
        json_object_foreach(json_array_get(items, i), key, value)
            json_object_set(keys, key, json_null());
    return keys;
}

static void heading_cell(struct table *t, const char *key)
{
    struct text upper = {0};

    text_add_string(&upper, strcmp(key, "$ref") == 0 ? "object" : key);
    for (size_t i = 0; i < upper.length; i++)
        if (upper.data[i] >= 'a' && upper.data[i] <= 'z')
            upper.data[i] = (char)(upper.data[i] - 'a' + 'A');
    table_cell(t, text_string(&upper));
    text_fini(&upper);
}

/* `is_numbered`: a first column counts the rows from 0. */
static int print_rows(const struct cli *cli, json_t *items, bool is_numbered)
{
    json_t *keys = keys_of(items);
    const char *key;
    json_t *unused;
    struct table t;

    table_init(&t, json_object_size(keys) + is_numbered);
    if (is_numbered)
        table_cell(&t, "#");
    json_object_foreach(keys, key, unused)
        heading_cell(&t, key);
    for (size_t i = 0; i < json_array_size(items); i++) {
        if (is_numbered)
            table_cell_number(&t, i);
        json_object_foreach(keys, key, unused)
            value_cell(&t, json_object_get(json_array_get(items, i), key));
    }
    json_decref(keys);
    return print_and_free(cli, &t);
}

static bool is_rows(json_t *value)
{
    return json_array_size(value) > 0 && json_is_object(json_array_get(value, 0));
}

/* An object of objects: a table whose first column is the name of each. */
static bool is_named_rows(json_t *value)
{
    const char *key;
    json_t *member;

    json_object_foreach(value, key, member) {
        if (!json_is_object(member))
            return false;
    }
    return json_object_size(value) > 0;
}

static json_t *rows_of_named(json_t *object)
{
    json_t *rows = json_array(), *member;
    const char *key;

    json_object_foreach(object, key, member) {
        json_t *row = json_pack("{ss}", "name", key);

        json_object_update(row, member);
        json_array_append_new(rows, row);
    }
    return rows;
}

static int print_table_of(const struct cli *cli, json_t *value)
{
    json_t *rows;
    int code;

    if (is_rows(value))
        return print_rows(cli, value, true);
    rows = rows_of_named(value);
    code = print_rows(cli, rows, false);
    json_decref(rows);
    return code;
}

int show_items(const struct cli *cli, json_t *page, const char *none)
{
    json_t *items = json_object_get(page, "items");

    if (json_array_size(items) == 0)
        return puts(none) == EOF ? CLI_FAILED : CLI_OK;
    return print_rows(cli, items, false);
}

int show_members(const struct cli *cli, json_t *answer)
{
    const char *key;
    json_t *value;
    struct table t;
    int code;

    table_init(&t, 2);
    table_cell(&t, "NAME");
    table_cell(&t, "VALUE");
    json_object_foreach(answer, key, value) {
        if (is_rows(value) || is_named_rows(value))
            continue;
        table_cell(&t, key);
        value_cell(&t, value);
    }
    code = print_and_free(cli, &t);
    json_object_foreach(answer, key, value) {
        if (!(is_rows(value) || is_named_rows(value)) || code != CLI_OK)
            continue;
        printf("\n%s\n", key);
        code = print_table_of(cli, value);
    }
    return code;
}
