/*
 * sessions.c - /v1/sessions: leases by which a client keeps what it works with.
 *
 * A session is shown by its number; its token is shown once, to whoever opens it. `self` is the session of
 * the request, which by naming it has renewed it already.
 */
#include "api/decode.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "heap/base/num.h"

#define TTL_S_MIN 1

/* ---- a session, shown ---- */

static void write_lease(const struct api *api, struct out *o, const struct session_info *s)
{
    uint64_t now_ms = api_now_ms(api);

    if (s->ends_at_ms == UINT64_MAX) {
        out_member_null(o, "ttl");
        out_member_null(o, "expires_in");
        out_member_null(o, "age");
        return;
    }
    out_member_seconds(o, "ttl", s->ttl_s);
    out_member_seconds(o, "expires_in", s->ends_at_ms > now_ms ? (double)(s->ends_at_ms - now_ms) / 1e3 : 0);
    out_member_seconds(o, "age", (double)(now_ms - s->began_ms) / 1e3);
}

/* {"id","label","ttl","expires_in","age","holds","bytes"}, bytes null while no limit counts them; and "token" if there is one to show */
static void write_session(const struct api *api, struct out *o, const struct session_info *s,
                          struct slice token)
{
    out_open_object(o);
    out_member_u64(o, "id", s->id);
    if (token.len > 0)
        out_member_string(o, "token", token);
    out_member_string(o, "label", s->label);
    write_lease(api, o, s);
    out_member_u64(o, "holds", s->holds);
    if (s->bytes == UINT64_MAX)
        out_member_null(o, "bytes");
    else
        out_member_u64(o, "bytes", s->bytes);
    out_close_object(o);
}

static enum err reply_session(struct task *task, int status, session_id id, struct slice token,
                              struct why *why)
{
    struct session_info info;
    enum err e = session_info(task->api->sessions, id, &info, why);

    if (e)
        return e;
    write_session(task->api, reply_json(task, status), &info, token);
    return reply_end(task, why);
}

/* ---- opening one ---- */

struct wish {
    double ttl_s;
    struct slice label;
};

static enum err read_ttl(const json_t *value, double *ret, struct why *why)
{
    double ttl_s = json_number_value(value); /* 0 if it is none */

    if (!(ttl_s >= TTL_S_MIN && ttl_s <= SESSION_TTL_S_MAX))
        return why_set(why, ERR_BAD_VALUE, "ttl is a number of seconds from %d to %d", TTL_S_MIN,
                       SESSION_TTL_S_MAX);
    *ret = ttl_s;
    return ERR_OK;
}

static enum err read_label(const json_t *value, struct slice *ret, struct why *why)
{
    if (!json_is_string(value) || json_string_length(value) > SESSION_LABEL_BYTES_MAX)
        return why_set(why, ERR_BAD_VALUE, "label is a string of at most %d bytes", SESSION_LABEL_BYTES_MAX);
    *ret = json_slice(value);
    return ERR_OK;
}

static enum err read_wish(json_t *body, struct wish *wish, struct why *why)
{
    const char *name;
    json_t *value;
    enum err e;

    json_object_foreach(body, name, value) {
        if (strcmp(name, "ttl") == 0)
            e = read_ttl(value, &wish->ttl_s, why);
        else if (strcmp(name, "label") == 0)
            e = read_label(value, &wish->label, why);
        else
            e = why_set(why, ERR_BAD_VALUE, "a session has no \"%s\" to set", name);
        if (e)
            return e;
    }
    return ERR_OK;
}

/* 192 random bits, as text that needs no escaping anywhere. */
static void make_token(const struct api *api, char token[SESSION_TOKEN_BYTES])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned char random[SESSION_TOKEN_BYTES];

    api->world.random_bytes(api->world.ctx, random, sizeof random);
    for (size_t i = 0; i < SESSION_TOKEN_BYTES; i++)
        token[i] = alphabet[random[i] % 64];
}

/* POST /v1/sessions {"ttl": 30, "label": "worker-7"}  ->  201 {"id": 3, "token": "...", ...}, Location */
enum err post_sessions(struct api *api, struct task *task, struct why *why)
{
    struct wish wish = {.ttl_s = SESSION_TTL_S_DEFAULT, .label = SLICE("")};
    json_auto_t *body = NULL;
    char text[SESSION_TOKEN_BYTES];
    struct slice token = {text, sizeof text};
    session_id id = 0;
    enum err e;

    if ((e = task_json_object(task, &body, why)) || (e = read_wish(body, &wish, why)))
        return e;
    make_token(api, text);
    if ((e = session_open(api->sessions, wish.ttl_s, wish.label, token, api_now_ms(api), &id, why)))
        return e;
    reply_location(task, "/v1/sessions/", id);
    return reply_session(task, 201, id, token, why);
}

/* ---- those there are ---- */

/* GET /v1/sessions  ->  200, a page, by number */
enum err get_sessions(struct api *api, struct task *task, struct why *why)
{
    struct session_info info;
    struct page page;
    session_id next;
    struct out *o;
    enum err e = query_page(task, &page, why);

    if (e)
        return e;
    o = reply_page(task);
    next = cursor_u32(page.cursor);
    for (size_t shown = 0; session_next(api->sessions, &next, &info); shown++) {
        if (page_is_full(o, shown, &page))
            return reply_page_end(task, page.cursor, why);
        write_session(api, o, &info, SLICE(""));
        page.cursor = next;
    }
    return reply_page_end(task, 0, why);
}

/* {session}: a number, or `self`. Whether there is such a session is for the operation to say. */
static enum err path_session(const struct task *task, session_id *ret, struct why *why)
{
    struct slice text = task->params[0];
    uint64_t number;

    if (slice_is(text, "self"))
        number = task->session;
    else if (!parse_u64(text, UINT32_MAX, &number))
        return why_set(why, ERR_NO_NAME, "a session is named by its number, or self");
    *ret = (session_id)number;
    return ERR_OK;
}

/* GET /v1/sessions/{session}  ->  200 {"id": 3, "label": "worker-7", "ttl": 30, "expires_in": 29.5, "holds":
 * 2} */
enum err get_session(struct api *api, struct task *task, struct why *why)
{
    session_id id = 0;
    enum err e;

    (void)api;
    if ((e = path_session(task, &id, why)))
        return e;
    return reply_session(task, 200, id, SLICE(""), why);
}

/* The same, to be changed: one that is not the request's own is for an admin to change. */
static enum err path_session_to_change(const struct task *task, session_id *ret, struct why *why)
{
    enum err e = path_session(task, ret, why);

    if (e == ERR_OK && *ret != task->session && task->access < ACCESS_ADMIN)
        return why_set(why, ERR_FORBIDDEN, "session %u is another's: changing it needs the scope admin", *ret);
    return e;
}

/* PUT /v1/sessions/{session}  ->  200, the session, its lease begun anew */
enum err put_session(struct api *api, struct task *task, struct why *why)
{
    session_id id = 0;
    enum err e;

    if ((e = path_session_to_change(task, &id, why)) ||
        (e = session_renew(api->sessions, id, api_now_ms(api), why)))
        return e;
    return reply_session(task, 200, id, SLICE(""), why);
}

/* DELETE /v1/sessions/{session}  ->  200 {}. What it alone held is dead by then, up to reap_per_request
 * holds. */
enum err delete_session(struct api *api, struct task *task, struct why *why)
{
    session_id id = 0;
    enum err e;

    if ((e = path_session_to_change(task, &id, why)) || (e = session_end(api->sessions, id, why)))
        return e;
    session_release(api->sessions, (size_t)api->settings->reap_per_request);
    return reply_nothing(task, why);
}

static bool next_hold(struct api *api, uint64_t session, uint64_t *cursor, obj_id *ret)
{
    uint32_t entry = entry_of_cursor(*cursor);

    if (!session_next_hold(api->sessions, (session_id)session, &entry, ret))
        return false;
    *cursor = cursor_of_entry(entry);
    return true;
}

/* GET /v1/sessions/{session}/holds  ->  200, a page of documents */
enum err get_session_holds(struct api *api, struct task *task, struct why *why)
{
    struct session_info info;
    session_id id = 0;
    enum err e;

    if ((e = path_session(task, &id, why)) || (e = session_info(api->sessions, id, &info, why)))
        return e;
    return reply_documents(task, next_hold, id, why);
}
