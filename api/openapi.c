/*
 * openapi.c - the table of routes as an OpenAPI 3.1 document, written once when it is first asked for.
 *
 * Everything here comes from the table, so the document cannot say what the service does not do.
 */
#include "api/handlers.h"
#include "api/task.h"
#include "heap/base/check.h"
#include <ctype.h>
#include <stdio.h>

#ifndef HEAPD_VERSION
#define HEAPD_VERSION "0"
#endif

#define NAME_MAX_BYTES 128 /* of a path or an operation; a CHECK finds a route that is longer */

/* ---- names ---- */

/* The next blank-separated word of *text into `word`; false at the end. */
static bool next_word(const char **text, char *word, size_t size)
{
    size_t len;

    *text += strspn(*text, " ");
    len = strcspn(*text, " ");
    CHECK(len < size);
    memcpy(word, *text, len);
    word[len] = '\0';
    *text += len;
    return len > 0;
}

/* "/v1/roots/{name*}" as OpenAPI writes it: "/v1/roots/{name}" */
static void path_name(const char *pattern, char name[NAME_MAX_BYTES])
{
    size_t len = 0;

    for (; *pattern != '\0'; pattern++) {
        CHECK(len + 1 < NAME_MAX_BYTES);
        if (*pattern != '*')
            name[len++] = *pattern;
    }
    name[len] = '\0';
}

/* GET /v1/objects/{id}/fields/{name*} is get_objects_id_fields_name: unique, as the table's rows are. */
static void operation_name(const struct route *r, char name[NAME_MAX_BYTES])
{
    const char *p = strncmp(r->pattern, "/v1/", 4) == 0 ? r->pattern + 3 : r->pattern;
    size_t len = 0;

    for (const char *m = method_name(r->method); *m != '\0'; m++)
        name[len++] = (char)tolower((unsigned char)*m);
    for (; *p != '\0'; p++) {
        bool letter = isalnum((unsigned char)*p) != 0;

        CHECK(len + 1 < NAME_MAX_BYTES);
        if (letter)
            name[len++] = *p;
        else if (name[len - 1] != '_' && p[1] != '\0')
            name[len++] = '_';
    }
    name[len] = '\0';
}

static void method_key(enum method method, char key[NAME_MAX_BYTES])
{
    size_t len = 0;

    for (const char *m = method_name(method); *m != '\0'; m++)
        key[len++] = (char)tolower((unsigned char)*m);
    key[len] = '\0';
}

/* "key":{ */
static void open_member(struct out *o, const char *key)
{
    out_key(o, key);
    out_open_object(o);
}

/* ---- one operation ---- */

static void write_parameter(struct out *o, const char *name, const char *in, bool required, const char *type)
{
    out_open_object(o);
    out_member_text(o, "name", name);
    out_member_text(o, "in", in);
    if (required)
        out_member_bool(o, "required", true);
    open_member(o, "schema");
    out_member_text(o, "type", type);
    out_close_object(o);
    out_close_object(o);
}

static bool is_number(const char *name)
{
    return strcmp(name, "id") == 0 || strcmp(name, "index") == 0;
}

static void write_path_parameters(struct out *o, const char *pattern)
{
    char name[NAME_MAX_BYTES];

    for (const char *p = strchr(pattern, '{'); p != NULL; p = strchr(p + 1, '{')) {
        size_t len = strcspn(p + 1, "*}");

        CHECK(len < sizeof name);
        memcpy(name, p + 1, len);
        name[len] = '\0';
        write_parameter(o, name, "path", true, is_number(name) ? "integer" : "string");
    }
}

static void write_query_parameters(struct out *o, const char *query)
{
    char name[NAME_MAX_BYTES];

    while (next_word(&query, name, sizeof name))
        write_parameter(o, name, "query", false, "string");
}

static void write_header_parameters(struct out *o, const struct route *r)
{
    if (r->method == METHOD_POST)
        write_parameter(o, WIRE_HEADER_IDEMPOTENCY_KEY, "header", false, "string");
    if (strstr(route_types(r), WIRE_TYPE_EVENTS) != NULL)
        write_parameter(o, WIRE_HEADER_LAST_EVENT, "header", false, "string");
}

static void write_content(struct out *o, const char *const types[], size_t count)
{
    open_member(o, "content");
    for (size_t i = 0; i < count && types[i] != NULL; i++) {
        open_member(o, types[i]);
        out_close_object(o);
    }
    out_close_object(o);
}

static void write_body(struct out *o, enum body_kind kind)
{
    static const char *const types[][2] = {
        [BODY_NONE] = {NULL},
        [BODY_JSON] = {WIRE_TYPE_JSON},
        [BODY_JSON_OPTIONAL] = {WIRE_TYPE_JSON},
        [BODY_BYTES] = {WIRE_TYPE_BYTES},
        [BODY_BYTES_OR_JSON] = {WIRE_TYPE_JSON, WIRE_TYPE_BYTES},
        [BODY_STREAM] = {WIRE_TYPE_NDJSON},
    };

    if (kind == BODY_NONE)
        return;
    open_member(o, "requestBody");
    out_member_bool(o, "required", kind != BODY_JSON_OPTIONAL);
    write_content(o, types[kind], ARRAY_LEN(types[kind]));
    out_close_object(o);
}

static const char *status_text(const char *status)
{
    static const char *const texts[][2] = {
        {"200", "Done"},         {"201", "Created"},           {"204", "Done, nothing to say"},
        {"206", "A part of it"}, {"304", "Not changed since"},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (strcmp(texts[i][0], status) == 0)
            return texts[i][1];
    }
    return "Done";
}

static bool has_content(const char *status)
{
    return strcmp(status, "204") != 0 && strcmp(status, "304") != 0;
}

static void write_types(struct out *o, const char *types)
{
    char type[NAME_MAX_BYTES];

    open_member(o, "content");
    while (next_word(&types, type, sizeof type)) {
        open_member(o, type);
        out_close_object(o);
    }
    out_close_object(o);
}

static void write_responses(struct out *o, const char *answers, const char *types)
{
    char status[8];

    open_member(o, "responses");
    while (next_word(&answers, status, sizeof status)) {
        open_member(o, status);
        out_member_text(o, "description", status_text(status));
        if (has_content(status))
            write_types(o, types);
        out_close_object(o);
    }
    open_member(o, "default");
    out_member_text(o, "$ref", "#/components/responses/Problem");
    out_close_object(o);
    out_close_object(o);
}

/* The scope that the token must have: "security":[{"token":["read"]}], nothing for what is open to all. */
static void write_security(struct out *o, enum access access)
{
    out_key(o, "security");
    out_open_array(o);
    if (access != ACCESS_OPEN) {
        out_open_object(o);
        out_key(o, "token");
        out_open_array(o);
        out_text(o, access_name(access));
        out_close_array(o);
        out_close_object(o);
    }
    out_close_array(o);
}

static void write_operation(struct out *o, const struct route *r)
{
    char name[NAME_MAX_BYTES];

    method_key(r->method, name);
    open_member(o, name);
    operation_name(r, name);
    out_member_text(o, "operationId", name);
    out_member_text(o, "summary", r->about);
    write_security(o, r->access);
    out_key(o, "parameters");
    out_open_array(o);
    write_path_parameters(o, r->pattern);
    write_query_parameters(o, r->query);
    write_header_parameters(o, r);
    out_close_array(o);
    write_body(o, r->body);
    write_responses(o, r->answers, route_types(r));
    out_close_object(o);
}

/* ---- the document ---- */

static bool is_first_of_pattern(size_t i)
{
    for (size_t j = 0; j < i; j++) {
        if (strcmp(route_at(j)->pattern, route_at(i)->pattern) == 0)
            return false;
    }
    return true;
}

static void write_path(struct out *o, const char *pattern)
{
    const struct route *r;
    char name[NAME_MAX_BYTES];

    path_name(pattern, name);
    open_member(o, name);
    for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
        if (strcmp(r->pattern, pattern) == 0)
            write_operation(o, r);
    }
    out_close_object(o);
}

static void write_info(struct out *o)
{
    open_member(o, "info");
    out_member_text(o, "title", "heapd");
    out_member_text(o, "version", HEAPD_VERSION);
    out_member_text(o, "summary", "A shared, reference-counted object heap that collects its cycles");
    out_close_object(o);
}

/* The members of a problem document: api/answer.c writes them. */
static void write_problem_schema(struct out *o)
{
    static const char *const texts[] = {"type", "title", "detail", "hint"};

    open_member(o, "properties");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        open_member(o, texts[i]);
        out_member_text(o, "type", "string");
        out_close_object(o);
    }
    open_member(o, "status");
    out_member_text(o, "type", "integer");
    out_close_object(o);
    out_close_object(o);
}

/* {"token":{"type":"http","scheme":"bearer","description"}} */
static void write_security_schemes(struct out *o)
{
    open_member(o, "securitySchemes");
    open_member(o, "token");
    out_member_text(o, "type", "http");
    out_member_text(o, "scheme", "bearer");
    out_member_text(o, "description",
                    "Of the token file; without one, whoever reaches the service may do everything");
    out_close_object(o);
    out_close_object(o);
}

/* {"responses":{"Problem":{"description","content":{TYPE:{"schema":{...}}}}}} */
static void write_problem_response(struct out *o)
{
    open_member(o, "responses");
    open_member(o, "Problem");
    out_member_text(o, "description", "What went wrong (RFC 9457)");
    open_member(o, "content");
    open_member(o, WIRE_TYPE_PROBLEM);
    open_member(o, "schema");
    out_member_text(o, "type", "object");
    write_problem_schema(o);
    for (int depth = 0; depth < 5; depth++)
        out_close_object(o);
}

static void write_components(struct out *o)
{
    open_member(o, "components");
    write_security_schemes(o);
    write_problem_response(o);
    out_close_object(o);
}

static void write_document(struct out *o)
{
    const struct route *r;

    out_open_object(o);
    out_member_text(o, "openapi", "3.1.0");
    write_info(o);
    open_member(o, "paths");
    for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
        if (route_is_call(r) && is_first_of_pattern(i))
            write_path(o, r->pattern);
    }
    out_close_object(o);
    write_components(o);
    out_close_object(o);
}

struct slice api_openapi(struct api *api)
{
    struct out o = out_into(&api->openapi);

    if (api->openapi.len == 0)
        write_document(&o);
    if (api->openapi.failed)
        buf_clear(&api->openapi); /* memory was refused: the next one tries again */
    return buf_slice(&api->openapi);
}

/* GET /openapi.json  ->  200, the document */
enum err get_openapi(struct api *api, struct task *task, struct why *why)
{
    struct slice document = api_openapi(api);
    struct out *o = reply_json(task, 200);

    if (document.len == 0)
        return why_set(why, ERR_NOMEM, "no memory to write the document");
    buf_add_slice(o->buf, document);
    return reply_end(task, why);
}
