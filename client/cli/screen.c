/*
 * screen.c - see screen.h.
 */
#include "client/cli/screen.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_DEFAULT = 80, ROWS_DEFAULT = 24 };

#define OTHER_SCREEN "\033[?1049h\033[?25l" /* and no cursor */
#define FIRST_SCREEN "\033[?25h\033[?1049l"
#define TO_THE_TOP   "\033[H"
#define PLAIN        "\033[m"
#define CLEAR_LINE   "\033[K"
#define CLEAR_BELOW  "\033[J"

void screen_measure(struct screen *s)
{
    struct winsize size = {0};

    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    s->columns = size.ws_col > 0 ? size.ws_col : COLUMNS_DEFAULT;
    s->rows = size.ws_row > 0 ? size.ws_row : ROWS_DEFAULT;
}

/* Keys come one by one and are not shown. Ctrl-Z is only a key: whoever stopped us would sit before a terminal like that. */
static bool take_keys(struct screen *s)
{
    struct termios raw;

    if (tcgetattr(STDIN_FILENO, &s->before) != 0)
        return false;
    raw = s->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

bool screen_begin(struct screen *s)
{
    const char *term = getenv("TERM");

    *s = (struct screen){.on = isatty(STDOUT_FILENO) == 1 && (term == NULL || strcmp(term, "dumb") != 0)};
    if (!s->on)
        return false;
    s->keys = take_keys(s);
    fputs(OTHER_SCREEN, stdout);
    return true;
}

void screen_end(struct screen *s)
{
    if (!s->on)
        return;
    fputs(FIRST_SCREEN, stdout);
    fflush(stdout);
    if (s->keys)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
    s->on = s->keys = false;
}

/* ---- drawing ---- */

/* The length of the escape sequence at `at`; 0: there is none. */
static size_t escape_length(const char *at, size_t left)
{
    size_t n = 2;

    if (left < 2 || at[0] != '\033' || at[1] != '[')
        return 0;
    while (n < left && at[n] != 'm')
        n++;
    return n < left ? n + 1 : left;
}

static bool begins_character(char byte)
{
    return ((unsigned char)byte & 0xc0) != 0x80;
}

size_t screen_cut(const char *line, size_t length, unsigned columns)
{
    size_t at = 0, escape;
    unsigned used = 0;

    while (at < length) {
        if ((escape = escape_length(line + at, length - at)) > 0) {
            at += escape;
            continue;
        }
        used += begins_character(line[at]);
        if (used > columns)
            break;
        at++;
    }
    return at;
}

void screen_draw(const struct screen *s, const struct text *lines)
{
    const char *at = text_string(lines), *end = at + lines->length;
    unsigned row = 0;

    fputs(TO_THE_TOP, stdout);
    for (; row < s->rows && at < end; row++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t length = (size_t)((newline != NULL ? newline : end) - at);

        /* cleared first: behind the last column it would be the last character that is cleared */
        fputs(row > 0 ? "\n" CLEAR_LINE : CLEAR_LINE, stdout);
        fwrite(at, 1, screen_cut(at, length, s->columns), stdout);
        fputs(PLAIN, stdout);
        at += length + 1;
    }
    if (row < s->rows)
        fputs("\n" CLEAR_BELOW, stdout);
    fflush(stdout);
}

/* ---- waiting ---- */

/* 0: it was none that counts. */
static int read_key(struct screen *s)
{
    unsigned char key = 0;
    ssize_t got = read(STDIN_FILENO, &key, 1);

    if (got <= 0)
        s->keys = false;
    return got == 1 ? key : 0;
}

int screen_wait(struct screen *s, int stop_fd, int wait_ms)
{
    struct pollfd wake[] = {{.fd = stop_fd, .events = POLLIN}, {.fd = s->keys ? STDIN_FILENO : -1, .events = POLLIN}};

    if (poll(wake, 2, wait_ms) <= 0)
        return 0;
    if (wake[0].revents != 0)
        return -1;
    return read_key(s);
}
