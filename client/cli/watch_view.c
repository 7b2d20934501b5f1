/*
 * watch_view.c - see watch_view.h.
 *
 * A member that is not there reads as 0: an older or newer heapd is watched as far as it goes.
 */
#include "client/cli/watch_view.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <string.h>

enum {
    GENERATIONS = 3,
    BAR_MIN = 10,
    BAR_MAX = 40,
    BESIDE_BAR = 40, /* columns of a generation's line that are not its bar */
    INDENT = 8,      /* of what does not fit into its line */
    WORD_BYTES_MAX = 24,
};

#define STYLE_GREEN  "\033[32m"
#define STYLE_YELLOW "\033[33m"

void watch_sample_fini(struct watch_sample *s)
{
    json_decref(s->gc);
    json_decref(s->heap);
    json_decref(s->log);
    *s = (struct watch_sample){0};
}

/* ---- numbers ---- */

static double number(json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static double number_at(json_t *array, size_t i)
{
    return json_number_value(json_array_get(array, i));
}

static double sum_of_generations(const struct watch_sample *s, const char *key)
{
    json_t *generations = json_object_get(s->gc, "generations");
    double sum = 0;

    for (size_t i = 0; i < json_array_size(generations); i++)
        sum += number(json_array_get(generations, i), key);
    return sum;
}

static double created(const struct watch_sample *s)
{
    return number(s->heap, "created");
}

static double freed(const struct watch_sample *s)
{
    return number(s->heap, "freed_by_refcount") + number(s->heap, "freed_by_collector");
}

bool watch_is_anew(const struct watch_sample *now, const struct watch_sample *before)
{
    return before->gc != NULL && (strcmp(now->instance, before->instance) != 0 || created(now) < created(before) || freed(now) < freed(before) ||
                                  sum_of_generations(now, "collections") < sum_of_generations(before, "collections"));
}

/* Something a second; below 0: nobody knows. */
static double rate(const struct watch_sample *now, const struct watch_sample *before, double more)
{
    double seconds = now->at_s - before->at_s;

    return before->gc == NULL || seconds <= 0 || more < 0 ? -1 : more / seconds;
}

/* Four digits at most, and what they are thousands of. */
static void add_scaled(struct text *out, double n, double step, const char *const units[])
{
    size_t unit = 0;

    while (n >= (step < 1001 ? 9999.5 : step) && units[unit + 1] != NULL) {
        n /= step;
        unit++;
    }
    text_printf(out, "%.*f%s", unit == 0 || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2, n, units[unit]);
}

static void add_count(struct text *out, double n)
{
    static const char *const units[] = {"", "k", "M", "G", "T", NULL};

    add_scaled(out, n, 1000, units);
}

static void add_bytes(struct text *out, double n)
{
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", NULL};

    add_scaled(out, n, 1024, units);
}

static void add_time(struct text *out, double us)
{
    static const char *const units[] = {" us", " ms", " s", NULL};

    add_scaled(out, us, 1000, units);
}

static void add_rate(struct text *out, double a_second)
{
    if (a_second < 0)
        text_add_string(out, "-");
    else
        add_count(out, a_second);
    text_add_string(out, "/s");
}

/* Spaces, until what was added behind `from` is so wide; before it or behind. */
static void pad(struct text *out, size_t from, size_t width, bool to_the_right)
{
    char cell[64];
    size_t length = out->length - from;

    if (out->failed || length >= width || length >= sizeof cell)
        return;
    if (!to_the_right) {
        text_printf(out, "%*s", (int)(width - length), "");
        return;
    }
    memcpy(cell, out->data + from, length);
    out->length = from;
    text_printf(out, "%*s%.*s", (int)(width - length), "", (int)length, cell);
}

/* A word of heapd's, without control bytes. */
static void add_word(struct text *out, json_t *word)
{
    const char *string = json_string_value(word);
    size_t length = json_string_length(word);

    if (string == NULL)
        text_add_byte(out, '?');
    else
        say_safely(out, string, text_utf8_cut(string, length, WORD_BYTES_MAX));
}

static void style(struct text *out, const struct watch_look *look, const char *how)
{
    if (look->colour)
        text_add_string(out, how);
}

/* ---- a page ---- */

static void add_bar(struct text *out, const struct watch_look *look, double part)
{
    unsigned room = look->columns > BESIDE_BAR + BAR_MIN ? look->columns - BESIDE_BAR : BAR_MIN;
    unsigned cells = room < BAR_MAX ? room : BAR_MAX, full;

    part = part < 0 ? 0 : part > 1 ? 1 : part;
    full = (unsigned)(part * cells);
    style(out, look, part < 0.8 ? STYLE_GREEN : STYLE_YELLOW);
    for (unsigned i = 0; i < cells; i++)
        text_add_byte(out, i < full ? '#' : '.');
    style(out, look, STYLE_END);
}

/* What has filled up since the last collection, on its way to where the next begins. */
static void add_generation(struct text *out, const struct watch_look *look, const struct watch_sample *now, size_t i)
{
    json_t *generation = json_array_get(json_object_get(now->gc, "generations"), i);
    double count = number_at(json_object_get(now->gc, "counts"), i);
    double threshold = number_at(json_object_get(now->gc, "thresholds"), i);
    size_t from;

    text_printf(out, "gen %zu ", i);
    add_bar(out, look, threshold > 0 ? count / threshold : 0);
    text_add_byte(out, ' ');
    from = out->length;
    add_count(out, count);
    text_add_byte(out, '/');
    add_count(out, threshold);
    pad(out, from, 11, false);
    text_add_string(out, " objects ");
    from = out->length;
    add_count(out, number(generation, "objects"));
    pad(out, from, 6, false);
    text_add_string(out, " runs ");
    add_count(out, number(generation, "collections"));
    text_add_byte(out, '\n');
}

static void add_pair(struct text *out, const char *name, double n, void (*add)(struct text *out, double n))
{
    text_printf(out, "  %s ", name);
    add(out, n);
}

/* A line of pairs goes on in the next where the terminal is narrow: it is broken before a pair, at two spaces. */
static void add_flowing(struct text *out, const struct watch_look *look, const struct text *line)
{
    const char *at = text_string(line), *end = at + line->length;
    size_t used = 0;

    while (at < end) {
        const char *gap = strstr(at + 1, "  ");
        size_t length = (size_t)((gap != NULL ? gap : end) - at);

        if (used > INDENT && used + length > look->columns) {
            text_printf(out, "\n%*s", INDENT - 2, "");
            used = INDENT - 2;
        }
        text_add(out, at, length);
        used += length;
        at += length;
    }
    text_add_byte(out, '\n');
}

static void add_heap(struct text *out, const struct watch_sample *now, const struct watch_sample *before)
{
    json_t *bytes = json_object_get(now->heap, "bytes");

    (void)before;
    text_add_string(out, "live  ");
    add_pair(out, "objects", number(now->heap, "objects"), add_count);
    add_pair(out, "in", number(bytes, "live"), add_bytes);
    add_pair(out, "committed", number(bytes, "committed"), add_bytes);
    add_pair(out, "rss", number(now->heap, "rss"), add_bytes);
    add_pair(out, "doomed", number(now->heap, "doomed"), add_count);
}

static double freed_by(const struct watch_sample *now, const struct watch_sample *before, const char *key)
{
    return rate(now, before, number(now->heap, key) - number(before->heap, key));
}

static void add_rates(struct text *out, const struct watch_sample *now, const struct watch_sample *before)
{
    text_add_string(out, "rates ");
    add_pair(out, "created", rate(now, before, created(now) - created(before)), add_rate);
    add_pair(out, "freed by counting", freed_by(now, before, "freed_by_refcount"), add_rate);
    add_pair(out, "by collecting", freed_by(now, before, "freed_by_collector"), add_rate);
}

static void add_pauses(struct text *out, const struct watch_sample *now, const struct watch_sample *before)
{
    json_t *pauses = json_object_get(now->gc, "pauses_us");
    double busy = rate(now, before, sum_of_generations(now, "seconds") - sum_of_generations(before, "seconds"));

    text_add_string(out, "pauses");
    add_pair(out, "p50", number(pauses, "p50"), add_time);
    add_pair(out, "p99", number(pauses, "p99"), add_time);
    add_pair(out, "max", number(pauses, "max"), add_time);
    add_pair(out, "budget", number(now->gc, "pause_budget_us"), add_time);
    if (busy >= 0)
        text_printf(out, "  collecting %.1f %% of the time", busy * 100);
}

static void add_state(struct text *out, const struct watch_look *look, const struct watch_sample *now)
{
    bool enabled = json_is_true(json_object_get(now->gc, "enabled"));

    text_add_string(out, "collector ");
    style(out, look, enabled ? STYLE_BOLD : STYLE_RED);
    text_add_string(out, enabled ? "on" : "off");
    style(out, look, STYLE_END);
    text_add_string(out, ", ");
    add_word(out, json_object_get(now->gc, "phase"));
    add_pair(out, "frozen", number(now->gc, "frozen"), add_count);
    add_pair(out, "garbage", number(now->gc, "garbage"), add_count);
    text_add_byte(out, '\n');
}

enum { CLOCK_BYTES = 8, REASON_WIDTH = 8 };

static void add_run(struct text *out, json_t *run)
{
    const char *ended = json_string_value(json_object_get(run, "ended"));
    const char *clock = ended != NULL ? strchr(ended, 'T') : NULL;
    size_t from;

    text_printf(out, "%7.0f  ", number(run, "number"));
    say_safely(out, clock != NULL ? clock + 1 : "", clock != NULL ? strnlen(clock + 1, CLOCK_BYTES) : 0);
    text_printf(out, "  gen %.0f  ", number(run, "generation"));
    from = out->length;
    add_word(out, json_object_get(run, "reason"));
    pad(out, from, REASON_WIDTH, false);
    add_pair(out, "found", number(run, "collected"), add_count);
    from = out->length;
    add_pair(out, "of", number(run, "candidates"), add_count);
    pad(out, from, 12, false);
    add_pair(out, "in", number(run, "duration_us"), add_time);
    add_pair(out, "slice", number(run, "max_slice_us"), add_time);
    text_add_byte(out, '\n');
}

static void add_runs(struct text *out, const struct watch_look *look, const struct watch_sample *now)
{
    json_t *items = json_object_get(now->log, "items");
    size_t used = 1;

    for (size_t i = 0; i < out->length; i++)
        used += out->data[i] == '\n';
    style(out, look, STYLE_BOLD);
    text_add_string(out, json_array_size(items) > 0 ? "last collections" : "nothing has been collected yet");
    style(out, look, STYLE_END);
    text_add_byte(out, '\n');
    for (size_t i = 0; i < json_array_size(items) && used + i < look->rows; i++)
        add_run(out, json_array_get(items, i));
}

void watch_page(struct text *out, const struct watch_look *look, const struct watch_sample *now,
                const struct watch_sample *before)
{
    void (*const pairs[])(struct text *, const struct watch_sample *, const struct watch_sample *) = {add_heap, add_rates, add_pauses};
    struct text line = {0};

    style(out, look, STYLE_BOLD);
    text_add_string(out, look->head);
    style(out, look, STYLE_END);
    text_add_byte(out, '\n');
    style(out, look, STYLE_RED);
    text_add_string(out, look->trouble != NULL ? look->trouble : "");
    style(out, look, STYLE_END);
    text_add_byte(out, '\n');
    if (now->gc == NULL)
        return;
    add_state(out, look, now);
    for (size_t i = 0; i < GENERATIONS; i++)
        add_generation(out, look, now, i);
    text_add_byte(out, '\n');
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        text_clear(&line);
        pairs[i](&line, now, before);
        add_flowing(out, look, &line);
    }
    out->failed |= line.failed;
    text_fini(&line);
    text_add_byte(out, '\n');
    add_runs(out, look, now);
}

/* ---- a line ---- */

enum { NARROW = 9, COLUMN = 11 };

static void end_cell(struct text *out, size_t from, size_t width)
{
    pad(out, from, width, true);
    text_add_byte(out, ' ');
}

static void add_filling(struct text *out, const struct watch_sample *now, size_t i, size_t width)
{
    size_t from = out->length;

    text_printf(out, "%.0f/%.0f", number_at(json_object_get(now->gc, "counts"), i), number_at(json_object_get(now->gc, "thresholds"), i));
    end_cell(out, from, width);
}

static void add_cell(struct text *out, double n, void (*add)(struct text *out, double n))
{
    size_t from = out->length;

    add(out, n);
    end_cell(out, from, COLUMN);
}

void watch_line_head(struct text *out)
{
    text_printf(out, "%8s %*s %*s %*s %*s %*s %*s %*s %*s %*s %s\n", "time", COLUMN, "gen0", NARROW, "gen1", NARROW, "gen2", COLUMN, "objects",
                COLUMN, "live", COLUMN, "doomed", COLUMN, "created", COLUMN, "freed", COLUMN, "p99", "collections");
}

void watch_line(struct text *out, const char *time, const struct watch_sample *now, const struct watch_sample *before)
{
    json_t *bytes = json_object_get(now->heap, "bytes"), *pauses = json_object_get(now->gc, "pauses_us");

    text_printf(out, "%8s ", time);
    for (size_t i = 0; i < GENERATIONS; i++)
        add_filling(out, now, i, i == 0 ? COLUMN : NARROW);
    add_cell(out, number(now->heap, "objects"), add_count);
    add_cell(out, number(bytes, "live"), add_bytes);
    add_cell(out, number(now->heap, "doomed"), add_count);
    add_cell(out, rate(now, before, created(now) - created(before)), add_rate);
    add_cell(out, rate(now, before, freed(now) - freed(before)), add_rate);
    add_cell(out, number(pauses, "p99"), add_time);
    text_printf(out, "%.0f\n", sum_of_generations(now, "collections"));
}
