/*
 * aside.c - see aside.h.
 */
#include "client/cli/aside.h"
#include "api/wire.h"
#include "client/cli/base64.h"
#include "client/cli/fetch.h"
#include "client/cli/json_text.h"
#include "client/cli/progress.h"
#include "client/cli/say.h"
#include <stdlib.h>
#include <string.h>

enum { SESSION_TTL_S = 600, RENEW_AFTER_S = 60, BODY_BYTES = 900 << 10 /* below WIRE_JSON_BODY_BYTES_MAX */ };

static const char *verb_of(json_t *op)
{
    const char *verb = json_string_value(json_array_get(op, 0));

    return verb != NULL ? verb : "";
}

bool aside_wants(json_t *op, size_t length)
{
    bool has_class = json_is_string(json_array_get(op, 2));
    const char *verb = verb_of(op);

    if (strcmp(verb, "list") == 0 || strcmp(verb, "bytes") == 0)
        return has_class || length > WIRE_BATCH_LINE_BYTES_MAX;
    return strcmp(verb, "new") == 0 && length > WIRE_BATCH_LINE_BYTES_MAX;
}

/* --- the session --- */

static int begin(struct aside *a)
{
    struct heapd_options where = a->cli->where;
    struct heapd_problem p;
    json_t *session;
    int code =
        fetch_json_new(a->cli, "POST", "/v1/sessions",
                       json_pack("{s:i,s:s}", "ttl", SESSION_TTL_S, "label", "heapctl import"), &session);

    if (code != CLI_OK)
        return code;
    where.session = json_string_value(json_object_get(session, "token"));
    if (heapd_open(&where, &a->heapd, &p) != HEAPD_OK)
        code = say_problem(a->cli, &p);
    json_decref(session);
    return code;
}

static int call(struct aside *a, const char *method, const char *path, const struct heapd_body *body,
                struct heapd_reply *ret_reply)
{
    struct heapd_problem p;

    if (a->heapd == NULL && begin(a) != CLI_OK)
        return CLI_FAILED;
    a->renewed = progress_clock();
    return heapd_call(a->heapd, method, path, body, ret_reply, &p) == HEAPD_OK ? CLI_OK
                                                                               : say_problem(a->cli, &p);
}

int aside_renew(struct aside *a)
{
    struct heapd_reply reply;

    if (a->heapd == NULL || progress_clock() - a->renewed < RENEW_AFTER_S)
        return CLI_OK;
    if (call(a, "PUT", "/v1/sessions/self", NULL, &reply) != CLI_OK)
        return CLI_FAILED;
    heapd_reply_fini(&reply);
    return CLI_OK;
}

void aside_end(struct aside *a)
{
    struct heapd_reply reply;

    if (a->heapd != NULL &&
        heapd_call(a->heapd, "DELETE", "/v1/sessions/self", NULL, &reply, NULL) == HEAPD_OK)
        heapd_reply_fini(&reply);
    heapd_close(&a->heapd);
}

/* --- making --- */

static int post(struct aside *a, const char *path, const struct heapd_body *body, uint64_t *ret_id)
{
    struct heapd_reply reply;
    json_t *document;

    if (call(a, "POST", path, body, &reply) != CLI_OK)
        return CLI_FAILED;
    document = json_loadb(reply.body, reply.length, JSON_ALLOW_NUL, NULL);
    *ret_id = (uint64_t)json_integer_value(json_object_get(document, "id"));
    json_decref(document);
    heapd_reply_fini(&reply);
    return *ret_id != 0 ? CLI_OK : say_failed(a->cli, "the daemon made an object without an id");
}

static int make_bytes(struct aside *a, json_t *op, uint64_t *ret_id)
{
    const char *base64 = json_string_value(json_array_get(op, 1));
    const char *class_name = json_string_value(json_array_get(op, 2));
    char *path = heapd_path("/v1/objects?class=", class_name != NULL ? class_name : "bytes");
    struct text bytes = {0};
    int code;

    if (path == NULL)
        return say_no_memory(a->cli);
    if (base64 == NULL || !base64_decode(&bytes, base64, strlen(base64)))
        code = say_failed(a->cli, "the bytes of an op are not base64");
    else
        code = post(a, path,
                    &(struct heapd_body){
                        .type = WIRE_TYPE_BYTES, .data = text_string(&bytes), .length = bytes.length},
                    ret_id);
    text_fini(&bytes);
    free(path);
    return code;
}

/* {"class":C,"fields":F} or {"class":C,"items":I}; `parts` may be NULL for none. */
static int post_parts(struct aside *a, const char *class_name, const char *kind, json_t *parts,
                      uint64_t *ret_id)
{
    struct text body = {0};
    int code;

    text_add_string(&body, "{\"class\":");
    json_text_string(&body, class_name, strlen(class_name));
    text_printf(&body, ",\"%s\":", kind);
    if (parts != NULL)
        json_text_value(&body, parts);
    else
        text_add_string(&body, strcmp(kind, "items") == 0 ? "[]" : "{}");
    text_add_byte(&body, '}');
    code = body.failed ? say_no_memory(a->cli)
                       : post(a, "/v1/objects",
                              &(struct heapd_body){.data = body.data, .length = body.length}, ret_id);
    text_fini(&body);
    return code;
}

static int send_value(struct aside *a, const char *method, const char *path, json_t *value)
{
    struct heapd_reply reply;
    struct text body = {0};
    int code;

    json_text_value(&body, value);
    if (body.failed)
        return say_no_memory(a->cli);
    code = call(a, method, path, &(struct heapd_body){.data = body.data, .length = body.length}, &reply);
    text_fini(&body);
    if (code == CLI_OK)
        heapd_reply_fini(&reply);
    return code;
}

static int put_field(struct aside *a, uint64_t id, const char *name, json_t *value)
{
    char *path = heapd_path(fetch_object_path(id, "/fields/"), name);
    int code = path != NULL ? send_value(a, "PUT", path, value) : say_no_memory(a->cli);

    free(path);
    return code;
}

/* What is too large for one body: each part by itself. */
static int add_parts(struct aside *a, uint64_t id, json_t *parts)
{
    const char *key;
    json_t *value;
    size_t i;
    int code = CLI_OK;

    json_object_foreach(parts, key, value)
        if (code == CLI_OK)
            code = put_field(a, id, key[0] == '$' ? key + 1 : key, value);
    json_array_foreach(parts, i, value)
        if (code == CLI_OK)
            code = send_value(a, "POST", fetch_object_path(id, "/items"), value);
    return code;
}

int aside_make(struct aside *a, json_t *op, uint64_t *ret_id)
{
    bool is_list = strcmp(verb_of(op), "list") == 0;
    const char *class_name = json_string_value(json_array_get(op, is_list ? 2 : 1));
    json_t *parts = json_array_get(op, is_list ? 1 : 2);
    struct text text = {0};
    bool is_large;
    int code;

    if (strcmp(verb_of(op), "bytes") == 0)
        return make_bytes(a, op, ret_id);
    if (parts == NULL || (class_name == NULL && !is_list))
        return say_failed(a->cli, "an op over 64 KiB is not well formed");
    json_text_value(&text, parts);
    is_large = text.length > BODY_BYTES;
    text_fini(&text);
    code = post_parts(a, class_name != NULL ? class_name : "list", is_list ? "items" : "fields",
                      is_large ? NULL : parts, ret_id);
    return code == CLI_OK && is_large ? add_parts(a, *ret_id, parts) : code;
}
