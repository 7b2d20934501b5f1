/* say.c - see say.h. */
#include "daemon/say.h"
#include "heap/base/num.h"
#include <stdarg.h>
#include <stdio.h>

void say(enum say_level level, const char *format, ...)
{
    static const char *const name_of[] = {[SAY_INFO] = "info", [SAY_WARN] = "warn", [SAY_ERROR] = "error"};
    char text[SAY_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    utf8_repair(text);
    fprintf(stderr, "heapd: %s: %s\n", name_of[level], text);
}
