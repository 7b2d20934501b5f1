/* trace.c - see trace.h. */
#include "client/load/trace.h"
#include "client/codec.h"
#include "client/load/scenario.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct trace {
    FILE *file;
    char line[TRACE_LINE_BYTES_MAX + 1];
    uint32_t count;          /* ops in the file */
    uint64_t *ids;           /* of each that makes something, this time; 0: nothing, or not yet */
    uint32_t *last;          /* the last op that names it; 0: none does, and it is not op 0 that would */
    uint32_t room;
    uint32_t base, next;     /* the batch under way: its first op, and the one behind its last */
    uint64_t keeper;         /* of that batch */
    struct text ends;        /* its last ops: what is kept no longer */
    json_t *names;           /* path -> null, of what roots and weak names there are */
};

/* ---- a line ---- */

/* The ops, and where the object that they are about stands: 0: nowhere. */
static const struct op {
    const char *name;
    size_t target;
    bool makes;
    const char *names; /* what its word 1 is a name of: the path */
} ops[] = {
    {"new", 0, true, NULL},  {"list", 0, true, NULL},  {"bytes", 0, true, NULL}, {"set", 1, false, NULL},
    {"unset", 1, false, NULL}, {"push", 1, false, NULL}, {"hold", 1, false, NULL}, {"root", 2, false, "/v1/roots/"},
    {"unroot", 0, false, NULL}, {"weak", 2, false, "/v1/weak/"}, {"drop", 1, false, NULL}, {"get", 1, false, NULL},
    {"is", 1, false, NULL},  {"collect", 0, false, NULL},
};

static const struct op *op_of(json_t *line)
{
    const char *name = json_is_array(line) ? json_string_value(json_array_get(line, 0)) : NULL;

    for (size_t i = 0; name != NULL && i < sizeof ops / sizeof ops[0]; i++)
        if (strcmp(ops[i].name, name) == 0)
            return &ops[i];
    return NULL;
}

/* "@7": 7. */
static bool names_op(json_t *word, uint64_t *ret_op)
{
    const char *text = json_string_value(word);
    char *end;

    if (text == NULL || text[0] != '@' || text[1] < '0' || text[1] > '9')
        return false;
    *ret_op = strtoull(text + 1, &end, 10);
    return *end == '\0';
}

/* What may stand for the word "@op"; NULL: it is wrong. */
typedef json_t *resolve_fn(struct trace *t, uint64_t op);

/* A word that names an object, or is a link inside of a value. The word that takes its place, or NULL: leave it. False: wrong. */
static bool resolve(struct trace *t, json_t *word, resolve_fn *how, json_t **ret_new)
{
    uint64_t op;

    *ret_new = NULL;
    return !names_op(word, &op) || (*ret_new = how(t, op)) != NULL;
}

static bool is_link(json_t *value)
{
    return json_object_size(value) == 1 && (json_object_get(value, "$ref") != NULL || json_object_get(value, "$weak") != NULL);
}

static bool resolve_value(struct trace *t, json_t *value, resolve_fn *how, unsigned depth);

static bool resolve_link(struct trace *t, json_t *link, resolve_fn *how)
{
    const char *key = json_object_get(link, "$ref") != NULL ? "$ref" : "$weak";
    json_t *put;

    if (!resolve(t, json_object_get(link, key), how, &put))
        return false;
    return put == NULL || json_object_set_new(link, key, put) == 0;
}

static bool resolve_parts(struct trace *t, json_t *value, resolve_fn *how, unsigned depth)
{
    const char *key;
    json_t *part;
    size_t i;

    json_object_foreach(value, key, part)
        if (!resolve_value(t, part, how, depth))
            return false;
    json_array_foreach(value, i, part)
        if (!resolve_value(t, part, how, depth))
            return false;
    return true;
}

static bool resolve_value(struct trace *t, json_t *value, resolve_fn *how, unsigned depth)
{
    if (depth > TRACE_DEPTH_MAX)
        return false;
    return is_link(value) ? resolve_link(t, value, how) : resolve_parts(t, value, how, depth + 1);
}

/* All that `line` names. */
static bool resolve_line(struct trace *t, const struct op *op, json_t *line, resolve_fn *how)
{
    json_t *put = NULL;

    if (op->target > 0) {
        if (!resolve(t, json_array_get(line, op->target), how, &put) || (put != NULL && json_array_set_new(line, op->target, put) != 0))
            return false;
    }
    for (size_t i = 1; i < json_array_size(line); i++)
        if (i != op->target && !resolve_value(t, json_array_get(line, i), how, 0))
            return false;
    return true;
}

/* One line with its end into t->line, or as much of it as is one byte too long; its length, 0 at the end. */
static size_t read_any_line(struct trace *t)
{
    size_t length = 0;
    int c;

    while (length <= TRACE_LINE_BYTES_MAX && (c = getc_unlocked(t->file)) != EOF) {
        t->line[length++] = (char)c;
        if (c == '\n')
            break;
    }
    return length;
}

static bool is_blank(const char *line, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (strchr(" \t\r\n", line[i]) == NULL || line[i] == '\0')
            return false;
    return true;
}

/* The next line that is not blank; its length, 0 at the end. */
static size_t read_line(struct trace *t, unsigned long *number)
{
    size_t length;

    while ((length = read_any_line(t)) > 0) {
        ++*number;
        if (!is_blank(t->line, length))
            return length;
    }
    return 0;
}

/* ---- the file is read through ---- */

static bool remember_name(struct trace *t, const struct op *op, json_t *line)
{
    const char *name = op->names != NULL ? json_string_value(json_array_get(line, 1)) : NULL;
    char *path;
    bool ok;

    if (name == NULL || json_object_size(t->names) >= TRACE_NAMES_MAX)
        return true;
    path = heapd_path(op->names, name);
    ok = path != NULL && json_object_set_new(t->names, path, json_null()) == 0;
    free(path);
    return ok;
}

static bool grow(struct trace *t)
{
    uint32_t room = t->room == 0 ? 1024 : t->room * 2;
    uint64_t *ids = realloc(t->ids, room * sizeof *ids);
    uint32_t *last = ids != NULL ? realloc(t->last, room * sizeof *last) : NULL;

    if (ids != NULL)
        t->ids = ids;
    if (last == NULL)
        return false;
    t->last = last;
    t->room = room;
    return true;
}

/* While the file is read through: ids[n] is 1 if op n makes something. */
static json_t *resolve_checks(struct trace *t, uint64_t op)
{
    if (op >= t->count || t->ids[op] == 0)
        return NULL;
    t->last[op] = t->count;
    return json_integer((json_int_t)op);
}

static enum heapd_result wrong_line(struct heapd_problem *p, const char *path, unsigned long number, const char *why)
{
    return problem_set(p, HEAPD_BROKEN, "Not a trace", "It is what POST /v1/batch takes: one op a line.", "line %lu of %s: %s", number, path,
                       why);
}

static enum heapd_result check_line(struct trace *t, const char *path, unsigned long number, size_t length, struct heapd_problem *p)
{
    json_error_t error;
    json_t *line = json_loadb(t->line, length, 0, &error);
    const struct op *op = op_of(line);
    const char *why = NULL;

    if (length > TRACE_LINE_BYTES_MAX)
        why = "it is longer than a batch takes";
    else if (line == NULL)
        why = error.text;
    else if (op == NULL)
        why = "it is no op";
    else if (t->count == TRACE_OPS_MAX)
        why = "there are too many ops";
    else if (!resolve_line(t, op, line, resolve_checks))
        why = "it names an op that made nothing before it, or is nested too deeply";
    else if ((t->count == t->room && !grow(t)) || !remember_name(t, op, line))
        why = "out of memory";
    if (why == NULL) {
        t->last[t->count] = 0;
        t->ids[t->count++] = op->makes;
    }
    json_decref(line);
    return why != NULL ? wrong_line(p, path, number, why) : HEAPD_OK;
}

static enum heapd_result check_all(struct trace *t, const char *path, struct heapd_problem *p)
{
    unsigned long number = 0;
    enum heapd_result r = HEAPD_OK;

    for (size_t length; r == HEAPD_OK && (length = read_line(t, &number)) > 0;)
        r = check_line(t, path, number, length, p);
    if (r == HEAPD_OK && ferror(t->file))
        r = wrong_line(p, path, number, strerror(errno));
    else if (r == HEAPD_OK && t->count == 0)
        r = problem_set(p, HEAPD_BROKEN, "Not a trace", "It is what POST /v1/batch takes: one op a line.", "there is no op in %s", path);
    rewind(t->file);
    return r;
}

enum heapd_result trace_open(const char *path, struct trace **ret_trace, struct heapd_problem *p)
{
    struct trace *t = calloc(1, sizeof *t);
    enum heapd_result r;

    if (t == NULL || (t->names = json_object()) == NULL) {
        free(t);
        return problem_no_memory(p);
    }
    t->file = fopen(path, "re");
    r = t->file != NULL ? check_all(t, path, p) : problem_set(p, HEAPD_BROKEN, "Cannot read the trace", "", "%s: %s", path, strerror(errno));
    if (r == HEAPD_OK)
        *ret_trace = t;
    else
        trace_close(&t);
    return r;
}

void trace_close(struct trace **t)
{
    if (*t == NULL)
        return;
    if ((*t)->file != NULL)
        fclose((*t)->file);
    text_fini(&(*t)->ends);
    free((*t)->ids);
    free((*t)->last);
    json_decref((*t)->names);
    free(*t);
    *t = NULL;
}

/* ---- a batch ---- */

#define ENDED (UINT64_C(1) << 63) /* in ids[n]: it is kept no longer; ids are below 2^53 */

/* What op n is called in the batch that begins with t->base. Its last line is the last moment to keep it. */
static json_t *resolve_sends(struct trace *t, uint64_t op)
{
    char word[16];

    if (op >= t->base) {
        (void)snprintf(word, sizeof word, "@%lu", (unsigned long)(op - t->base));
        return json_string(word);
    }
    if (t->last[op] == t->next && (t->ids[op] & ENDED) == 0) {
        text_printf(&t->ends, "[\"unset\",%llu,\"n%llu\"]\n", (unsigned long long)t->keeper, (unsigned long long)op);
        t->ids[op] |= ENDED;
    }
    return json_integer((json_int_t)(t->ids[op] & ~ENDED));
}

static bool add_line(struct trace *t, size_t length, struct text *out)
{
    json_t *line = json_loadb(t->line, length, 0, NULL);
    const struct op *op = op_of(line);
    bool ok = op != NULL && resolve_line(t, op, line, resolve_sends);
    char *text = ok ? json_dumps(line, JSON_COMPACT) : NULL;

    if (text != NULL) {
        text_add_string(out, text);
        text_add_byte(out, '\n');
    }
    free(text);
    json_decref(line);
    return text != NULL;
}

/* What this batch makes and a later one names is kept; what no later one names any more is let go. */
static void add_keeping(const struct trace *t, struct text *out)
{
    for (uint32_t n = t->base; n < t->next; n++)
        if (t->last[n] >= t->next)
            text_printf(out, "[\"set\",%llu,\"n%u\",{\"$ref\":\"@%u\"}]\n", (unsigned long long)t->keeper, n, n - t->base);
    text_add(out, t->ends.data, t->ends.length);
}

bool trace_next(struct trace *t, uint64_t keeper, struct text *out)
{
    unsigned long number = 0;
    size_t length;

    if (t->next == t->count) {
        t->next = 0;
        rewind(t->file);
    }
    t->base = t->next;
    t->keeper = keeper;
    text_clear(&t->ends);
    while (t->next < t->count && t->next - t->base < TRACE_BATCH_OPS) {
        if ((length = read_line(t, &number)) == 0 || !add_line(t, length, out))
            return false; /* somebody has changed the file */
        t->next++;
    }
    add_keeping(t, out);
    return !out->failed && !t->ends.failed;
}

void trace_take(struct trace *t, const char *answers)
{
    for (uint32_t n = t->base; n < t->next; n++) {
        size_t length = strcspn(answers, "\n");

        t->ids[n] = strncmp(answers, "{\"id\":", 6) == 0 ? scenario_id(answers) : 0;
        answers += length + (answers[length] == '\n');
    }
}

char *trace_next_name(struct trace *t)
{
    void *first = json_object_iter(t->names);
    char *path = first != NULL ? strdup(json_object_iter_key(first)) : NULL;

    if (path != NULL)
        json_object_del(t->names, path);
    return path;
}
