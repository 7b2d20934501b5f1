/*
 * progress.c - see progress.h.
 */
#include "client/cli/progress.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BAR_CELLS = 30, REDRAW_MS = 100 };

double progress_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, const struct cli *cli, const char *what, uint64_t total)
{
    *p = (struct progress){
        .what = what, .total = total, .on = isatty(STDERR_FILENO) == 1, .colour = cli->colour_err};
}

static void draw(const struct progress *p, uint64_t done)
{
    uint64_t part = done < p->total ? done : p->total;
    unsigned cells = p->total > 0 ? (unsigned)((double)part / (double)p->total * BAR_CELLS) : 0;

    if (p->total == 0) {
        fprintf(stderr, "\r%s %" PRIu64 "\033[K", p->what, done);
        return;
    }
    fprintf(stderr, "\r%s %s[", p->what, p->colour ? STYLE_DIM : "");
    for (unsigned i = 0; i < BAR_CELLS; i++)
        fputc(i < cells ? '#' : '.', stderr);
    fprintf(stderr, "]%s %3u%%\033[K", p->colour ? STYLE_END : "",
            (unsigned)((double)part / (double)p->total * 100));
}

void progress_at(struct progress *p, uint64_t done)
{
    uint64_t now_ms;

    if (!p->on)
        return;
    now_ms = (uint64_t)(progress_clock() * 1e3);
    if (now_ms - p->shown_ms < REDRAW_MS)
        return;
    p->shown_ms = now_ms;
    draw(p, done);
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->on)
        fputs("\r\033[K", stderr);
    p->on = false;
}
