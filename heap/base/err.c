/* err.c - see err.h. */
#include "heap/base/err.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <stdio.h>
#include <string.h>

static void write_text(struct why *why, const char *format, va_list args)
{
    int n = vsnprintf(why->text, sizeof why->text, format, args);

    if (n < 0)
        why->text[0] = '\0';
    utf8_repair(why->text); /* names in messages are the client's bytes, and vsnprintf may cut one */
}

enum err why_set(struct why *why, enum err err, const char *format, ...)
{
    va_list args;

    if (why == NULL)
        return err;
    why->err = err;
    why->limit_name = NULL;
    why->limit_value = 0;
    va_start(args, format);
    write_text(why, format, args);
    va_end(args);
    return err;
}

enum err why_limit(struct why *why, enum err err, const char *name, uint64_t value, const char *format, ...)
{
    va_list args;

    if (why == NULL)
        return err;
    why->err = err;
    why->limit_name = name;
    why->limit_value = value;
    va_start(args, format);
    write_text(why, format, args);
    va_end(args);
    return err;
}

const char *err_name(enum err err)
{
    static const char *const names[] = {
#define X(name) #name,
        ERR_LIST(X)
#undef X
    };

    CHECK((size_t)err < ARRAY_LEN(names));
    return names[err];
}
