/*
 * conn.h - one connection: its bytes become tasks, its tasks' answers become bytes, in order.
 *
 *   OPEN --all answered, and it is the end--> LINGER --the peer has closed, or too long--> CLOSING --> gone
 *     '----------- nobody is there any more, or memory is refused ---------------------------^
 *
 * It is the end after "Connection: close", a refused request, or when the peer will send no more. LINGER has
 * sent FIN and reads on into the void for a while: closing at once with bytes unread would reset the
 * connection, and the peer might never see the answer. CLOSING waits for the handle's close callback, which
 * frees everything.
 *
 * One task at a time. Requests that follow in a pipeline wait as bytes; answers of those before wait in the
 * outbox, at most pipeline_max of them. So what one request shows is what the one before it left behind, and
 * an idle connection owns no buffer at all: it reads into the edge's, and what cannot be used at once is kept
 * in `inbox`.
 */
#pragma once
#include "daemon/edge.h"

enum conn_state { CONN_OPEN, CONN_LINGER, CONN_CLOSING };

/* What is waited for, and so which limit of time holds. */
enum conn_patience {
    WAITS_FOR_NOTHING,
    WAITS_FOR_REQUEST, /* idle_timeout_ms */
    WAITS_FOR_HEAD,    /* header_timeout_ms */
    WAITS_FOR_BODY,    /* body_bytes_per_s_min */
    WAITS_FOR_READER,  /* backlog_timeout_ms */
    WAITS_FOR_CLOSE,   /* CONN_LINGER_MS */
};

/* The request that is being served. */
struct exchange {
    bool http_1_1, keep_alive;
    bool head_only;  /* HEAD: the answer has no body */
    bool only_reads; /* GET, HEAD: nobody misses it if nobody reads the answer */
    bool expects;    /* the client waits for 100 before it sends the body */
    bool body_open;  /* its last byte has not come */
    bool head_sent;  /* of a streaming answer */
    bool chunked;    /* the streaming answer is sent in chunks */
    bool live;       /* it has no end of its own: it listens, */
    bool listens;    /* ... has been told all there was when it was its turn last, */
    bool is_told;    /* ... and now is its turn again */
    bool length_known;
    uint64_t length;     /* of the body */
    uint64_t body_bytes; /* that have come */
    uint64_t token;      /* by which it was let in; 0: none */
};

#define CONN_HELD 2 /* commits that answers wait for: the one under way, and the next */

struct conn {
    uint32_t magic;
    enum conn_state state;
    struct edge *edge;
    struct list all, queue; /* edge->all; edge->again or edge->waiting */
    struct list parked;     /* edge->parked */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_write_t write;
    size_t write_bytes; /* of the write under way */

    bool unix_socket, reading, writing;
    bool turned_away; /* one too many: it is told so, and takes nobody's place */
    bool cut;         /* it was too slow when buffers were short: it only ends, and counts no more */
    bool counted;     /* among those of its peer */
    uint32_t peer;    /* by the name that edge->peers has for it */
    bool starved;   /* what is in `in` is not enough to go on */
    bool peer_done; /* the peer will send no more */
    bool peer_gone; /* nor read any more */
    bool last;      /* nothing is served after the present request */
    enum conn_patience waits_for;
    uint64_t since_ms;    /* when that began */
    uint64_t since_bytes; /* body_bytes then; in LINGER: thrown away since */

    struct http http;
    struct slice in; /* not yet parsed: in the edge's read buffer during a turn, else in inbox */
    struct buf inbox;
    struct holding holding; /* of inbox, task and out */
    struct task *task; /* of the present request; NULL between them */
    struct exchange now;
    struct outbox out;
    size_t free_bytes;  /* of it, those that may leave; then those that wait ... */
    struct held {
        uint64_t commit; /* ... for this one; 0: none do */
        size_t bytes;
    } held[CONN_HELD];  /* in the order of commits */
};

#define CONN_MAGIC             0xc0440001u
#define CONN_TURN_BYTES        (64u << 10) /* of answers; then others have their turn */
#define CONN_SHORT_BYTES       4096u       /* of answers in a turn that took no time to speak of */
#define CONN_LINGER_MS         5000u
#define CONN_LINGER_BYTES_MAX  (128u << 20)
#define CONN_DISCARD_BYTES_MAX (64u << 10) /* of a body that nobody wants, to keep the connection */
#define CONN_WRITE_BYTES_MAX   (64u << 10) /* of one queued write: its end shows that the peer reads */

/* A commit is on disk: what waited for it leaves. */
void conn_unpark(struct conn *c);
/* What waits will not come to pass: say so in its place. */
void conn_fail_parked(struct conn *c, const struct why *why);

/* Go on with whatever can go on, for one turn. */
void conn_advance(struct conn *c);
/* Bytes have come or gone: the same, or, if this time round the loop has been long, in the next one. */
void conn_go_on(struct conn *c);
/* Bytes have come, and there is no room for them now: they are read when it is its turn. */
void conn_read_later(struct conn *c);
/* Once every EDGE_LOOK_MS: nobody waits longer than the settings say, and what is moved and held is known again. True: its
 * time was over, and something was done about that. */
bool conn_look(struct conn *c, uint64_t now_ms);
/* End it if no request has begun: a head that is not whole is none. */
void conn_drain(struct conn *c);
/* heapd ends: whoever listens has heard the last of it. */
void conn_end_listening(struct conn *c);
/* It listens: is there news for it, and its turn to be told; for audience.c. */
bool conn_has_news(const struct conn *c);
void conn_tell(struct conn *c);
void conn_close(struct conn *c);
/* Buffers are short: give up its own, and tell the peer if it still can be told. */
void conn_cut(struct conn *c);

/* From libuv's data, and from the edge's lists. */
struct conn *conn_of(void *data);
struct conn *conn_of_queue(struct list *queue_link);
struct conn *conn_of_all(struct list *all_link);
struct conn *conn_of_parked(struct list *parked_link);
struct conn *conn_of_holding(struct holding *holding);

/* Answer what is wrong, and nothing after it. */
void conn_refuse(struct conn *c, const struct why *why);

/* ---- conn_accept.c ---- */

/* Take the connection waiting at `listener`; it closes itself and leaves the edge when it ends. False: memory
 * is refused, and it waits on. */
bool conn_accept(struct edge *e, uv_stream_t *listener, bool unix_socket);
/* It counts no more among those of its peer. */
void conn_leave_peers(struct conn *c);

/* ---- conn_io.c ---- */

void conn_set_reading(struct conn *c, bool on);
/* The edge's read buffer goes to others now: keep what is left in it; what is empty costs nothing. */
void conn_keep_input(struct conn *c);
/* Send what can be sent without waiting, in one vectored write; the rest is queued. */
void conn_write(struct conn *c);
/* The peer neither sends nor reads. What it has asked for in whole is carried out all the same. */
void conn_lose_peer(struct conn *c);

/* ---- conn_patience.c ---- */

/* After each turn: what it waits for now, if that is something else than before. */
void conn_start_clock(struct conn *c);
/* It has waited for that longer than the settings say. A body that came fast enough is measured anew. */
bool conn_is_out_of_time(struct conn *c, uint64_t now_ms);
/* Nothing goes on before its peer sends or reads. */
bool conn_waits_for_peer(const struct conn *c);

/* ---- conn_hold.c: answers that a commit has to come before ---- */

/* What has been added to the outbox since the last call waits for the commit that has it; `is_kept`: that is on disk. Once
 * after each turn of serving. */
void conn_hold_answers(struct conn *c, bool is_kept);
/* So many bytes of the outbox have been sent. */
void conn_held_sent(struct conn *c, size_t n);
/* It ends: nothing waits any more. */
void conn_hold_nothing(struct conn *c);

/* ---- conn_answer.c ---- */

/* What a streaming task has ready goes to the outbox, with the head before the first of it. */
void conn_answer_part(struct conn *c);
/* The task is done: the rest of its answer, or all of it. */
void conn_answer_end(struct conn *c);
/* Nobody wants the rest of it: end the task where it is. */
void conn_answer_stop(struct conn *c);
