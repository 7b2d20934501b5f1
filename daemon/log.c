/* log.c - see log.h. */
#include "daemon/log.h"
#include "heap/base/num.h"
#include <stdarg.h>
#include <stdio.h>

#define LOG_TEXT_MAX 1024

void log_line(enum log_level level, const char *format, ...)
{
    static const char *const name_of[] = {[LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error"};
    char text[LOG_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    utf8_repair(text);
    fprintf(stderr, "heapd: %s: %s\n", name_of[level], text);
}
