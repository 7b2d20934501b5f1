/* slices.c - see slices.h. */
#include "slices.h"
#include "heap/base/check.h"
#include "noise.h"
#include <stdio.h>
#include <stdlib.h>

#define ROOM_MIN 4096u

void slices_free(struct slices *s)
{
    free(s->wall_ns);
    free(s->cpu_ns);
    *s = (struct slices){0};
}

static void grow(struct slices *s)
{
    s->room = s->room ? 2 * s->room : ROOM_MIN;
    s->wall_ns = realloc(s->wall_ns, s->room * sizeof(*s->wall_ns));
    s->cpu_ns = realloc(s->cpu_ns, s->room * sizeof(*s->cpu_ns));
    CHECK(s->wall_ns != NULL && s->cpu_ns != NULL);
}

/* The dear clock is read outside of what the cheap one measures. */
struct slice_start slice_begin(void)
{
    uint64_t cpu = thread_ns();

    return (struct slice_start){.wall_ns = now_ns(), .cpu_ns = cpu};
}

void slice_end(struct slices *s, struct slice_start start, uint64_t wall_ns)
{
    uint64_t cpu_ns = thread_ns() - start.cpu_ns;

    if (s->count == s->room)
        grow(s);
    s->wall_ns[s->count] = wall_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)wall_ns;
    s->cpu_ns[s->count++] = cpu_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)cpu_ns;
    s->total_ns += cpu_ns;
}

void slices_spin(struct slices *s, uint64_t slice_ns, uint64_t ns)
{
    uint64_t until = now_ns() + ns, wall;

    do {
        struct slice_start start = slice_begin();

        do
            wall = now_ns() - start.wall_ns;
        while (wall < slice_ns);
        slice_end(s, start, wall);
    } while (now_ns() < until);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void print_clock(const char *name, uint32_t *ns, size_t count)
{
    qsort(ns, count, sizeof(*ns), by_size);
    printf("\"%s\":{\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f}", name, ns[count / 2] / 1e3,
           ns[count * 99 / 100] / 1e3, ns[count * 999 / 1000] / 1e3, ns[count - 1] / 1e3);
}

void slices_print(struct slices *s)
{
    CHECK(s->count > 0);
    printf("{\"count\":%zu,\"total_ms\":%.3f,", s->count, (double)s->total_ns / 1e6);
    print_clock("wall", s->wall_ns, s->count);
    printf(",");
    print_clock("cpu", s->cpu_ns, s->count);
    printf("}");
}
