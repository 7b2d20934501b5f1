/*
 * plain_http.h - requests of HTTP/1.1 as heapd takes them, read in the plainest way: all bytes at once, one rule after
 * the other, no state. Slow, and made by nobody who knew daemon/http.c: what the two disagree about is a bug in one.
 */
#pragma once
#include "heap/base/slice.h"
#include <stdio.h>

enum plain_end {
    PLAIN_MORE,    /* all there is is well, and what comes next is not known */
    PLAIN_REFUSED, /* the next request, or the rest of the last one's body, is none */
};

/* Write the requests in `bytes` to `out`, as transcript_head(), the body and transcript_end() do. */
enum plain_end plain_read(struct slice bytes, FILE *out);

/* ---- how a request is written down, so that two transcripts of the same one are the same bytes ---- */

struct plain_field {
    struct slice name, value;
};

void transcript_line(FILE *out, struct slice method, struct slice path, struct slice query);
void transcript_field(FILE *out, struct plain_field f);
void transcript_head_end(FILE *out, bool has_body, bool keep_alive);
void transcript_end(FILE *out);
