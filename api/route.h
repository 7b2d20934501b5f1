/*
 * route.h - one table of everything heapd answers: method, pattern, handler, what the body is, who may.
 *
 * The table is the only place that names a path. It also writes openapi.json, 405 with Allow, and OPTIONS.
 *
 * A pattern is a path whose segments are literal, or `{name}`, which stands for any one segment that is not
 * empty, or, as the last, `{name*}`, which takes all that is left, slashes too. Literals win.
 */
#pragma once
#include "api/request.h"
#include "heap/base/err.h"
#include <stdbool.h>
#include <stddef.h>

struct api;
struct task;

/* Understand, do one thing, say what is now true. After an error the task answers with the problem. */
typedef enum err handler(struct api *api, struct task *task, struct why *why);

enum body_kind {
    BODY_NONE, /* what comes is thrown away */
    BODY_JSON,
    BODY_JSON_OPTIONAL, /* none at all is fine */
    BODY_BYTES,
    BODY_BYTES_OR_JSON, /* by Content-Type: application/octet-stream is bytes */
    BODY_STREAM,        /* NDJSON: the handler runs when the head is there, its work takes task->body as it comes; with
                         * ?atomic=true when all is there */
};

struct route {
    enum method method; /* HEAD is answered by GET's, OPTIONS by the table */
    enum access access; /* what a token must give */
    enum body_kind body;
    const char *pattern;
    handler *handle;
    const char *answers; /* statuses of success: "200 304" */
    const char *query;   /* parameters: "limit cursor" */
    const char *about;   /* one line */
};

/* Route i in URL order, or NULL past the end. */
const struct route *route_at(size_t i);
/* In which forms a route answers, media types with blanks between them; the first is the usual one. */
const char *route_types(const struct route *r);
/* Is it a call of the API? What is not is a file of the dashboard (dashboard.h), and /openapi.json is silent about it. */
bool route_is_call(const struct route *r);
/* Does the heap grow by it, if anything comes of it? Of a batch each op is asked for itself. */
bool route_grows(const struct route *r);
/* The i of route_at(). */
size_t route_number(const struct route *r);

#define ROUTE_PARAMS_MAX 2
#define ROUTES_MAX       100
#define ROUTE_NODES_MAX  128
#define ROUTE_NONE       UINT8_MAX

/* The patterns as a tree of segments; made once, then only read. */
struct router {
    struct route_node {
        struct slice segment; /* literal, or empty: any */
        bool any, tail;
        uint8_t child, sibling;        /* ROUTE_NONE: none; literal siblings stand before `any` */
        uint8_t routes[METHOD_COUNT_]; /* number of the route, or ROUTE_NONE */
    } nodes[ROUTE_NODES_MAX];
    uint8_t count;
};

struct route_match {
    const struct route_node *node;
    struct slice params[ROUTE_PARAMS_MAX]; /* still percent-encoded, in the order of the pattern */
    size_t param_count;
};

void router_init(struct router *r);

/* Find the node of a path; false: no route at all. No allocation, O(segments). */
bool router_match(const struct router *r, struct slice path, struct route_match *ret);

/* The node's route for a method (HEAD: GET's), or NULL. */
const struct route *router_route(const struct route_node *node, enum method method);

/* "GET, HEAD, PUT, OPTIONS" into `allow`, which has `size` bytes and is large enough; NULL: every method. */
void router_allow(const struct route_node *node, char *allow, size_t size);

const char *method_name(enum method method);
/* "open", "read", "write", "admin" */
const char *access_name(enum access access);
