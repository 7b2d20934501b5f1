/*
 * watch.c - see watch.h.
 *
 *     each tick:  ask heapd (three small GETs)  ->  a sample  ->  a page, a line, or JSON  ->  wait for the next tick
 *
 * On a terminal it is a page that is drawn again, else a line a tick, for a file or a pipe. If heapd goes away, that is said,
 * and it is asked again with each tick. One who does not answer for PATIENCE_MS is taken to be gone, so that Ctrl-C is heard.
 */
#include "client/cli/watch.h"
#include "client/cli/args.h"
#include "client/cli/fetch.h"
#include "client/cli/progress.h"
#include "client/cli/say.h"
#include "client/cli/screen.h"
#include "client/cli/stop.h"
#include "client/cli/watch_view.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, HEAD_EVERY = 20, LOG_ITEMS = 50, URL_SHOWN = 160 };

#define INTERVAL_MIN_S 0.1
#define INTERVAL_MAX_S 86400.0

struct watch {
    struct cli *cli;
    double interval_s;
    unsigned long count; /* ticks; 0: until it is enough */
    int stop_fd;
    struct screen screen;
    struct watch_sample now, before;
    struct heapd_problem problem; /* of the last tick, if `gone` */
    bool gone, anew;
    unsigned long lines; /* since the last heading */
};

/* ---- asking ---- */

static enum heapd_result get(struct watch *w, const char *path, char instance[HEAPD_INSTANCE_MAX], json_t **ret)
{
    struct heapd_reply reply;
    enum heapd_result r = heapd_call(w->cli->heapd, "GET", path, NULL, &reply, &w->problem);

    if (r != HEAPD_OK)
        return r;
    *ret = json_loadb(reply.body, reply.length, 0, NULL);
    memcpy(instance, reply.instance, HEAPD_INSTANCE_MAX);
    heapd_reply_fini(&reply);
    if (*ret != NULL)
        return HEAPD_OK;
    w->problem = (struct heapd_problem){.result = HEAPD_BROKEN, .line = -1, .title = "Not an answer of heapd"};
    return HEAPD_BROKEN;
}

/* All of it of one heapd; one that begins anew meanwhile is looked at with the next tick. */
static enum heapd_result take_sample(struct watch *w, struct watch_sample *ret)
{
    char log[64], of_gc[HEAPD_INSTANCE_MAX], of_log[HEAPD_INSTANCE_MAX];
    enum heapd_result r;

    (void)snprintf(log, sizeof log, "/v1/gc/log?limit=%d", LOG_ITEMS);
    *ret = (struct watch_sample){0};
    r = get(w, "/v1/gc", of_gc, &ret->gc);
    if (r == HEAPD_OK)
        r = get(w, "/v1/heap", ret->instance, &ret->heap);
    ret->at_s = progress_clock();
    memcpy(of_log, ret->instance, sizeof of_log);
    if (r == HEAPD_OK && w->screen.on)
        r = get(w, log, of_log, &ret->log);
    if (r == HEAPD_OK && (strcmp(of_gc, ret->instance) != 0 || strcmp(of_log, ret->instance) != 0)) {
        w->problem = (struct heapd_problem){.result = HEAPD_UNREACHABLE, .line = -1, .title = "It began anew while it answered"};
        r = HEAPD_UNREACHABLE;
    }
    if (r != HEAPD_OK)
        watch_sample_fini(ret);
    return r;
}

/* It may be that heapd starts again, and puts its heap back; but who was never there, or refuses, is not waited for. */
static bool may_come_back(const struct watch *w, enum heapd_result r)
{
    return w->now.gc != NULL && r != HEAPD_NOMEM && (r != HEAPD_REFUSED || w->problem.status == 503);
}

static void note_gone(struct watch *w)
{
    if (!w->gone && !w->screen.on)
        say_note(w->cli, "heapd has gone (%s); it is asked again with each tick", w->problem.title);
    w->gone = true;
    watch_sample_fini(&w->before);
}

static void note_sample(struct watch *w, struct watch_sample *sample)
{
    w->anew = watch_is_anew(sample, &w->now);
    if (w->gone && !w->screen.on)
        say_note(w->cli, "heapd is back");
    else if (w->anew && !w->screen.on)
        say_note(w->cli, "heapd has begun anew");
    watch_sample_fini(&w->before);
    w->before = w->now;
    w->now = *sample;
    if (w->anew)
        watch_sample_fini(&w->before); /* of another life: it says nothing of this one */
    w->gone = false;
}

/* ---- showing ---- */

static void clock_text(char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm parts;

    if (localtime_r(&now, &parts) == NULL || strftime(out, size, "%H:%M:%S", &parts) == 0)
        out[0] = '\0';
}

static void show_page(struct watch *w)
{
    char clock[16];
    const char *url = w->cli->where.url != NULL ? w->cli->where.url : HEAPD_DEFAULT_URL;
    struct text page = {0}, head = {0}, trouble = {0};

    screen_measure(&w->screen);
    clock_text(clock, sizeof clock);
    text_add_string(&head, "heapd ");
    say_safely(&head, url, strnlen(url, URL_SHOWN));
    text_printf(&head, "  %s  every %g s, q ends", clock, w->interval_s);
    text_add_string(&trouble, "it has gone (");
    say_safely(&trouble, w->problem.title, strlen(w->problem.title));
    text_add_string(&trouble, "), and is asked again with each tick");
    watch_page(&page,
               &(struct watch_look){.head = text_string(&head),
                                    .trouble = w->gone ? text_string(&trouble) : w->anew ? "it has begun anew" : NULL,
                                    .columns = w->screen.columns,
                                    .rows = w->screen.rows,
                                    .colour = w->cli->colour_out},
               &w->now, &w->before);
    screen_draw(&w->screen, &page);
    text_fini(&page);
    text_fini(&head);
    text_fini(&trouble);
}

static void show_json(const struct watch *w)
{
    json_t *both = json_pack("{s:f,s:O,s:O}", "time", (double)time(NULL), "gc", w->now.gc, "heap", w->now.heap);

    if (both != NULL)
        (void)fetch_print(w->cli, both);
    json_decref(both);
}

static void show_line(struct watch *w)
{
    struct text line = {0};
    char clock[16];

    if (w->lines++ % HEAD_EVERY == 0)
        watch_line_head(&line);
    clock_text(clock, sizeof clock);
    watch_line(&line, clock, &w->now, &w->before);
    fputs(text_string(&line), stdout);
    text_fini(&line);
}

static void show(struct watch *w)
{
    if (w->screen.on)
        show_page(w);
    else if (w->gone)
        return; /* said on stderr */
    else if (w->cli->json)
        show_json(w);
    else
        show_line(w);
    fflush(stdout);
}

/* ---- until it is enough ---- */

/* True if it is enough. Keys that mean nothing do not make the tick shorter. */
static bool wait_until(struct watch *w, double end_s)
{
    for (;;) {
        double left_s = end_s - progress_clock();
        int key = screen_wait(&w->screen, w->stop_fd, left_s > 0 ? (int)ceil(left_s * 1e3) : 0);

        if (key == -1 || key == 'q' || key == 'Q')
            return true;
        if (progress_clock() >= end_s)
            return false;
    }
}

/* CLI_OK: go on. */
static int tick(struct watch *w)
{
    struct watch_sample sample;
    enum heapd_result r = take_sample(w, &sample);

    if (r == HEAPD_OK)
        note_sample(w, &sample);
    else if (may_come_back(w, r))
        note_gone(w);
    else
        return CLI_FAILED;
    show(w);
    return CLI_OK;
}

static int go_on(struct watch *w)
{
    double next_s = progress_clock();

    for (unsigned long n = 1;; n++) {
        if (tick(w) != CLI_OK)
            return CLI_FAILED;
        if (n == w->count || ferror(stdout))
            return w->gone ? CLI_FAILED : CLI_OK;
        next_s += w->interval_s;
        if (next_s < progress_clock())
            next_s = progress_clock(); /* heapd was slow: what was missed is not made up for */
        if (wait_until(w, next_s))
            return CLI_OK;
    }
}

static int run(struct watch *w)
{
    int code;

    if ((w->stop_fd = stop_open()) < 0)
        return say_failed(w->cli, "cannot wait for signals");
    heapd_be_patient(w->cli->heapd, PATIENCE_MS, w->stop_fd);
    if (!w->cli->json)
        (void)screen_begin(&w->screen);
    code = go_on(w);
    screen_end(&w->screen);
    if (code != CLI_OK)
        code = screen_wait(&w->screen, w->stop_fd, 0) == -1 ? CLI_OK : say_problem(w->cli, &w->problem);
    watch_sample_fini(&w->now);
    watch_sample_fini(&w->before);
    close(w->stop_fd);
    return code;
}

static bool read_interval(const char *word, double *ret)
{
    char *end;

    *ret = strtod(word, &end);
    return end != word && *end == '\0' && *ret >= INTERVAL_MIN_S && *ret <= INTERVAL_MAX_S;
}

static bool read_count(const char *word, unsigned long *ret)
{
    uint64_t n;

    if (!args_read_id(word, &n) || word[0] == '@' || n == 0 || n > 1000000000)
        return false;
    *ret = (unsigned long)n;
    return true;
}

int watch(struct cli *cli, const char *interval, const char *count)
{
    struct watch w = {.cli = cli, .interval_s = 1};

    if (interval != NULL && !read_interval(interval, &w.interval_s))
        return say_usage(cli, "--interval takes seconds, from %g to %g", INTERVAL_MIN_S, INTERVAL_MAX_S);
    if (count != NULL && !read_count(count, &w.count))
        return say_usage(cli, "--count takes how often it is looked");
    return run(&w);
}
