/*
 * why.c - heapctl why: the chains that keep an object alive, one a line.
 *
 *     root "cache" -> Cache @5 .next -> Queue @7 [1] -> Leaf @8
 *
 * Of a chain that nobody would read to its end the middle is left out; --json and --dot have all of it.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/json_text.h"
#include "client/cli/say.h"
#include <stdio.h>
#include <string.h>

#define SHOWN_LINKS 20 /* at either end of a chain */

static void add_text(struct text *out, json_t *string)
{
    if (json_is_string(string))
        say_safely(out, json_string_value(string), json_string_length(string));
}

/* "Node @7" */
static void add_object(struct text *out, json_t *object)
{
    add_text(out, json_object_get(object, "class"));
    text_add_string(out, " @");
    text_add_u64(out, (uint64_t)json_integer_value(json_object_get(object, "id")));
}

/* Could it stand behind a dot? */
static bool is_word(const char *name)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-$0123456789";

    return name[0] != '\0' && strspn(name, letters) == strlen(name);
}

/* Where it holds the next: " .left", " [2]", " ["odd name"]" */
static void add_part(struct text *out, json_t *holder)
{
    json_t *field = json_object_get(holder, "field"), *item = json_object_get(holder, "item");

    if (json_is_string(field) && is_word(json_string_value(field))) {
        text_add_string(out, " .");
        add_text(out, field);
    } else if (json_is_string(field)) {
        text_add_string(out, " [");
        json_text_value(out, field);
        text_add_byte(out, ']');
    } else {
        text_add_string(out, " [");
        text_add_u64(out, (uint64_t)json_integer_value(item));
        text_add_byte(out, ']');
    }
}

static void add_holder(struct text *out, json_t *holder)
{
    if (json_object_get(holder, "root") != NULL) {
        text_add_string(out, "root ");
        json_text_value(out, json_object_get(holder, "root"));
    } else if (json_object_get(holder, "session") != NULL) {
        text_add_string(out, "session ");
        text_add_u64(out, (uint64_t)json_integer_value(json_object_get(holder, "session")));
        text_add_byte(out, ' ');
        json_text_value(out, json_object_get(holder, "label"));
    } else if (json_object_get(holder, "batch") != NULL) {
        text_add_string(out, "an open batch");
    } else if (json_object_get(holder, "garbage") != NULL) {
        text_add_string(out, "the garbage list");
    } else {
        add_object(out, holder);
        add_part(out, holder);
    }
}

static void add_chain(struct text *out, json_t *chain, json_t *object)
{
    size_t count = json_array_size(chain);

    for (size_t i = 0; i < count; i++) {
        if (i == SHOWN_LINKS && count > 2 * SHOWN_LINKS) {
            text_printf(out, "... %zu more ... -> ", count - 2 * SHOWN_LINKS);
            i = count - SHOWN_LINKS;
        }
        add_holder(out, json_array_get(chain, i));
        text_add_string(out, " -> ");
    }
    add_object(out, object);
    text_add_byte(out, '\n');
}

static void add_unreached(struct text *out, json_t *answer)
{
    add_object(out, answer);
    text_add_string(out, ": ");
    add_text(out, json_object_get(answer, "unreached"));
    text_add_byte(out, '\n');
}

static int show_why(const struct cli *cli, json_t *answer)
{
    json_t *paths = json_object_get(answer, "paths");
    struct text out = {0};
    bool failed;

    for (size_t i = 0; i < json_array_size(paths); i++)
        add_chain(&out, json_array_get(paths, i), answer);
    if (json_array_size(paths) == 0)
        add_unreached(&out, answer);
    failed = out.failed;
    fputs(text_string(&out), stdout);
    text_fini(&out);
    if (json_is_true(json_object_get(answer, "changed")))
        say_note(cli, "the heap changed while this was read: some of it may be gone");
    return failed ? say_no_memory(cli) : CLI_OK;
}

static bool is_number(const char *word)
{
    return word[0] != '\0' && strlen(word) <= 9 && strspn(word, "0123456789") == strlen(word);
}

static int run(struct cli *cli, struct args *args)
{
    const char *paths = "1";
    bool dot = false;
    const struct flag flags[] = {{"paths", NULL, &paths}, {"dot", &dot, NULL}};
    const char *wrong = args_take_flags(args, flags, 2);
    char rest[64];
    uint64_t id;

    if (wrong != NULL)
        return say_usage(cli, "%s", wrong);
    if (args->count != 1 || !args_read_id(args->words[0], &id))
        return say_usage(cli, "the id of one object is wanted");
    if (!is_number(paths))
        return say_usage(cli, "--paths wants a number, not \"%s\"", paths);
    if (dot && cli->json)
        return say_usage(cli, "it is either --dot or --json");
    (void)snprintf(rest, sizeof rest, "/why?paths=%s%s", paths, dot ? "&format=dot" : "");
    cli->json |= dot; /* as it came */
    return fetch_and_show_new(cli, "GET", fetch_object_path(id, rest), NULL, show_why);
}

const struct verb verb_why = {
    .name = "why",
    .usage = "ID [--paths N] [--dot]",
    .about = "show what keeps an object alive: chains of holders, from outside",
    .help = "Each chain ends at another holder of the object; the shortest come first.\n"
            "--paths N shows up to N of them (1), --dot all of it as a graph: | dot -Tsvg\n",
    .run = run,
};
