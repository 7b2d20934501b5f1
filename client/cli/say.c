/*
 * say.c - see say.h.
 */
#include "client/cli/say.h"
#include <stdarg.h>
#include <string.h>

void say_safely(struct text *out, const char *data, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)data[i];
        bool is_c1 = c == 0xc2 && i + 1 < length && (unsigned char)data[i + 1] < 0xa0; /* U+0080..U+009F */

        if (c == '\n')
            text_add_string(out, "\\n");
        else if (c == '\t')
            text_add_string(out, "\\t");
        else if (c < 0x20 || c == 0x7f)
            text_printf(out, "\\x%02x", c);
        else if (is_c1)
            text_printf(out, "\\x%02x", (unsigned)(unsigned char)data[++i]);
        else
            text_add_byte(out, data[i]);
    }
}

static void print_safely(const char *string)
{
    struct text safe = {0};

    say_safely(&safe, string, strlen(string));
    fputs(text_string(&safe), stderr);
    text_fini(&safe);
}

static void print_head(const struct cli *cli, const char *title)
{
    fputs(cli->colour_err ? STYLE_BOLD "heapctl:" STYLE_END " " : "heapctl: ", stderr);
    if (cli->colour_err)
        fputs(STYLE_RED, stderr);
    print_safely(title);
    if (cli->colour_err)
        fputs(STYLE_END, stderr);
}

/* What the person at heapctl, not at the API, can do about it. */
static const char *advice(const struct heapd_problem *p)
{
    if (p->result == HEAPD_UNREACHABLE)
        return "Name another place with --url or HEAPD_URL (http://HOST:PORT or unix:PATH).";
    if (p->result == HEAPD_BAD_URL)
        return "Set it with --url or HEAPD_URL.";
    if (p->status == 401)
        return "Put a token of heapd's token file into HEAPD_TOKEN.";
    return "";
}

int say_problem(const struct cli *cli, const struct heapd_problem *p)
{
    fflush(stdout);
    print_head(cli, p->title);
    if (p->detail[0] != '\0') {
        fputs(": ", stderr);
        print_safely(p->detail);
    }
    if (p->line >= 0)
        fprintf(stderr, " (op %ld of the batch, counted from 0)", p->line);
    if (p->hint[0] != '\0') {
        fputs("\n  ", stderr);
        print_safely(p->hint);
    }
    if (advice(p)[0] != '\0')
        fprintf(stderr, "\n  %s", advice(p));
    fputc('\n', stderr);
    return CLI_FAILED;
}

static void print_message(const struct cli *cli, const char *format, va_list args)
{
    char message[2048];

    fflush(stdout);
    (void)vsnprintf(message, sizeof message, format, args);
    print_head(cli, "");
    print_safely(message);
    fputc('\n', stderr);
}

int say_failed(const struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(cli, format, args);
    va_end(args);
    return CLI_FAILED;
}

int say_no_memory(const struct cli *cli)
{
    return say_failed(cli, "out of memory");
}

void say_note(const struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(cli, format, args);
    va_end(args);
}

int say_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_message(cli, format, args);
    va_end(args);
    if (cli->verb != NULL)
        fprintf(stderr, "usage: heapctl %s %s\n       heapctl %s --help says more\n", cli->verb->name,
                cli->verb->usage, cli->verb->name);
    else
        fputs("usage: heapctl VERB ...\n       heapctl --help lists the verbs\n", stderr);
    return CLI_USAGE;
}
