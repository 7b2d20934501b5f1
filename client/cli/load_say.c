/* load_say.c - see load_say.h. */
#include "client/cli/load_say.h"
#include "client/cli/say.h"
#include "client/cli/screen.h"
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MIB             (1024.0 * 1024)
#define COLUMNS_DEFAULT 80

/* ---- while it goes on ---- */

void load_say_begin(struct load_say *s, const struct cli *cli)
{
    *s = (struct load_say){.on = isatty(STDERR_FILENO) == 1, .colour = cli->colour_err};
}

/* One that is wider than the terminal would leave its beginning behind each time. */
static void draw(const struct load_say *s, struct text *line)
{
    struct winsize size = {0};
    unsigned columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col : COLUMNS_DEFAULT;

    fprintf(stderr, "\r%s%.*s%s\033[K", s->colour ? STYLE_DIM : "", (int)screen_cut(text_string(line), line->length, columns - 1),
            text_string(line), s->colour ? STYLE_END : "");
    fflush(stderr);
}

void load_say_tick(void *arg, const struct load_view *v)
{
    const struct load_say *s = arg;
    struct text line = {0};

    if (!s->on)
        return;
    text_printf(&line, "%.0f of %.0f s  %.0f/s", v->t_s < v->duration_s ? v->t_s : v->duration_s, v->duration_s, v->ops_per_s);
    if (v->failed > 0)
        text_printf(&line, "  %llu failed", (unsigned long long)v->failed);
    if (v->waiting > 0 || v->shed > 0)
        text_printf(&line, "  %llu late, %llu shed", (unsigned long long)v->waiting, (unsigned long long)v->shed);
    text_printf(&line, "  p99 %.2f ms  live %.2f MiB  rss %.1f MiB", (double)v->p99_us / 1e3, (double)v->live / MIB, (double)v->rss / MIB);
    text_printf(&line, "  %llu done  %llu collections", (unsigned long long)v->done, (unsigned long long)v->collections);
    draw(s, &line);
    text_fini(&line);
}

void load_say_end(struct load_say *s)
{
    if (s->on)
        fputs("\r\033[K", stderr);
    s->on = false;
}

/* ---- what came of it ---- */

static void print_safely(const char *before, const char *string, const char *after)
{
    struct text line = {0};

    say_safely(&line, string != NULL ? string : "", string != NULL ? strlen(string) : 0);
    printf("%s%s%s", before, text_string(&line), after);
    text_fini(&line);
}

static long long count_of(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static void print_times(const char *name, const json_t *t)
{
    printf("%-9s p50 %.2f  p90 %.2f  p99 %.2f  p99.9 %.2f  max %.2f ms\n", name, (double)count_of(t, "p50") / 1e3,
           (double)count_of(t, "p90") / 1e3, (double)count_of(t, "p99") / 1e3, (double)count_of(t, "p999") / 1e3,
           (double)count_of(t, "max") / 1e3);
}

static void print_ops(const json_t *document)
{
    const json_t *ops = json_object_get(document, "ops"), *item;
    double ran_s = json_number_value(json_object_get(document, "ran_s"));
    size_t i;

    printf("requests  %lld planned, %lld done (%.0f/s), %lld failed, %lld shed\n", count_of(ops, "planned"), count_of(ops, "done"),
           ran_s > 0 ? (double)count_of(ops, "done") / ran_s : 0, count_of(ops, "failed"), count_of(ops, "shed"));
    json_array_foreach(json_object_get(ops, "failures"), i, item) {
        printf("          %lld times %lld", count_of(item, "count"), count_of(item, "status"));
        print_safely(" ", json_string_value(json_object_get(item, "type")), ": ");
        print_safely("", json_string_value(json_object_get(item, "detail")), "\n");
    }
}

void load_say_summary(const struct cli *cli, const json_t *document)
{
    const json_t *verdict = json_object_get(document, "verdict"), *line;
    size_t i;

    print_ops(document);
    print_times("latency", json_object_get(document, "latency_us"));
    print_times("service", json_object_get(document, "service_us"));
    fputs(cli->colour_out ? STYLE_BOLD : "", stdout);
    print_safely("", json_string_value(json_object_get(verdict, "sentence")), "\n");
    fputs(cli->colour_out ? STYLE_END : "", stdout);
    json_array_foreach(json_object_get(verdict, "evidence"), i, line)
        print_safely("    ", json_string_value(line), "\n");
    json_array_foreach(json_object_get(verdict, "suspects"), i, line)
        print_safely("    heapd: ", json_string_value(line), "\n");
}
