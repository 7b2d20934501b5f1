/* verdict_text.c - see verdict_text.h. */
#include "client/load/verdict_text.h"
#include <math.h>

const struct trend *verdict_slope(const struct verdict *v)
{
    const struct judged *site = verdict_culprit(v, FLOOR_SITE);

    if (v->leak != LEAK_YES || v->heap.leak == LEAK_YES || v->growing_count == 0)
        return &v->heap.bytes;
    return site != NULL ? &site->bytes : &v->growing[0].bytes;
}

/* "1.5 KiB", "-12 B" */
static void add_bytes(struct text *out, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (fabs(bytes) >= 1023.5 && unit + 1 < sizeof units / sizeof units[0]) {
        bytes /= 1024;
        unit++;
    }
    text_printf(out, fabs(bytes) >= 10 || (unit == 0 && bytes == round(bytes)) ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
}

/* "+1.5 KiB/s (95 % sure: 1.4 KiB/s to 1.6 KiB/s)" */
static void add_slope(struct text *out, const struct trend *t)
{
    text_add_string(out, t->slope > 0 ? "+" : "");
    add_bytes(out, t->slope);
    text_printf(out, "/s (%.0f %% sure: ", TREND_CONFIDENCE * 100);
    add_bytes(out, t->low);
    text_add_string(out, "/s to ");
    add_bytes(out, t->high);
    text_add_string(out, "/s)");
}

static void add_name(struct text *out, const struct judged *j)
{
    if (j->name == NULL)
        text_add_string(out, "the heap as a whole");
    else
        text_printf(out, "%s \"%s\"", j->what == FLOOR_SITE ? "what is made at" : "what is of class", j->name);
}

static void say_leak(const struct verdict *v, struct text *out)
{
    const struct judged *site = verdict_culprit(v, FLOOR_SITE), *class = verdict_culprit(v, FLOOR_CLASS);
    const struct trend *t = verdict_slope(v);

    text_add_string(out, "It leaks: ");
    if (site != NULL)
        text_printf(out, "what is made at \"%s\"%s%s%s is not let go of", site->name, class != NULL ? ", much of it of class \"" : "",
                    class != NULL ? class->name : "", class != NULL ? "\"," : "");
    else if (class != NULL)
        text_printf(out, "what is of class \"%s\" is not let go of", class->name);
    else
        text_add_string(out, "the heap grows, at no site or class that stands out");
    text_add_string(out, ", and what full collections leave grows by ");
    add_slope(out, t);
    text_add_string(out, ": ");
    add_bytes(out, t->slope * 3600);
    text_add_string(out, " an hour.");
}

static void say_no_leak(const struct verdict *v, struct text *out)
{
    text_add_string(out, "No leak: after full collections the heap is back at ");
    add_bytes(out, v->heap.bytes.to);
    text_add_string(out, " each time; its slope is ");
    add_slope(out, &v->heap.bytes);
    text_add_string(out, v->heap.slows ? ", and it has levelled off." : v->heap.bytes.sigmas >= VERDICT_SIGMAS ? ", too little to matter." : ", which is chance.");
}

static void say_rise(const struct verdict *v, struct text *out)
{
    add_name(out, &v->doubtful);
    text_add_string(out, v->doubt == DOUBT_SLOWS ? " grows more and more slowly, by " : " may grow, by ");
    add_slope(out, &v->doubtful.bytes);
    text_add_string(out, v->doubt == DOUBT_SLOWS ? "; it may still be warming up. Run it longer." : ", but chance could do that. Run it longer.");
}

static void say_doubt(const struct verdict *v, struct text *out)
{
    text_add_string(out, "Cannot tell: ");
    switch (v->doubt) {
    case DOUBT_SHORT:
        text_printf(out, "%.1f s are too short; give it %.0f s.", v->ran_s, VERDICT_RUN_S_ADVICE);
        return;
    case DOUBT_FEW:
        text_printf(out, "after the warm-up there are %zu floors, or too little work between them, and %u are needed; run it longer.", v->judged,
                    VERDICT_WINDOWS_MIN);
        return;
    case DOUBT_FULL:
        text_printf(out, "the heap was full, %.0f requests were refused for that, and whether it would go on growing nobody can tell. Give heapd more "
                    "memory, or the run less to keep.", v->full);
        return;
    case DOUBT_BLIND:
        text_printf(out, "what full collections leave could be read only until %.1f s of %.1f s.", v->run_s, v->ran_s);
        return;
    case DOUBT_FAILED:
        text_printf(out, "%.0f of %.0f requests failed while it was judged, and who cannot do its work does not leak by it. Look at the failures first.",
                    v->failed, v->work + v->failed);
        return;
    default:
        say_rise(v, out);
    }
}

void verdict_sentence(const struct verdict *v, struct text *out)
{
    text_clear(out);
    if (v->leak == LEAK_YES)
        say_leak(v, out);
    else if (v->leak == LEAK_NO)
        say_no_leak(v, out);
    else
        say_doubt(v, out);
}

static void say_method(const struct verdict *v, struct text *out)
{
    text_printf(out,
                "%zu floors from %.1f s to %.1f s were judged (the first fourth is warm-up): each the least that some full collections left.",
                v->judged, v->from_s, v->windows > 0 ? v->t_s[v->windows - 1] : 0);
}

static void say_heap(const struct verdict *v, struct text *out)
{
    text_add_string(out, "All of the heap: ");
    add_slope(out, &v->heap.bytes);
    text_printf(out, ", %+.2f objects a second; rises beat falls by %.1f deviations of chance.", v->heap.objects.slope, v->heap.bytes.sigmas);
}

static void say_growing(const struct judged *j, struct text *out)
{
    text_printf(out, "%s \"%s\": ", j->what == FLOOR_SITE ? "Site" : "Class", j->name);
    add_slope(out, &j->bytes);
    text_add_string(out, ", from ");
    add_bytes(out, j->bytes.from);
    text_add_string(out, " to ");
    add_bytes(out, j->bytes.to);
    text_printf(out, " (%.0f to %.0f objects); %.1f deviations of chance.", j->objects.from, j->objects.to, j->bytes.sigmas);
}

static void say_rss(const struct verdict *v, struct text *out)
{
    text_add_string(out, "Resident memory of heapd: ");
    add_slope(out, &v->rss);
    text_add_string(out, "; it is no part of the verdict.");
}

bool verdict_evidence(const struct verdict *v, size_t i, struct text *out)
{
    text_clear(out);
    if (v->doubt == DOUBT_SHORT || v->doubt == DOUBT_FEW)
        return false;
    if (i == 0)
        say_method(v, out);
    else if (i == 1)
        say_heap(v, out);
    else if (i < 2 + v->growing_count)
        say_growing(&v->growing[i - 2], out);
    else if (i == 2 + v->growing_count)
        say_rss(v, out);
    else
        return false;
    return true;
}
