/*
 * guard.h - what a request must look like before anybody believes it: stricter than the parser behind it.
 *
 * Owns:      the syntax that heapd refuses although llhttp would take it, the limits of a head, and the rules
 * of how a body is framed. Knows not: sockets, which hosts are ours (doors.h), what a request means.
 *
 * Two machines that disagree about where a request ends let an attacker write the next one (RFC 9112, section
 * 11.2). So a head is accepted in one spelling only: visible bytes, one blank where the grammar has one, CR
 * LF at the end of a line and nowhere else. The first half of this file sees single bytes and keeps its state
 * across reads: cut anywhere, a head gets the verdict it gets whole. The second half sees whole heads.
 */
#pragma once
#include "api/request.h"
#include "api/settings.h"
#include "heap/base/err.h"
#include "heap/base/slice.h"
#include <stdbool.h>
#include <stdint.h>

/* ---- bytes ---- */

enum guard_state {
    GUARD_START, /* before a request line; empty lines are passed over (RFC 9112, 2.2) */
    GUARD_START_LF,
    GUARD_LINE,
    GUARD_LINE_LF,
    GUARD_FIELD, /* at the start of a field line, or of the empty line that ends the section */
    GUARD_NAME,
    GUARD_VALUE,
    GUARD_VALUE_LF,
    GUARD_END_LF,
    GUARD_WHOLE,  /* the section has ended */
    GUARD_BROKEN, /* refused; nothing that follows is looked at */
};

/* Where the scan of a section stands. */
struct guard {
    enum guard_state state;
    uint32_t line_bytes;  /* of the request line and of empty ones before it */
    uint32_t field_bytes; /* of all field lines */
    uint32_t fields;
};

enum guard_verdict { GUARD_MORE, GUARD_END, GUARD_REFUSED };

/* Begin a head (request line and fields), or the trailer section behind the last chunk (fields alone). */
void guard_begin_head(struct guard *g);
void guard_begin_trailer(struct guard *g);

/* Look at the next bytes of the section. *ret_used is how many of them belong to it: all for GUARD_MORE; for
 * GUARD_END what follows is not its business. GUARD_REFUSED: *why says what is wrong, ERR_BAD_REQUEST or the
 * limit that was passed, and the guard stays broken. O(bytes). */
enum guard_verdict guard_scan(struct guard *g, const struct settings *limits, struct slice bytes,
                              size_t *ret_used, struct why *why);

/* ---- whole heads ---- */

/* METHOD SP TARGET SP HTTP/1.x, without the CR LF. ERR_NOT_IMPLEMENTED (method), ERR_VERSION,
 * ERR_BAD_REQUEST: anything but two single blanks, and a target that begins with '/' (for OPTIONS also "*")
 * and has no fragment. */
enum err guard_request_line(struct slice line, enum method *ret_method, struct why *why);

/* The headers that decide where a message ends, who is meant and who asks, picked out while they pass by. */
struct guard_facts {
    unsigned host_count, length_count, coding_count, expect_count, origin_count, authorization_count;
    struct slice host, length, coding, expect, origin, authorization;
    struct slice fetch_site, fetch_mode; /* Sec-Fetch-Site, Sec-Fetch-Mode */
    bool says_close, says_keep_alive;    /* Connection, one of its options */
};

void guard_note_header(struct guard_facts *f, const struct header *h);

/* True if the connection goes on after this request (RFC 9112, 9.3). */
bool guard_keeps_alive(const struct guard_facts *f, bool http_1_1);

/* One Host on HTTP/1.1, one way to frame the body, one who asks. ERR_BAD_REQUEST; ERR_NOT_IMPLEMENTED for a transfer
 * coding other than `chunked`; ERR_EXPECTATION. */
enum err guard_framing(const struct guard_facts *f, bool http_1_1, struct why *why);
