/*
 * line.h - one connection to heapd that carries one request at a time, without ever waiting.
 *
 * Owns:      a socket, the bytes of the request under way and of its answer, and the parser.
 * Knows not: why a request is sent, and what its answer means.
 *
 *   DOWN --line_ask()--> DIALS --connected--> ASKS --answer--> READY --line_ask()--> ASKS
 *    ^                     |                    |                 |
 *    '------- HANGS_UP <---'------- broken -----'----- closed ----'
 *
 * Who asked hears of a break when the line is DOWN. A connection that heapd closes between two requests is made again with the
 * next one. The client library (heapd.h) waits for
 * every answer; here hundreds are under way at once, and each is timed to the microsecond, so libuv and llhttp are used as
 * heapd itself uses them: 5 us of a core a request.
 */
#pragma once
#include "client/heapd.h"
#include "client/text.h"
#include <llhttp.h>
#include <uv.h>

#define LINE_ANSWER_BYTES_MAX (16u << 20) /* a longer one breaks the line */
#define LINE_INSTANCE_BYTES   64u
#define LINE_INBOX_BYTES      (16u << 10)
#define LINE_LOOK_MS          10000 /* for the first of several addresses that answers */

/* Where all lines of a run lead. */
struct line_place {
    bool is_path;
    struct sockaddr_storage address; /* of TCP */
    char path[108];                  /* of a Unix socket */
    char host[300];                  /* for the header */
};

enum line_state { LINE_DOWN, LINE_DIALS, LINE_ASKS, LINE_READY, LINE_HANGS_UP };

struct line;

/* What came: status 0 if nothing did, and then `broken` says why; `refused`: nobody listens there any more. The body is the
 * line's, and good until its next request. */
struct line_answer {
    int status;
    bool refused;
    const char *broken;
    const char *body;
    size_t length;
};

/* Called once for each request; the line is free by then, and may be given the next one. */
typedef void line_answer_fn(void *arg, struct line *l, const struct line_answer *a);

struct line {
    enum line_state state;
    uv_loop_t *loop;
    const struct line_place *place;
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } socket;
    uv_connect_t connecting;
    uv_write_t writing;
    llhttp_t parser;
    struct text out, body; /* the whole request; of the answer */
    size_t sent;
    int status;            /* of the answer that is whole; 0: none is */
    bool refused, silent;  /* nobody listens; nobody wants to hear of it any more */
    bool asked_meanwhile;  /* while it hung up: it dials again */
    bool listens;          /* to what heapd calls itself (Heapd-Instance) */
    char instance[LINE_INSTANCE_BYTES]; /* of the last answer; "": it did not say */
    size_t field_length;   /* so much of the name of a header has come, */
    bool field_is_instance; /* and is that so far; */
    bool reads_value;      /* now its value comes */
    line_answer_fn *on_answer; /* NULL: nothing is under way */
    void *arg;
    const char *broken;
    char inbox[LINE_INBOX_BYTES];
};

/* http://HOST:PORT or unix:PATH, in UTF-8. Looks the host up, once. */
enum heapd_result line_place_of(const char *url, struct line_place *ret_place, struct heapd_problem *p);

/* `place` stays the caller's and must outlive the line. */
void line_init(struct line *l, uv_loop_t *loop, const struct line_place *place);

/* True: it takes a request. */
bool line_is_free(const struct line *l);

/* Send `head` and `body` as they are. */
void line_ask(struct line *l, const struct text *head, const struct text *body, line_answer_fn *on_answer, void *arg);

/* Break what is under way, without telling anybody. The loop must run on until it has nothing more to do, before fini. */
void line_close(struct line *l);
void line_fini(struct line *l);
