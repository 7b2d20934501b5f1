/*
 * wire.h - the names and numbers that both sides of the wire must agree on. Constants only.
 */
#pragma once

#define WIRE_DEFAULT_HOST "127.0.0.1"
#define WIRE_DEFAULT_PORT 4327 /* HEAP on a telephone */
#define WIRE_DEFAULT_LISTEN "127.0.0.1:4327"
#define WIRE_DEFAULT_URL "http://127.0.0.1:4327"

#define WIRE_HEADER_SESSION "Heapd-Session"
#define WIRE_HEADER_SITE "Heapd-Site"
#define WIRE_HEADER_INSTANCE "Heapd-Instance"
#define WIRE_HEADER_IF_INSTANCE "If-Heapd-Instance"
#define WIRE_HEADER_DURABLE "Heapd-Durable"
#define WIRE_HEADER_IDEMPOTENCY_KEY "Idempotency-Key"
#define WIRE_HEADER_LAST_EVENT "Last-Event-ID" /* as the HTML standard calls it */
#define WIRE_HEADER_REPLAYED "Idempotent-Replayed" /* as Stripe calls it, and those who follow it */

#define WIRE_TYPE_JSON "application/json"
#define WIRE_TYPE_PROBLEM "application/problem+json"
#define WIRE_TYPE_NDJSON "application/x-ndjson"
#define WIRE_TYPE_EVENTS "text/event-stream"
#define WIRE_TYPE_BYTES "application/octet-stream"
#define WIRE_TYPE_DOT "text/vnd.graphviz"
#define WIRE_TYPE_SQLITE "application/vnd.sqlite3"

#define WIRE_ID_MAX ((1ULL << 53) - 1) /* ids are exact in every JSON implementation */
#define WIRE_NAME_BYTES_MAX 255        /* field, root, class, site names: 1 to 255 bytes, no NUL */
#define WIRE_PAGE_DEFAULT 100
#define WIRE_PAGE_MAX 1000
#define WIRE_DOCUMENT_PARTS_MAX 1000   /* fields or items shown in one document before "more":true */
#define WIRE_DEPTH_OBJECTS_MAX 1000    /* objects shown by one ?depth= */
#define WIRE_WHY_PATHS_MAX 1000        /* ?paths= */
#define WIRE_WALKS_MAX 2               /* why and retained look through the whole heap: so many at once, others wait */
#define WIRE_WALK_TRIES_MAX 5          /* walks for one answer, if what they find is gone before it can be shown */

#define WIRE_JSON_BODY_BYTES_MAX (1u << 20)
#define WIRE_JSON_INLINE_BYTES_MAX (16u << 10)
#define WIRE_JSON_DEPTH_MAX 64
#define WIRE_BATCH_LINE_BYTES_MAX (64u << 10)
#define WIRE_ATOMIC_OPS_MAX 10000
#define WIRE_ATOMIC_BYTES_MAX (1u << 20)
#define WIRE_BYTES_BODY_MAX (64u << 20)
