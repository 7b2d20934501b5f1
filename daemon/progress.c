/* progress.c - see progress.h. */
#include "daemon/progress.h"
#include "daemon/clock.h"
#include "daemon/say.h"
#include <stdio.h>
#include <unistd.h>

#define BAR_CELLS 30
#define REDRAW_US 100000
#define LINE_US   1000000

void progress_begin(struct progress *p, const char *what)
{
    *p = (struct progress){.what = what, .bar = isatty(STDERR_FILENO) == 1, .told_us = clock_us(), .told_pct = UINT32_MAX};
}

static void draw(struct progress *p, unsigned pct)
{
    fprintf(stderr, "\r%s [", p->what);
    for (unsigned i = 0; i < BAR_CELLS; i++)
        fputc(i * 100 < pct * BAR_CELLS ? '#' : '.', stderr);
    fprintf(stderr, "] %3u %%\033[K", pct);
    p->drawn = true;
}

void progress_at(struct progress *p, uint64_t done, uint64_t all)
{
    unsigned pct = done >= all ? 100 : (unsigned)((double)done * 100 / (double)all);
    uint64_t now = clock_us();

    if (pct == p->told_pct || now - p->told_us < (p->bar ? REDRAW_US : LINE_US))
        return;
    p->told_us = now;
    p->told_pct = pct;
    if (p->bar)
        draw(p, pct);
    else
        say(SAY_INFO, "%s: %u %%", p->what, pct);
}

void progress_end(struct progress *p)
{
    if (p->drawn)
        fputs("\r\033[K", stderr);
    p->drawn = false;
}
