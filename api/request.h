/*
 * request.h - one HTTP request as api/ sees it: plain data, already parsed and checked by whoever knows HTTP.
 */
#pragma once
#include "heap/base/slice.h"
#include <stdint.h>

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE, METHOD_OPTIONS, METHOD_COUNT_ };

struct header {
    struct slice name; /* as received: compare without case */
    struct slice value; /* without blanks around it */
};

/* What somebody may do; each includes those before it. A route needs one (route.h), a token gives one. */
enum access { ACCESS_OPEN, ACCESS_READ, ACCESS_WRITE, ACCESS_ADMIN };

/* Who asks, as the token says that came with the request. Left empty, it opens only what is open to all. */
struct grant {
    enum access access;
    bool shown;         /* a token came along; with ACCESS_OPEN it is none of ours */
    struct slice label; /* the token's, for people */
    uint64_t token;     /* its number among all there have ever been, which tells whether it still opens; 0: none */
};

/* Everything here is borrowed for the call of api_begin(); a task copies what it needs later. */
struct request {
    enum method method;
    struct grant grant;
    struct slice path;   /* origin form, still percent-encoded, without the query */
    struct slice query;  /* without the '?'; empty if none */
    const struct header *headers;
    size_t header_count;
    bool framed;         /* Content-Length, of 0 too, or chunked; else there is no body */
    bool awaits_100;     /* the body will not come before it is asked for (RFC 9110, 10.1.1) */
    bool has_body;       /* Content-Length above 0, or chunked */
    bool length_known;
    uint64_t length;     /* if length_known */
};
