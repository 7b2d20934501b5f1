/* log.c - see log.h. A line is put together first and written with one call: two processes may share stderr. */
#include "daemon/log.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <stdarg.h>
#include <string.h>

static const char *const names[] = {[LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info"};

void log_init(struct log *l, FILE *out, enum log_level least)
{
    *l = (struct log){.out = out, .least = least};
}

bool log_level_read(const char *text, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (strcmp(text, names[i]) != 0)
            continue;
        *ret = (enum log_level)i;
        return true;
    }
    return false;
}

/* ---- a line ---- */

static void write_line(struct log *l, enum log_level level, const char *event, const char *pairs)
{
    char line[LOG_LINE_MAX];

    snprintf(line, sizeof(line), "heapd: %-5s %s%s%s", names[level], event, pairs[0] != '\0' ? " " : "", pairs);
    utf8_repair(line);
    fprintf(l->out, "%s\n", line);
    fflush(l->out);
}

/* ---- how many of a kind ---- */

/* The last place is shared by all events that came when the others were taken. */
static struct log_limit *limit_of(struct log *l, const char *event)
{
    struct log_limit *limit = l->limits;

    while (limit < &l->limits[LOG_EVENTS_MAX - 1] && limit->event != NULL && strcmp(limit->event, event) != 0)
        limit++;
    if (limit->event == NULL)
        limit->event = event;
    return limit;
}

static void say_suppressed(struct log *l, struct log_limit *limit, uint64_t now_ms)
{
    uint64_t suppressed = limit->lines > LOG_BURST ? limit->lines - LOG_BURST : 0;
    char pairs[LOG_LINE_MAX];

    snprintf(pairs, sizeof(pairs), "event=%s lines=%llu seconds=%llu", limit->event, (unsigned long long)suppressed,
             (unsigned long long)((now_ms - limit->began_ms) / 1000));
    limit->began_ms = now_ms;
    limit->lines = 0;
    if (suppressed > 0)
        write_line(l, LOG_WARN, "suppressed", pairs);
}

static bool is_over(const struct log_limit *limit, uint64_t now_ms)
{
    return now_ms - limit->began_ms >= LOG_WINDOW_MS;
}

/* False: there were enough of them. */
static bool may_say(struct log *l, const char *event, uint64_t now_ms)
{
    struct log_limit *limit = limit_of(l, event);

    if (limit->lines > 0 && is_over(limit, now_ms))
        say_suppressed(l, limit, now_ms);
    if (limit->lines == 0)
        limit->began_ms = now_ms;
    return limit->lines++ < LOG_BURST;
}

void log_flush(struct log *l, uint64_t now_ms, bool all)
{
    for (size_t i = 0; i < LOG_EVENTS_MAX && l->limits[i].event != NULL; i++)
        if (l->limits[i].lines > LOG_BURST && (all || is_over(&l->limits[i], now_ms)))
            say_suppressed(l, &l->limits[i], now_ms);
}

/* ---- saying something ---- */

static void say(struct log *l, uint64_t now_ms, enum log_level level, const char *event, const char *format, va_list args)
{
    char pairs[LOG_LINE_MAX];

    if (level > l->least || !may_say(l, event, now_ms))
        return;
    vsnprintf(pairs, sizeof(pairs), format, args);
    write_line(l, level, event, pairs);
}

void log_event_at(struct log *l, uint64_t now_ms, enum log_level level, const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(l, now_ms, level, event, format, args);
    va_end(args);
}

void log_event(struct log *l, enum log_level level, const char *event, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    say(l, clock_ms(), level, event, format, args);
    va_end(args);
}
