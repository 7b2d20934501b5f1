/*
 * screen.h - a terminal that is drawn again and again, and given back as it was.
 *
 * Owns:      the other screen of the terminal (what stood there is back in the end), and how keys arrive: at once, unseen.
 * Knows not: what is drawn.
 */
#pragma once
#include "client/text.h"
#include <stdbool.h>
#include <termios.h>

struct screen {
    unsigned columns, rows;
    bool on;
    bool keys; /* stdin is a terminal too, and has not ended */
    struct termios before;
};

/* False: stdout is no terminal that can be drawn on. */
bool screen_begin(struct screen *s);
void screen_end(struct screen *s);

/* How large it is now: people pull at windows. */
void screen_measure(struct screen *s);

/* From the top: its lines, each cut to the width, as many as there is room for. Escape sequences (ESC [ ... m) take no room. */
void screen_draw(const struct screen *s, const struct text *lines);

/* Wait until a key is pressed, or `stop_fd` is readable, or so much time has passed. The key; 0: time; -1: stop. */
int screen_wait(struct screen *s, int stop_fd, int wait_ms);

/* How many bytes of a line, without its end, fit into so many columns. */
size_t screen_cut(const char *line, size_t length, unsigned columns);
