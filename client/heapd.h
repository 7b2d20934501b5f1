/*
 * heapd.h - talk to a heapd: one handle, one request at a time, and batches that stream.
 *
 * Owns:      connections to one daemon, and the identity (token, session) sent with each request.
 * Knows not: what you do with the answers; bodies go in and come out as the JSON text of the HTTP API,
 *            so that any JSON library will do.
 *
 * The library neither prints nor exits. It is blocking, and a handle belongs to one thread at a time.
 * Every call says how it went by enum heapd_result and, unless HEAPD_OK, fills the struct heapd_problem
 * it was given (NULL if you do not care): title, detail and hint are sentences for people.
 *
 *     struct heapd *h;
 *     struct heapd_problem p;
 *     struct heapd_reply r;
 *
 *     if (heapd_open(&(struct heapd_options){.url = "http://127.0.0.1:4327"}, &h, &p) == HEAPD_OK &&
 *         heapd_call(h, "GET", "/v1/gc", NULL, &r, &p) == HEAPD_OK) {
 *         puts(r.body);
 *         heapd_reply_fini(&r);
 *     }
 *     heapd_close(&h);
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEAPD_INSTANCE_MAX 65 /* with its NUL */
#define HEAPD_DEFAULT_URL "http://127.0.0.1:4327"

struct heapd;       /* a handle; private */
struct heapd_batch; /* a batch under way; private */

enum heapd_result {
    HEAPD_OK,
    HEAPD_BAD_URL,     /* the url is neither http(s)://HOST:PORT nor unix:PATH */
    HEAPD_UNREACHABLE, /* nobody listens there */
    HEAPD_REFUSED,     /* the daemon answered with a problem */
    HEAPD_BROKEN,      /* the connection broke, or the answer is not HTTP or JSON of heapd */
    HEAPD_NOMEM,
};

struct heapd_problem {
    enum heapd_result result;
    int status;    /* HTTP status, 0 if there was no answer */
    long line;     /* the op of a batch that failed, from 0; -1 if none did */
    char type[64]; /* "no-such-object"; empty if there was no answer */
    char title[128];
    char detail[1024];
    char hint[512];
};

struct heapd_options {
    const char *url;     /* NULL: HEAPD_DEFAULT_URL */
    const char *token;   /* sent as Authorization: Bearer; NULL: none */
    const char *session; /* the token of a session; NULL: the default session */
};

struct heapd_body {
    const char *type; /* media type; NULL: JSON */
    const void *data;
    size_t length;
};

struct heapd_reply {
    int status;
    size_t length;
    char *body; /* never NULL; a NUL stands behind the last byte */
    char instance[HEAPD_INSTANCE_MAX]; /* which life of the ids answered (Heapd-Instance); "" if it does not say */
};

/* The options are copied; nothing is sent yet. close() sets *h to NULL; a NULL *h is fine. */
enum heapd_result heapd_open(const struct heapd_options *o, struct heapd **ret_h, struct heapd_problem *p);
void heapd_close(struct heapd **h);

/* One request. `path` is percent-encoded and begins with '/'; `body` may be NULL. Any status below 400 is
 * HEAPD_OK. The connection is kept for the next call. After an error *ret_r holds nothing to free. */
enum heapd_result heapd_call(struct heapd *h, const char *method, const char *path,
                             const struct heapd_body *body, struct heapd_reply *ret_r,
                             struct heapd_problem *p);
void heapd_reply_fini(struct heapd_reply *r);

/* From now on heapd_call() and heapd_download() give up, HEAPD_UNREACHABLE, when an answer takes longer than so many ms (0: as
 * long as it takes, as before), or within a second when `stop_fd` becomes readable (-1: there is none), HEAPD_BROKEN. */
void heapd_be_patient(struct heapd *h, unsigned answer_ms, int stop_fd);

/* One GET whose answer may be too large to be kept: called with each part of the body as it comes; `total` is how long all of
 * it is, 0 if that is not told. False ends it: HEAPD_BROKEN. HEAPD_OK: all of it has come. */
typedef bool heapd_part_fn(void *arg, const void *data, size_t length, uint64_t total);
enum heapd_result heapd_download(struct heapd *h, const char *path, heapd_part_fn *on_part, void *arg,
                                 struct heapd_problem *p);

/* GET /v1/events, with a query ("?types=gc,death&since=7") or without: called with each line of JSON, without its newline, as it
 * comes; pings too. It ends when `stop_fd` becomes readable, or when heapd ends it, both HEAPD_OK; or when the connection
 * breaks. stop_fd -1: there is none. */
typedef void heapd_event_fn(void *arg, const char *line, size_t length);
enum heapd_result heapd_listen(struct heapd *h, const char *query, heapd_event_fn *on_event, void *arg, int stop_fd,
                               struct heapd_problem *p);

/* `prefix` followed by `name`, percent-encoded: ("/v1/roots/", "a b") gives "/v1/roots/a%20b". To be freed
 * with free(); NULL without memory. */
char *heapd_path(const char *prefix, const char *name);

/* --- batches: one op a line, streamed; nothing is kept of what has been sent ---
 *
 * A batch is a scope: what it creates is held until heapd_batch_end() and then lives only if something
 * reaches it. While it is open other calls may be made on the same handle. */

enum {
    HEAPD_BATCH_SUMMARY = 1, /* the last line only */
    HEAPD_BATCH_ATOMIC = 2,  /* all ops or none: at most 10,000 and 1 MiB, run when the batch ends */
};

/* Called with each answer line, without its newline, as it comes; the last one is the summary. */
typedef void heapd_answer_fn(void *arg, const char *line, size_t length);

enum heapd_result heapd_batch_open(struct heapd *h, int flags, heapd_answer_fn *on_answer, void *arg,
                                   struct heapd_batch **ret_b, struct heapd_problem *p);

/* Append bytes of NDJSON, whole lines or not. Blocks while more than a bounded amount waits to be sent.
 * Anything but HEAPD_OK says that the batch has ended already: call heapd_batch_end() to hear why. */
enum heapd_result heapd_batch_put(struct heapd_batch *b, const void *data, size_t length);

/* Send what waits, and take answers, until `fd` is readable: for programs that write an op only when they
 * have seen an answer. Returns as heapd_batch_put() does. */
enum heapd_result heapd_batch_wait(struct heapd_batch *b, int fd);

/* End the batch, hear its last answers, and free it: *b becomes NULL. *ret_done (may be NULL) is the number
 * of ops done; HEAPD_OK only if none failed. With abandon() the daemon sees a cut connection. */
enum heapd_result heapd_batch_end(struct heapd_batch **b, uint64_t *ret_done, struct heapd_problem *p);
void heapd_batch_abandon(struct heapd_batch **b);

#ifdef __cplusplus
}
#endif
