/*
 * report.c - see report.h. The page is linked in, in two halves; the document goes between them.
 *
 * There it stands in a script element, which ends at the first "</script" whatever is around it. So no "<" is left: in JSON it
 * can only be part of a string, where it may be written as \u003c.
 */
#include "client/load/report.h"
#include <errno.h>
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

/* What is there is no file, so nothing can take its place. */
static bool is_device(const char *path)
{
    struct stat s;

    return stat(path, &s) == 0 && !S_ISREG(s.st_mode);
}

const char *report_begin(struct report *r, const char *path)
{
    *r = (struct report){.path = path};
    if (!is_device(path)) {
        text_printf(&r->part, "%s.part", path);
        if (r->part.failed)
            return "out of memory";
    }
    r->out = fopen(r->part.length > 0 ? text_string(&r->part) : path, "we");
    return r->out != NULL ? NULL : strerror(errno);
}

const char *report_end(struct report *r, const char *json, size_t length)
{
    bool whole = write_page(r->out, json, length) && fflush(r->out) == 0;
    int why = errno;

    if (fclose(r->out) != 0 && whole) {
        whole = false;
        why = errno;
    }
    r->out = NULL;
    if (whole && r->part.length > 0 && rename(text_string(&r->part), r->path) != 0) {
        whole = false;
        why = errno;
    }
    if (!whole && r->part.length > 0) /* half a page helps nobody */
        (void)unlink(text_string(&r->part));
    text_fini(&r->part);
    return whole ? NULL : strerror(why);
}

void report_drop(struct report *r)
{
    if (r->out != NULL) {
        (void)fclose(r->out);
        if (r->part.length > 0)
            (void)unlink(text_string(&r->part));
    }
    r->out = NULL;
    text_fini(&r->part);
}
