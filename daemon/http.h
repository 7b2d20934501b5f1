/*
 * http.h - bytes of a connection into requests and their bodies (llhttp behind the guard), replies into
 * bytes.
 *
 * Owns:      where in a request a connection's bytes stand.
 * Knows not: sockets, buffers, which hosts are ours, what a request means.
 *
 * A head is parsed only when it is whole and the guard has passed it, in one piece, straight from the
 * connection's buffer: so headers are slices that nobody copies, and the parser keeps no text. A body is
 * handed out in stretches as it comes. The parser stops at the end of each request; what follows is not
 * looked at before it is asked for.
 *
 *   HEAD --guard, llhttp--> BODY, its length known: counted--> END --> HEAD
 *                       `-> CHUNKS, by llhttp --last chunk--> TRAILER --guard, llhttp--> END
 *
 * llhttp is compiled with LLHTTP_STRICT_MODE=1: without it, a bare CR opens request smuggling.
 */
#pragma once
#include "api/reply.h"
#include "api/request.h"
#include "api/settings.h"
#include "daemon/guard.h"
#include <llhttp.h>

#define HTTP_FIELDS_MAX 1000 /* as header_fields_max in /v1/config */
#define HTTP_HEAD_MAGIC 0x4ead0001u

/* The last head parsed: scratch that all connections share, good until the bytes it was parsed from move. */
struct http_head {
    uint32_t magic;
    bool http_1_1;
    bool keep_alive; /* what the client wants */
    struct request request;
    struct guard_facts facts;
    struct header headers[HTTP_FIELDS_MAX];
};

enum http_phase { HTTP_IN_HEAD, HTTP_IN_BODY, HTTP_IN_CHUNKS, HTTP_IN_TRAILER, HTTP_AT_END };

/* One connection's place; zero-cost to keep while it idles. */
struct http {
    llhttp_t parser;
    struct guard guard;
    enum http_phase phase;
    uint32_t extension_bytes; /* of chunk extensions of this body */
    size_t scanned;           /* bytes at the start of the input that the guard has passed */
    uint64_t body_left;       /* HTTP_IN_BODY: bytes to come */
};

enum http_event {
    HTTP_NEEDS_MORE, /* the rest of *in is the start of something: keep it, ask again with more behind it */
    HTTP_GOT_HEAD,   /* *head is set; the body, if any, follows */
    HTTP_GOT_BODY,   /* *ret_body is the next stretch of it */
    HTTP_GOT_END,    /* the request is whole; also for one without a body */
    HTTP_REFUSED,    /* *why says what is wrong; the connection's input means nothing any more */
};

void http_head_init(struct http_head *head);
void http_init(struct http *h);

/* The next thing in *in, which moves past what was used. */
enum http_event http_next(struct http *h, const struct settings *limits, struct slice *in,
                          struct http_head *head, struct slice *ret_body, struct why *why);

/* True between requests, with no byte of the next one seen. */
bool http_is_idle(const struct http *h);

/* ---- replies ---- */

#define HTTP_WRITE_HEAD_MAX 1024 /* bytes of any head that http_write_head() writes */
#define HTTP_CHUNK_LINE_MAX 20
#define HTTP_INSTANCE_MAX   64

enum http_framing {
    HTTP_BY_LENGTH,
    HTTP_BY_CHUNKS, /* 1.1: the length is not known */
    HTTP_BY_CLOSE,  /* 1.0: the same; the end of the connection ends the body */
};

/* What belongs to the connection and not to the reply. */
struct http_answer {
    bool durable; /* of a write: it is on disk when this leaves */
    bool http_1_1;   /* as the request was */
    bool keep_alive; /* the connection goes on */
    enum http_framing framing;
    uint64_t length;       /* HTTP_BY_LENGTH: of the body, sent or (HEAD) not */
    const char *date;      /* CLOCK_HTTP_DATE_BYTES of text */
    struct slice instance; /* at most HTTP_INSTANCE_MAX */
};

/* Write status line and headers, with the empty line; returns how many bytes. */
size_t http_write_head(char out[HTTP_WRITE_HEAD_MAX], const struct reply *r, const struct http_answer *a);
/* The line before a chunk of `len` > 0 bytes; CR LF follows the chunk. */
size_t http_write_chunk_line(char out[HTTP_CHUNK_LINE_MAX], size_t len);
