/*
 * task.h - one request inside api/: what it asks, how far it is (the picture is in api.c), what it answers.
 *
 * A handler runs once, with the whole body in task->body (BODY_STREAM: when the head is there, unless it is atomic). It reads the
 * path, the query, headers and the body, does one thing, and either writes its answer with
 *
 *     struct out *o = reply_json(task, 200);   ... out_...(o) ...   return reply_end(task, why);
 *
 * or leaves work behind with task_work(), or returns an error, with *why saying what; the answer then is the
 * problem document, and whatever it had written before is thrown away.
 *
 * All text here is the task's own copy. Tasks are recycled with their buffers, so that a small request
 * allocates nothing.
 */
#pragma once
#include "api/api_impl.h"
#include "api/body_json.h"
#include "api/decode.h"
#include "api/json_out.h"
#include "api/keyed.h"
#include "api/wire.h"
#include <jansson.h>

#define TASK_MAGIC      0x7a5c0001u
#define TASK_QUERY_MAX  16          /* parameters of one query */
#define TASK_KEEP_BYTES (16u << 10) /* a larger buffer is not kept for the next task */

enum task_state { TASK_HEAD, TASK_RUN, TASK_WORK, TASK_DISCARD, TASK_ENDED };

/* Headers that handlers look at; empty (data NULL) when the request has none. */
struct task_headers {
    struct slice session, site, if_instance, if_match, if_none_match, if_range, range, accept, accept_encoding,
        content_type, content_encoding, idempotency_key, last_event;
};

struct task_param {
    struct slice name, value; /* decoded */
};

/* What is left to do after a handler. step() says in *turn how it stands: TASK_MORE, TASK_WAIT, TASK_INPUT or
 * TASK_ROOM to be called again, TASK_DONE when the reply is complete. An error ends the task with its problem
 * (not after a streaming reply has begun: that one ends itself). destroy() frees ctx, at any time after. */
struct task_work {
    enum err (*step)(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why);
    void (*destroy)(struct task *t, void *ctx);
};

struct task {
    uint32_t magic;
    enum task_state state;
    struct api *api;
    struct task *next_free;

    enum method method;                    /* HEAD reads GET: whoever writes HTTP leaves the body out */
    const struct route *route;             /* NULL for a refusal before a route was found */
    struct slice params[ROUTE_PARAMS_MAX]; /* decoded */
    size_t query_count;
    struct task_headers headers;
    enum access access; /* what whoever asks may do */
    uint64_t began_us;  /* as api_tell_time() */
    struct slice label; /* who that is, as the token says; empty: there are no tokens */
    session_id session; /* in which the request runs */
    bool session_begun;
    bool hung_up; /* it shall end, whatever there were to say */

    struct buf text;         /* owns path, query and headers */
    struct buf body;         /* what was fed (streams: and not yet taken) */
    size_t body_taken;       /* streams: bytes of body already used */
    size_t body_max;         /* its limit ... */
    const char *body_limit;  /* ... as /v1/config names it */
    size_t body_bound;       /* it will not be longer: what was announced, else body_max */
    size_t body_seen;        /* bytes fed so far */
    bool body_whole;         /* ... and that was all */
    bool body_is_bytes;      /* raw ones, no JSON */
    bool body_streams;       /* it is used as it comes, not when it is whole */
    struct body_json *long_json; /* what becomes of a long body of JSON, until the handler has run; NULL: it is in `body` */
    struct payload *payload; /* a body of bytes, for the heap; NULL before its first, and once the handler took it */
    size_t payload_filled;   /* with what has come; the rest is room */

    struct keyed *keyed;     /* of a request with a key, until it is known what a retry is answered; NULL: none */
    const struct task_work *work;
    void *work_ctx;
    enum pause work_pause;   /* what a step of it is among the slices that keep others waiting; 0: a step of any request */
    struct out out; /* into reply.body */
    struct reply reply;

    struct task_param query[TASK_QUERY_MAX]; /* the first query_count; never wiped */
};

/* ---- what is asked ---- */

/* The path parameter {id}: ERR_NO_OBJECT unless it is a number that can be an id. Whether the object lives
 * is for the operation (or heap_check()) to say. */
enum err path_id(const struct task *t, obj_id *ret, struct why *why);
/* The same, and alive. */
enum err path_object(const struct task *t, obj_id *ret, struct why *why);

/* A query parameter; false if it is not there. */
bool query_get(const struct task *t, const char *name, struct slice *ret);
/* ... "true" or "1" */
bool query_is_true(const struct task *t, const char *name);
/* ... as a number, `fallback` if it is not there. ERR_BAD_VALUE unless min <= number <= max. */
enum err query_u64(const struct task *t, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
                   uint64_t *ret, struct why *why);

/* `limit` (1 to 1000, default 100) and `cursor` (a number that an earlier page gave; 0 at the start). */
struct page {
    size_t limit;
    uint64_t cursor;
};
enum err query_page(const struct task *t, struct page *ret, struct why *why);

/* Its body is used as it comes, not when it is whole. */
static inline bool task_is_stream(const struct task *t)
{
    return t->body_streams;
}

/* Content-Type says that it is raw bytes. */
bool task_type_is_bytes(const struct task *t);
/* True if the body is raw bytes; a handler then finds it in task->payload and may take it. */
static inline bool task_body_is_bytes(const struct task *t)
{
    return t->body_is_bytes;
}
/* The same, from route and headers: asked once, when both are known. */
bool body_will_be_bytes(const struct task *t);

/* The body as JSON, to be json_decref()ed (declare it `json_auto_t *body = NULL`). An empty body is
 * ERR_BAD_JSON, unless the route says BODY_JSON_OPTIONAL: then *ret is NULL. */
enum err task_json(const struct task *t, json_t **ret, struct why *why);
/* The same; ERR_BAD_REQUEST unless it is an object (or absent, where it may be). */
enum err task_json_object(const struct task *t, json_t **ret, struct why *why);

/* May so many bytes more be made in its session? ERR_LIMIT. For whatever makes objects, or lets one grow. */
enum err task_may_grow(const struct task *t, uint64_t bytes, struct why *why);

/* How the values of this request are decoded: new objects are tagged with its site, ids are plain. */
struct decoder task_decoder(const struct task *t);

/* If-Match (ERR_CHANGED), for PUT, PATCH, DELETE of something in the object. */
enum err task_if_match(const struct task *t, obj_id id, struct why *why);

/* ---- what is answered ---- */

/* Begin a JSON answer; write one value into what it returns. */
struct out *reply_json(struct task *t, int status);
/* End it: ERR_NOMEM if memory was refused while writing. */
enum err reply_end(struct task *t, struct why *why);
/* A status alone: 204, 304. */
enum err reply_empty(struct task *t, int status);
/* A page: reply_page() opens {"items":[ ; write the items; reply_page_end() closes it, with the next cursor,
 * or null for 0, and ends the answer. */
struct out *reply_page(struct task *t);
enum err reply_page_end(struct task *t, uint64_t next, struct why *why);
/* Add a piece of a path and a number to the Location. */
void reply_location(struct task *t, const char *part, uint64_t number);

/* Throw away what was written, and answer with the problem. The task has ended or will (api.c). */
void reply_problem(struct task *t, const struct why *why);
/* The same, and which line of the body has it. */
void reply_problem_at(struct task *t, const struct why *why, uint64_t line);

/* Go on with `work` after the handler returns OK; `ctx` belongs to the task from now on. */
void task_work(struct task *t, const struct task_work *work, void *ctx);
/* The same with work on the whole heap: its steps are slices, and told as those of `pause`. */
void task_work_in_slices(struct task *t, const struct task_work *work, void *ctx, enum pause pause);

/* True if a list of entity tags ("*" too) names `etag`. `weak`: W/"..." counts (If-None-Match). */
bool etag_listed(struct slice list, uint64_t etag, bool weak);

/* ---- for api.c ---- */

struct task *task_new(struct api *api); /* NULL: memory is refused */
void task_free(struct task **t);        /* to the free list, or to the account */
void task_drain_free(struct api *api);  /* give the free list back */

/* Copy what the task needs of the request, and decode its query. ERR_BAD_REQUEST (bad escapes, too many
 * parameters, a header twice), ERR_NOMEM. */
enum err task_read_request(struct task *t, const struct request *r, struct slice *ret_path, struct why *why);
/* Decode the path parameters of a match, which lie in the path that task_read_request() gave. */
enum err task_read_params(struct task *t, const struct route_match *match, struct why *why);
