/*
 * report.c - see report.h. The page is linked in, in two halves; the document goes between them.
 *
 * There it stands in a script element, which ends at the first "</script" whatever is around it. So no "<" is left: in JSON it
 * can only be part of a string, where it may be written as \u003c.
 */
#include "client/load/report.h"
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Made by client/load/report/page.py and deploy/embed.py. */
extern const unsigned char asset_report_head[], asset_report_tail[];
extern const size_t asset_report_head_len, asset_report_tail_len;

static bool write_all(FILE *out, const void *data, size_t length)
{
    return fwrite(data, 1, length, out) == length;
}

static bool write_json(FILE *out, const char *json, size_t length)
{
    const char *end = json + length;

    while (json < end) {
        const char *sign = memchr(json, '<', (size_t)(end - json));
        const char *stop = sign != NULL ? sign : end;

        if (!write_all(out, json, (size_t)(stop - json)) || (sign != NULL && fputs("\\u003c", out) == EOF))
            return false;
        json = sign != NULL ? sign + 1 : end;
    }
    return true;
}

static bool write_page(FILE *out, const char *json, size_t length)
{
    return write_all(out, asset_report_head, asset_report_head_len) && write_json(out, json, length) &&
           write_all(out, asset_report_tail, asset_report_tail_len);
}

static bool is_file(FILE *f)
{
    struct stat s;

    return fstat(fileno(f), &s) == 0 && S_ISREG(s.st_mode);
}

const char *report_write(const char *path, const char *json, size_t length)
{
    FILE *out = fopen(path, "we");
    bool whole, is_ours;
    int why;

    if (out == NULL)
        return strerror(errno);
    is_ours = is_file(out);
    whole = write_page(out, json, length) && fflush(out) == 0;
    why = errno;
    if (fclose(out) != 0 && whole) {
        whole = false;
        why = errno;
    }
    if (!whole && is_ours) /* half a page helps nobody; /dev/stdout stays */
        (void)unlink(path);
    return whole ? NULL : strerror(why);
}
