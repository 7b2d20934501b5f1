/* load_say.c - see load_say.h. */
#include "client/cli/load_say.h"
#include "client/cli/say.h"
#include <string.h>
#include <unistd.h>

#define MIB (1024.0 * 1024)

/* ---- while it goes on ---- */

void load_say_begin(struct load_say *s, const struct cli *cli)
{
    *s = (struct load_say){.on = isatty(STDERR_FILENO) == 1, .colour = cli->colour_err};
}

void load_say_tick(void *arg, const struct load_view *v)
{
    const struct load_say *s = arg;

    if (!s->on)
        return;
    fprintf(stderr, "\r%s%3.0f of %.0f s%s  %.0f/s  %llu done", s->colour ? STYLE_DIM : "", v->t_s < v->duration_s ? v->t_s : v->duration_s,
            v->duration_s, s->colour ? STYLE_END : "", v->ops_per_s, (unsigned long long)v->done);
    if (v->failed > 0)
        fprintf(stderr, ", %s%llu failed%s", s->colour ? STYLE_RED : "", (unsigned long long)v->failed, s->colour ? STYLE_END : "");
    if (v->waiting > 0 || v->shed > 0)
        fprintf(stderr, ", %llu late, %llu shed", (unsigned long long)v->waiting, (unsigned long long)v->shed);
    fprintf(stderr, "  p99 %.2f ms  live %.2f MiB  rss %.1f MiB  %llu collections\033[K", (double)v->p99_us / 1e3, (double)v->live / MIB,
            (double)v->rss / MIB, (unsigned long long)v->collections);
    fflush(stderr);
}

void load_say_end(struct load_say *s)
{
    if (s->on)
        fputs("\r\033[K", stderr);
    s->on = false;
}

/* ---- what came of it ---- */

static void print_safely(const char *before, const char *string)
{
    struct text line = {0};

    say_safely(&line, string != NULL ? string : "", string != NULL ? strlen(string) : 0);
    printf("%s%s\n", before, text_string(&line));
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
        printf("          %lld times %lld %s", count_of(item, "count"), count_of(item, "status"),
               json_string_value(json_object_get(item, "type")));
        print_safely(": ", json_string_value(json_object_get(item, "detail")));
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
    print_safely("", json_string_value(json_object_get(verdict, "sentence")));
    fputs(cli->colour_out ? STYLE_END : "", stdout);
    json_array_foreach(json_object_get(verdict, "evidence"), i, line)
        print_safely("    ", json_string_value(line));
    json_array_foreach(json_object_get(verdict, "suspects"), i, line)
        print_safely("    heapd: ", json_string_value(line));
}
