/*
 * task.c - a task's memory, and what it copies of a request.
 *
 * All text of a request is copied into one buffer, reserved at once so that slices into it stay good. Escapes
 * are decoded in place: a decoded text is never longer.
 */
#include "api/task.h"
#include "heap/base/check.h"
#include <strings.h>

#define REPLY_BYTES_RESERVED 1024 /* so that a small answer cannot fail after the deed is done */

/* ---- memory ---- */

struct task *task_new(struct api *api)
{
    struct task *t = api->free_tasks;

    if (t != NULL) {
        CHECK_IS(t, TASK_MAGIC);
        api->free_tasks = t->next_free;
        api->free_task_count--;
        t->next_free = NULL;
        return t;
    }
    t = mem_zalloc_spent(api->mem, sizeof *t);
    if (t == NULL)
        return NULL;
    t->magic = TASK_MAGIC;
    t->api = api;
    buf_init(&t->text, api->mem, SIZE_MAX);
    buf_init(&t->body, api->mem, SIZE_MAX);
    buf_init(&t->reply.body, api->mem, SIZE_MAX);
    t->text.lends = true;       /* what is asked can be known only then, and buffers have a bound of their own */
    t->reply.body.lends = true; /* a change that was made must be told, however full the heap is */
    t->out = out_into(&t->reply.body);
    if (!buf_reserve(&t->reply.body, REPLY_BYTES_RESERVED)) {
        mem_free(api->mem, t, sizeof *t);
        return NULL;
    }
    return t;
}

static void give_back(struct task *t)
{
    buf_fini(&t->text);
    buf_fini(&t->body);
    buf_fini(&t->reply.body);
    t->magic = 0;
    mem_free(t->api->mem, t, sizeof *t);
}

/* Is the task worth keeping, with its buffers? One that had to do with much is not. */
static bool is_small(const struct task *t)
{
    return t->text.cap <= TASK_KEEP_BYTES && t->body.cap <= TASK_KEEP_BYTES &&
           t->reply.body.cap <= TASK_KEEP_BYTES && t->reply.body.cap >= REPLY_BYTES_RESERVED;
}

/* Everything as task_new() made it, but for the buffers' memory. */
static void wipe(struct task *t)
{
    struct buf text = t->text, body = t->body, answer = t->reply.body;
    struct api *api = t->api;

    memset(t, 0, offsetof(struct task, reply.location));
    t->reply.location[0] = t->reply.allow[0] = '\0';
    t->magic = TASK_MAGIC;
    t->api = api;
    t->text = text;
    t->body = body;
    t->reply.body = answer;
    t->out = out_into(&t->reply.body);
    buf_clear(&t->text);
    buf_clear(&t->body);
    buf_clear(&t->reply.body);
}

void task_free(struct task **pt)
{
    struct task *t = *pt;
    struct api *api = t->api;

    CHECK_IS(t, TASK_MAGIC);
    CHECK(t->work == NULL && t->keyed == NULL && !t->session_begun);
    *pt = NULL;
    payload_release(&t->payload);
    payload_release(&t->reply.payload);
    if (api->free_task_count >= API_FREE_TASKS_MAX || !is_small(t)) {
        give_back(t);
        return;
    }
    wipe(t);
    t->next_free = api->free_tasks;
    api->free_tasks = t;
    api->free_task_count++;
}

void task_drain_free(struct api *api)
{
    while (api->free_tasks != NULL) {
        struct task *t = api->free_tasks;

        api->free_tasks = t->next_free;
        api->free_task_count--;
        give_back(t);
    }
    CHECK(api->free_task_count == 0);
}

/* ---- escapes ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decode %XX in place, and '+' as a blank where `plus` (a query). False for a '%' that begins no escape. */
static bool decode_escapes(struct slice *text, bool plus)
{
    char *data = (char *)text->data; /* the task's own copy */
    size_t len = 0;

    for (size_t i = 0; i < text->len; i++) {
        char c = data[i];

        if (c == '+' && plus)
            c = ' ';
        if (c == '%') {
            int high = i + 2 < text->len ? hex_digit(data[i + 1]) : -1;
            int low = i + 2 < text->len ? hex_digit(data[i + 2]) : -1;

            if (high < 0 || low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        }
        data[len++] = c;
    }
    text->len = len;
    return true;
}

static enum err refuse_escape(struct slice text, const char *where, struct why *why)
{
    return why_set(why, ERR_BAD_REQUEST, "a bad escape in the %s: %.*s", where, (int)text.len, text.data);
}

/* ---- headers ---- */

struct wanted {
    struct slice name;
    size_t offset; /* in struct task_headers */
};

#define WANTED(name, member)                                                                                 \
    {                                                                                                        \
        {name, sizeof(name) - 1}, offsetof(struct task_headers, member)                                      \
    }

static const struct wanted wanted[] = {
    WANTED(WIRE_HEADER_SESSION, session),
    WANTED(WIRE_HEADER_SITE, site),
    WANTED(WIRE_HEADER_IF_INSTANCE, if_instance),
    WANTED("If-Match", if_match),
    WANTED("If-None-Match", if_none_match),
    WANTED("If-Range", if_range),
    WANTED("Range", range),
    WANTED("Accept", accept),
    WANTED("Accept-Encoding", accept_encoding),
    WANTED("Content-Type", content_type),
    WANTED("Content-Encoding", content_encoding),
    WANTED(WIRE_HEADER_IDEMPOTENCY_KEY, idempotency_key),
    WANTED(WIRE_HEADER_LAST_EVENT, last_event),
};

static struct slice *wanted_header(struct task_headers *headers, struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        struct slice w = wanted[i].name;

        if (w.len == name.len && strncasecmp(w.data, name.data, w.len) == 0)
            return (struct slice *)(void *)((char *)headers + wanted[i].offset);
    }
    return NULL;
}

/* Into the reserved text; never NULL, so that an empty header is told from none. */
static struct slice copy(struct task *t, struct slice s)
{
    struct slice mine = {t->text.data + t->text.len, s.len};

    CHECK(buf_add_slice(&t->text, s));
    return mine;
}

static enum err read_headers(struct task *t, const struct request *r, struct why *why)
{
    for (size_t i = 0; i < r->header_count; i++) {
        struct slice *mine = wanted_header(&t->headers, r->headers[i].name);

        if (mine == NULL)
            continue;
        if (mine->data != NULL && mine == &t->headers.accept) {
            *mine = SLICE("*/*"); /* two lists are one list (RFC 9110, 5.3); so rare that it may be any form */
            continue;
        }
        if (mine->data != NULL && mine == &t->headers.accept_encoding)
            continue; /* the first list will do: as it is, everything can be read */
        if (mine->data != NULL)
            return why_set(why, ERR_BAD_REQUEST, "the header %.*s is given twice",
                           (int)r->headers[i].name.len, r->headers[i].name.data);
        *mine = copy(t, r->headers[i].value);
    }
    return ERR_OK;
}

/* ---- the query ---- */

static struct slice cut(struct slice *rest, char at)
{
    const char *end = rest->len > 0 ? memchr(rest->data, at, rest->len) : NULL;
    struct slice part = {rest->data, end != NULL ? (size_t)(end - rest->data) : rest->len};
    size_t used = part.len + (end != NULL);

    rest->data += used;
    rest->len -= used;
    return part;
}

static enum err read_query(struct task *t, struct slice query, struct why *why)
{
    while (query.len > 0) {
        struct slice value = cut(&query, '&');
        struct slice name = cut(&value, '=');

        if (name.len == 0 && value.len == 0)
            continue;
        if (t->query_count == TASK_QUERY_MAX)
            return why_set(why, ERR_BAD_REQUEST, "a query has at most %d parameters", TASK_QUERY_MAX);
        if (!decode_escapes(&name, true))
            return refuse_escape(name, "query", why);
        if (!decode_escapes(&value, true))
            return refuse_escape(value, "query", why);
        t->query[t->query_count++] = (struct task_param){name, value};
    }
    return ERR_OK;
}

/* ---- all of it ---- */

static size_t text_bytes(const struct request *r)
{
    size_t bytes = 1 + r->path.len + r->query.len + r->grant.label.len; /* 1: never nothing */

    for (size_t i = 0; i < r->header_count; i++) /* of all: to know which are wanted costs more than their room */
        bytes += r->headers[i].value.len;
    return bytes;
}

enum err task_read_request(struct task *t, const struct request *r, struct slice *ret_path, struct why *why)
{
    enum err e;

    t->method = r->method;
    if (!buf_reserve(&t->text, text_bytes(r)))
        return why_set(why, ERR_NOMEM, "no memory for this request");
    *ret_path = copy(t, r->path);
    t->label = copy(t, r->grant.label);
    if ((e = read_headers(t, r, why)))
        return e;
    return read_query(t, copy(t, r->query), why);
}

enum err task_read_params(struct task *t, const struct route_match *match, struct why *why)
{
    for (size_t i = 0; i < match->param_count; i++) {
        t->params[i] = match->params[i];
        if (!decode_escapes(&t->params[i], false))
            return refuse_escape(t->params[i], "path", why);
    }
    return ERR_OK;
}
