/*
 * answer.c - see answer.h.
 */
#include "api/answer.h"
#include "heap/base/check.h"
#include <stdio.h>

#define TYPE_MAX 64 /* "/problems/" and the longest name */

/* clang-format off */
static const struct problem problems[ERR_COUNT_] = {
    [ERR_BAD_JSON] = { 400, "bad-json", "Not usable as JSON",
        "The body, or a line of a batch, is not JSON, or is JSON that is refused: a key twice in one "
        "object, nested too deep, a number without a meaning here, or text that is not UTF-8.",
        "Check the body with a JSON tool; send UTF-8, each key once, at most json_depth_max levels." },
    [ERR_BAD_REQUEST] = { 400, "bad-request", "Not a request of this service",
        "The request line, a header or a parameter breaks the rules of HTTP, or a body that is JSON does "
        "not have the form that this call takes.",
        "Compare the request with /openapi.json." },
    [ERR_UNAUTHORIZED] = { 401, "unauthorized", "A token is needed",
        "This service was started with a token file, and the request has no token that stands in it.",
        "Send the header Authorization: Bearer TOKEN." },
    [ERR_FORBIDDEN] = { 403, "forbidden", "Not allowed",
        "The token does not allow this call, or the request names a Host that is not one of this service, "
        "or it comes from a page of another origin.",
        "Use a token with more rights, or start the service with --allow-host for this name." },
    [ERR_NO_OBJECT] = { 404, "no-such-object", "No such object",
        "This id never was an object.",
        "Ids come from a create or a list; they are never guessed. After a start without data all ids are "
        "new." },
    [ERR_NO_NAME] = { 404, "no-such-name", "Nothing has this name",
        "There is no field, item, root, weak name, session or route of this name.",
        "List what is there: /v1/roots, /v1/weak, /v1/sessions, /v1/snapshots, the object itself, or /openapi.json." },
    [ERR_METHOD] = { 405, "method-not-allowed", "Not with this method",
        "The path exists; the method does not.",
        "The header Allow lists the methods that do." },
    [ERR_NOT_ACCEPTABLE] = { 406, "not-acceptable", "No such form of the answer",
        "The header Accept leaves none of the forms in which this can be answered.",
        "Send Accept: */*, or none." },
    [ERR_TIMEOUT] = { 408, "request-timeout", "The request took too long to arrive",
        "Its headers or its body came slower than the limits allow.",
        "Send it again; the limits are header_timeout_ms and body_bytes_per_s_min in /v1/config." },
    [ERR_NOT_HELD] = { 409, "not-held", "The session does not hold it",
        "Letting go of an object needs a hold of the same session on it.",
        "Look at /v1/sessions/self/holds, and at the header Heapd-Session of the request." },
    [ERR_SESSION_ENDED] = { 409, "session-ended", "The session has ended",
        "The token is unknown: its lease ran out, it was ended, or the service started anew. What it held "
        "was let go.",
        "Open a session with POST /v1/sessions, and name it at least once in its ttl." },
    [ERR_BUSY] = { 409, "busy", "Busy with the same thing",
        "Another request is doing what this one asks for.",
        "Try again when it is done." },
    [ERR_NOT_KEPT] = { 409, "answer-not-kept", "Done before, and the answer was not kept",
        "The first request with this Idempotency-Key was carried out, and its answer was too long to be kept. "
        "Nothing was done now.",
        "Look at what was made: the header Location leads to it. To get answers again, keep them short "
        "(a batch: ?reply=summary), or raise idempotency_answer_bytes_max in /v1/config." },
    [ERR_COLLECTED] = { 410, "collected", "The object was collected",
        "This id was an object once. Nothing reached it any more, so it is dead; its id is never used "
        "again.",
        "Hold what must live: by a root, a session, or a link from something that lives." },
    [ERR_LENGTH_REQUIRED] = { 411, "length-required", "The length of the body is needed",
        "This body must come with Content-Length or in chunks.",
        "Send Content-Length." },
    [ERR_CHANGED] = { 412, "changed", "It has changed",
        "The condition of the request does not hold: If-Match names another state of the object, or an `is`"
        " of a batch found another value.",
        "Read it again, decide again, and send the new ETag or value." },
    [ERR_OTHER_INSTANCE] = { 412, "other-instance", "Another life of the ids",
        "If-Heapd-Instance names an instance that is over: ids from then mean nothing now.",
        "Forget all ids, find the graphs again by their roots, and use the Heapd-Instance of this answer." },
    [ERR_TOO_LARGE] = { 413, "too-large", "Too large",
        "The body, a line of a batch or all an atomic batch would answer is longer than its limit.",
        "Send it in parts (a batch that is not atomic has no length limit), or raise the limit in /v1/config." },
    [ERR_URI_TOO_LONG] = { 414, "uri-too-long", "The request line is too long",
        "The request line is longer than request_line_bytes_max.",
        "Names have at most 255 bytes; put the rest into a body." },
    [ERR_MEDIA_TYPE] = { 415, "unsupported-media-type", "Not a form that this call takes",
        "The Content-Type, or the Content-Encoding, is not one that this call can read.",
        "Send JSON, or application/octet-stream where bytes are wanted; no Content-Encoding." },
    [ERR_RANGE] = { 416, "range-not-satisfiable", "The range selects nothing",
        "The Range begins behind the end of the bytes.",
        "The header Content-Range tells how many there are." },
    [ERR_EXPECTATION] = { 417, "expectation-failed", "Unknown expectation",
        "Only Expect: 100-continue is understood.",
        "Leave the header out." },
    [ERR_BAD_VALUE] = { 422, "bad-value", "The value means nothing here",
        "The request is well-formed, and a value in it is of the wrong type, out of its range or unknown.",
        "The detail names the value and what it may be." },
    [ERR_DANGLING] = { 422, "dangling", "A link to nothing",
        "A $ref or $weak inside a value names an id that never was an object, or one that is dead.",
        "Hold an object until the link to it is made." },
    [ERR_WRONG_KIND] = { 422, "wrong-kind", "Not that kind of object",
        "Records have fields, lists have items, bytes have bytes: the object is of another kind.",
        "Look at the object: its document shows fields, items or a length." },
    [ERR_TOO_MANY] = { 429, "too-many", "Too many",
        "There are as many sessions, connections or requests as the limit allows.",
        "Wait, end what is not needed, or raise the limit in /v1/config.", 1 },
    [ERR_HEADERS_TOO_LARGE] = { 431, "headers-too-large", "The headers are too large",
        "The header fields are more than header_fields_max, or longer than header_bytes_max.",
        "Send fewer or shorter headers." },
    [ERR_NOT_IMPLEMENTED] = { 501, "not-implemented", "Not implemented",
        "The method, the transfer coding or the option is not one that this version has.",
        "See /openapi.json for what there is." },
    [ERR_NOT_READY] = { 503, "not-ready", "Not ready",
        "The service is starting or ending.",
        "Try again in a moment; /readyz says when.", 1 },
    [ERR_STORE] = { 503, "store-failed", "The store failed",
        "What was asked for may have been done, but not durably: writing to the disk failed, and the service ends.",
        "It starts again from what is on disk: look there what was done before asking again." },
    [ERR_DISK_FULL] = { 507, "disk-full", "The disk is full",
        "There is no room on the disk to make a change durable. Nothing has changed.",
        "Make room on the disk of --data; reading goes on meanwhile." },
    [ERR_VERSION] = { 505, "http-version", "Unknown version of HTTP",
        "Only HTTP/1.1 and HTTP/1.0 are spoken.",
        "Use HTTP/1.1." },
    [ERR_NOMEM] = { 507, "heap-full", "The heap is full",
        "What was asked for needs more memory than memory_bytes_max, or the system, allows. Nothing has "
        "changed.",
        "Let go of something and collect, or raise memory_bytes_max in /v1/config.", 1 },
    [ERR_LIMIT] = { 507, "limit-reached", "A limit is reached",
        "The heap has as many of something as its limit allows; `limit` says which. Nothing has changed.",
        "Let go of something, or raise the limit if /v1/config has it." },
};
/* clang-format on */

const struct problem *problem_of(enum err e)
{
    CHECK(e > ERR_OK && e < ERR_COUNT_);
    CHECK(problems[e].name != NULL);
    return &problems[e];
}

const struct problem *problem_named(struct slice name)
{
    for (size_t e = ERR_OK + 1; e < ERR_COUNT_; e++) {
        if (slice_is(name, problems[e].name))
            return &problems[e];
    }
    return NULL;
}

void problem_write_members(struct out *o, const struct why *why)
{
    const struct problem *p = problem_of(why->err);
    char type[TYPE_MAX];

    snprintf(type, sizeof type, "/problems/%s", p->name);
    out_member_text(o, "type", type);
    out_member_text(o, "title", p->title);
    out_member_i64(o, "status", p->status);
    out_member_text(o, "detail", why->text);
    out_member_text(o, "hint", p->hint);
    if (why->limit_name == NULL)
        return;
    out_key(o, "limit");
    out_open_object(o);
    out_member_text(o, "name", why->limit_name);
    out_member_u64(o, "value", why->limit_value);
    out_close_object(o);
}

void problem_write(struct buf *out, const struct why *why)
{
    struct out o = out_into(out);

    out_open_object(&o);
    problem_write_members(&o, why);
    out_close_object(&o);
}

/* The words of the table are plain text: a test sees to it that none of them needs escaping. */
void problem_write_page(struct buf *out, const struct problem *p)
{
    buf_printf(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>%s</title>\n"
        "<h1>%s</h1>\n<p>Status %d, type <code>/problems/%s</code></p>\n<p>%s</p>\n<p>%s</p>\n</html>\n",
        p->name, p->title, p->status, p->name, p->about, p->hint);
}
