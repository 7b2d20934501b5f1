/*
 * codec.c - see codec.h.
 *
 * An answer line of a batch is only decoded if it can be the problem or the summary, which begin with
 * {"problem" and {"done": a document of the heap begins with {"id".
 */
#include "client/codec.h"
#include "client/text.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEM_TYPE_PREFIX "/problems/"

/* Copy what fits of `text`, cut between characters. */
static void copy_text(char *to, size_t size, const char *text)
{
    size_t n = text_utf8_cut(text, strlen(text), size - 1);

    memcpy(to, text, n);
    to[n] = '\0';
}

enum heapd_result problem_set(struct heapd_problem *p, enum heapd_result result, const char *title,
                              const char *hint, const char *format, ...)
{
    va_list args;

    if (p == NULL)
        return result;
    *p = (struct heapd_problem){.result = result, .line = -1};
    copy_text(p->title, sizeof p->title, title);
    copy_text(p->hint, sizeof p->hint, hint);
    va_start(args, format);
    (void)vsnprintf(p->detail, sizeof p->detail, format, args);
    va_end(args);
    return result;
}

enum heapd_result problem_no_memory(struct heapd_problem *p)
{
    return problem_set(p, HEAPD_NOMEM, "Out of memory", "", "this program ran out of memory");
}

static const char *member_string(const json_t *object, const char *key)
{
    const char *s = json_string_value(json_object_get(object, key));

    return s != NULL ? s : "";
}

static void read_problem(struct heapd_problem *p, int status, const json_t *problem)
{
    const char *type = member_string(problem, "type");
    const json_t *line = json_object_get(problem, "line");
    size_t prefix = strlen(PROBLEM_TYPE_PREFIX);

    problem_set(p, HEAPD_REFUSED, member_string(problem, "title"), member_string(problem, "hint"), "%s",
                member_string(problem, "detail"));
    copy_text(p->type, sizeof p->type,
              strncmp(type, PROBLEM_TYPE_PREFIX, prefix) == 0 ? type + prefix : type);
    p->status = status != 0 ? status : (int)json_integer_value(json_object_get(problem, "status"));
    if (json_is_integer(line))
        p->line = (long)json_integer_value(line);
}

enum heapd_result problem_of_answer(struct heapd_problem *p, int status, const char *body, size_t length)
{
    json_t *problem;

    if (p == NULL)
        return HEAPD_REFUSED;
    problem = json_loadb(body, length, 0, NULL);
    if (json_is_object(problem)) {
        read_problem(p, status, problem);
    } else {
        problem_set(p, HEAPD_REFUSED, "Refused", "", "status %d: %.*s", status, (int)strcspn(body, "\r\n"),
                    body);
        p->status = status;
    }
    json_decref(problem);
    return HEAPD_REFUSED;
}

static bool begins(const char *line, size_t length, const char *key)
{
    size_t n = strlen(key);
    size_t at = 0;

    while (at < length && (line[at] == '{' || line[at] == ' ' || line[at] == '\t'))
        at++;
    return length - at > n && memcmp(line + at, key, n) == 0;
}

enum batch_line batch_line_read(const char *line, size_t length, struct batch_summary *ret_s,
                                struct heapd_problem *p)
{
    enum batch_line kind = BATCH_LINE_ANSWER;
    json_t *json, *problem;

    if (!begins(line, length, "\"done\"") && !begins(line, length, "\"problem\""))
        return BATCH_LINE_ANSWER;
    json = json_loadb(line, length, 0, NULL);
    problem = json_object_get(json, "problem");
    if (json_is_object(problem)) {
        kind = BATCH_LINE_PROBLEM;
        if (p != NULL) {
            read_problem(p, 0, problem);
            p->line = (long)json_integer_value(json_object_get(json, "line"));
        }
    } else if (json_is_integer(json_object_get(json, "done"))) {
        kind = BATCH_LINE_SUMMARY;
        ret_s->done = (uint64_t)json_integer_value(json_object_get(json, "done"));
        ret_s->failed = (uint64_t)json_integer_value(json_object_get(json, "failed"));
    }
    json_decref(json);
    return kind;
}

char *heapd_path(const char *prefix, const char *name)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    struct text t = {0};

    text_add_string(&t, prefix);
    for (const char *c = name; *c != '\0'; c++) {
        if (strchr(plain, *c) != NULL)
            text_add_byte(&t, *c);
        else
            text_printf(&t, "%%%02X", (unsigned)(unsigned char)*c);
    }
    if (t.failed)
        text_fini(&t);
    return t.data;
}
