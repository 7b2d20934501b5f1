/*
 * reply.h - one answer as api/ makes it: plain data. daemon/http.c writes it as HTTP and adds what belongs to
 * the connection (Content-Length or chunks, Connection, Date).
 */
#pragma once
#include "heap/base/buf.h"
#include "heap/heap.h"

#define REPLY_LOCATION_MAX 80
#define REPLY_ALLOW_MAX 64

struct reply {
    int status;
    const char *content_type;         /* static; NULL: no body */
    bool streaming;                   /* length unknown: the body keeps coming until the task is DONE */
    uint64_t stream_bytes;            /* streaming: how much will have come by then, if that is known; else 0 */
    bool has_etag;
    uint64_t etag;                    /* sent as "%016x" in quotes */
    bool live;                        /* of this moment: nobody on the way may keep it or hold it up */
    bool write;                       /* a write: Heapd-Durable is sent */
    bool close;                       /* the connection must not be used again */
    bool replayed;                    /* an earlier answer, to a retry: Idempotent-Replayed is sent */
    unsigned retry_after_s;           /* 0: none */
    const char *more_headers;         /* static: whole lines, each with its CR LF; NULL: none */
    const char *challenge;            /* static: how to say who asks (WWW-Authenticate); NULL: none */
    struct buf body;                  /* what can be sent now; a streaming task refills it */
    struct payload *payload;          /* or these bytes, without copying; NULL: body */
    size_t payload_from, payload_len; /* the part of payload that is the body */
    bool accept_ranges;
    bool has_range;                   /* 206: Content-Range from payload_from, payload_len; 416: "* / total" */
    uint64_t range_total;
    char location[REPLY_LOCATION_MAX];/* "" for none */
    char allow[REPLY_ALLOW_MAX];      /* "" for none: "GET, PUT, DELETE" */
};
