/*
 * events.c - heapctl events: what happens, a line each, until Ctrl-C.
 *
 * Where the connection breaks it is made again, and goes on where it was: heapd keeps the last events. What it does not keep
 * any more it tells as a gap.
 */
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/say.h"
#include "client/cli/show.h"
#include "client/cli/stop.h"
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_MS = 2000 };

struct events {
    const struct cli *cli;
    const char *types, *since;
    char *last;   /* the id to go on from, as text; NULL: none yet */
    int stop_fd;  /* readable when it is to end */
    bool heard;   /* something, so heapd is there and takes us */
    bool gone;    /* and it has been said */
    bool failed;  /* to write */
};

/* ---- one event ---- */

static const char *style_of(const char *type)
{
    return strcmp(type, "gap") == 0 || strcmp(type, "alert") == 0 ? STYLE_RED : STYLE_BOLD;
}

static bool is_shown_already(const char *key)
{
    return strcmp(key, "id") == 0 || strcmp(key, "type") == 0 || strcmp(key, "time") == 0;
}

/* "2026-01-31T23:59:59.123Z" without the day, which is seldom of interest to whoever watches. */
static const char *time_of_day(json_t *event)
{
    const char *text = json_string_value(json_object_get(event, "time"));
    const char *t = text != NULL ? strchr(text, 'T') : NULL;

    return t != NULL ? t + 1 : "";
}

static void write_members(struct text *out, json_t *event)
{
    const char *key;
    json_t *value;

    json_object_foreach(event, key, value) {
        if (is_shown_already(key))
            continue;
        text_printf(out, "  %s=", key);
        if (json_is_string(value))
            say_safely(out, json_string_value(value), json_string_length(value));
        else
            show_value(out, value);
    }
}

static void show_event(struct events *e, json_t *event)
{
    const char *type = json_string_value(json_object_get(event, "type"));
    bool colour = e->cli->colour_out;
    struct text line = {0};

    text_printf(&line, "%s%-13s%s ", colour ? STYLE_DIM : "", time_of_day(event), colour ? STYLE_END : "");
    text_printf(&line, "%s%-6s%s", colour ? style_of(type) : "", type, colour ? STYLE_END : "");
    write_members(&line, event);
    e->failed |= line.failed || puts(text_string(&line)) == EOF;
    text_fini(&line);
}

/* Where to go on. */
static void note_place(struct events *e, json_t *event, bool is_ping)
{
    json_t *id = json_object_get(event, is_ping ? "after" : "id");
    struct text text = {0};

    if (!json_is_integer(id))
        return;
    text_printf(&text, "%" JSON_INTEGER_FORMAT, json_integer_value(id));
    if (text.failed)
        return;
    free(e->last);
    e->last = text.data;
}

static void on_event(void *arg, const char *line, size_t length)
{
    struct events *e = arg;
    json_t *event = json_loadb(line, length, 0, NULL);
    const char *type = json_string_value(json_object_get(event, "type"));
    bool is_ping = type != NULL && strcmp(type, "ping") == 0;

    e->heard = true;
    e->gone = false;
    if (type != NULL)
        note_place(e, event, is_ping);
    if (type != NULL && !is_ping && e->cli->json)
        e->failed |= fwrite(line, 1, length, stdout) < length || putchar('\n') == EOF;
    else if (type != NULL && !is_ping)
        show_event(e, event);
    e->failed |= fflush(stdout) != 0;
    json_decref(event);
}

/* ---- until it is enough ---- */

/* Wait; true if it is enough. */
static bool is_enough(const struct events *e, int wait_ms)
{
    struct pollfd stop = {.fd = e->stop_fd, .events = POLLIN};

    return e->failed || poll(&stop, 1, wait_ms) != 0;
}

static bool add_query(const struct events *e, struct text *query)
{
    const char *since = e->last != NULL ? e->last : e->since;
    char *types = e->types != NULL ? heapd_path("?types=", e->types) : NULL;

    if (types != NULL)
        text_add_string(query, types);
    if (since != NULL)
        text_printf(query, "%csince=%s", types != NULL ? '&' : '?', since);
    query->failed |= e->types != NULL && types == NULL;
    free(types);
    return !query->failed;
}

static enum heapd_result listen_once(struct events *e, struct heapd_problem *p)
{
    struct text query = {0};
    enum heapd_result r = HEAPD_NOMEM;

    if (add_query(e, &query))
        r = heapd_listen(e->cli->heapd, text_string(&query), on_event, e, e->stop_fd, p);
    text_fini(&query);
    return r;
}

/* It may be that heapd starts again, and puts its heap back. */
static bool may_come_back(const struct events *e, enum heapd_result r, const struct heapd_problem *p)
{
    return e->heard && (r != HEAPD_REFUSED || p->status == 503);
}

static int listen_on(struct events *e)
{
    struct heapd_problem p = {.status = 0};

    for (;;) {
        enum heapd_result r = listen_once(e, &p);

        if (is_enough(e, 0))
            return CLI_OK; /* main() looks whether all could be written */
        if (r == HEAPD_NOMEM)
            return say_no_memory(e->cli);
        if (!may_come_back(e, r, &p))
            return say_problem(e->cli, &p);
        if (!e->gone)
            say_note(e->cli, "heapd has gone; it is asked again every %d s, till Ctrl-C", RETRY_MS / 1000);
        e->gone = true;
        if (is_enough(e, RETRY_MS))
            return CLI_OK;
    }
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static int run(struct cli *cli, struct args *args)
{
    struct events e = {.cli = cli};
    const struct flag flags[] = {{"types", NULL, &e.types}, {"since", NULL, &e.since}};
    const char *wrong = args_take_flags(args, flags, 2);
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "too many words");
    if (e.since != NULL && !is_number(e.since))
        return say_usage(cli, "--since takes the id of an event");
    if ((e.stop_fd = stop_open()) < 0)
        return say_failed(cli, "cannot wait for signals");
    code = listen_on(&e);
    close(e.stop_fd);
    free(e.last);
    return code;
}

const struct verb verb_events = {
    .name = "events",
    .usage = "[--types TYPE,...] [--since ID]",
    .about = "what happens, as it happens, until Ctrl-C",
    .help = "  heapctl events --types death,lease\n"
            "Types are gc (collections), death (of what has a weak name), lease (sessions: what they held, and what went\n"
            "with them), config (who changed which setting) and alert. --since goes on behind the event with that id;\n"
            "0 begins with the oldest that is kept. With --json each event is a line of JSON. If heapd goes away it is\n"
            "asked again every 2 s, and what happened meanwhile is told then, or that there is a gap.\n",
    .run = run,
};
