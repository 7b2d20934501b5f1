/*
 * suspects.c - heapctl suspects: what only grows, or who is to blame in a snapshot.
 */
#include "api/wire.h"
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <stdio.h>

static void print_line(const char *before, json_t *string)
{
    struct text line = {0};

    say_safely(&line, json_string_value(string), json_string_length(string));
    printf("%s%s\n", before, text_string(&line));
    text_fini(&line);
}

/* Why there is nothing to tell. */
static void print_none(json_t *answer)
{
    json_int_t windows = json_integer_value(json_object_get(answer, "windows"));
    json_int_t needed = json_integer_value(json_object_get(answer, "windows_needed"));
    double window_s = json_number_value(json_object_get(answer, "window_s"));

    if (json_object_get(answer, "watching") == NULL)
        puts("Nobody is to blame for much of it.");
    else if (!json_is_true(json_object_get(answer, "watching")))
        puts("Nobody watches: suspects_enabled is false.");
    else if (windows < needed)
        printf("Too early to tell: %" JSON_INTEGER_FORMAT " of %" JSON_INTEGER_FORMAT " windows of %g s have passed.\n", windows,
               needed, window_s);
    else
        puts("Nothing only grows.");
}

static int show(const struct cli *cli, json_t *answer)
{
    json_t *items = json_object_get(answer, "items"), *item, *line;
    size_t i, k;

    (void)cli;
    if (json_array_size(items) == 0)
        print_none(answer);
    json_array_foreach(items, i, item) {
        if (i > 0)
            putchar('\n');
        print_line("", json_object_get(item, "sentence"));
        json_array_foreach(json_object_get(item, "more"), k, line)
            print_line("    ", line);
    }
    if (json_is_integer(json_object_get(answer, "next")))
        puts("\nThere are more, which grow less (/v1/heap/suspects?cursor=).");
    return CLI_OK;
}

static bool add_query(struct text *path, const char *name, const char *snapshot)
{
    uint64_t n;

    if (snapshot == NULL)
        return true;
    if (!args_read_id(snapshot, &n))
        return false;
    text_printf(path, "&%s=%" PRIu64, name, n);
    return true;
}

static int run(struct cli *cli, struct args *args)
{
    const char *snapshot = NULL, *since = NULL;
    const struct flag flags[] = {{"snapshot", NULL, &snapshot}, {"since", NULL, &since}};
    const char *wrong = args_take_flags(args, flags, 2);
    struct text path = {0};
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "suspects wants no words");
    if (since != NULL && snapshot == NULL)
        return say_usage(cli, "--since M is for --snapshot N: what N has gained since M");
    text_printf(&path, "/v1/heap/suspects?limit=%d", WIRE_PAGE_MAX);
    if (!add_query(&path, "snapshot", snapshot) || !add_query(&path, "since", since))
        code = say_usage(cli, "a snapshot has a number");
    else
        code = path.failed ? say_no_memory(cli) : fetch_and_show_new(cli, "GET", text_string(&path), NULL, show);
    text_fini(&path);
    return code;
}

const struct verb verb_suspects = {
    .name = "suspects",
    .usage = "[--snapshot N [--since M]]",
    .about = "tell what only grows, or who retains too much in a snapshot, with the calls that show more",
    .run = run,
};
