/*
 * admit.c - see admit.h. What is asked is looked at in this order: its form, where it goes, who asks, whether the
 * answer could be read, in which session, what body comes with it, whether it may be a retry.
 */
#include "api/admit.h"
#include "api/accept.h"
#include "api/handlers.h"
#include "heap/base/check.h"

static enum err find_route(struct task *t, struct slice path, struct why *why)
{
    struct route_match match;

    if (t->method == METHOD_OPTIONS && slice_is(path, "*")) {
        router_allow(NULL, t->reply.allow, sizeof t->reply.allow);
        return ERR_OK;
    }
    if (!router_match(&t->api->router, path, &match))
        return why_set(why, ERR_NO_NAME, "there is no %.*s here", (int)path.len, path.data);
    if (t->method == METHOD_OPTIONS) {
        router_allow(match.node, t->reply.allow, sizeof t->reply.allow);
        return ERR_OK;
    }
    t->route = router_route(match.node, t->method);
    if (t->route == NULL) {
        router_allow(match.node, t->reply.allow, sizeof t->reply.allow);
        return why_set(why, ERR_METHOD, "%s is not for %.*s; these are: %s", method_name(t->method),
                       (int)path.len, path.data, t->reply.allow);
    }
    return task_read_params(t, &match, why);
}

/* What this request needs: a route says it; to learn that there is none, some token is needed too. */
static enum access access_needed(const struct task *t)
{
    return t->route != NULL ? t->route->access : ACCESS_READ;
}

static enum err check_access(struct task *t, const struct grant *g, struct why *why)
{
    enum access needed = access_needed(t);

    t->access = g->access;
    if (g->access >= needed)
        return ERR_OK;
    if (g->access > ACCESS_OPEN)
        return why_set(why, ERR_FORBIDDEN, "this needs the scope %s, and the token of %.*s has %s",
                       access_name(needed), (int)g->label.len, g->label.data, access_name(g->access));
    return why_set(why, ERR_UNAUTHORIZED,
                   g->shown ? "the token is none of those that are known here" : "there is no token");
}

static enum err check_instance(const struct task *t, struct why *why)
{
    struct slice wanted = t->headers.if_instance;

    if (wanted.data == NULL || slice_is(wanted, t->api->instance))
        return ERR_OK;
    return why_set(why, ERR_OTHER_INSTANCE,
                   "this is instance %s, not %.*s: ids of that one mean nothing here", t->api->instance,
                   (int)wanted.len, wanted.data);
}

static enum err begin_session(struct task *t, struct why *why)
{
    struct api *api = t->api;
    struct slice token = t->headers.session;
    enum err e;

    if (t->route != NULL && t->route->access == ACCESS_OPEN)
        return ERR_OK; /* whether we live does not depend on a session */
    if (token.data != NULL && !slice_is(token, "default") &&
        (e = session_by_token(api->sessions, token, api_now_ms(api), &t->session, why)))
        return e;
    session_begin_request(api->sessions, t->session);
    t->session_begun = true;
    return ERR_OK;
}

/* Is there a form that this is answered in and the client takes? Whether we live is told in any. */
static enum err check_accept(const struct task *t, struct why *why)
{
    const char *types = t->route != NULL ? route_types(t->route) : "";
    char type[64];
    size_t len;

    if (t->headers.accept.data == NULL || t->route == NULL || t->route->access == ACCESS_OPEN)
        return ERR_OK;
    for (const char *at = types; *at != '\0'; at += len + (at[len] == ' ')) {
        len = strcspn(at, " ");
        CHECK(len < sizeof type);
        memcpy(type, at, len);
        type[len] = '\0';
        if (accept_takes(t->headers.accept, type))
            return ERR_OK;
    }
    return why_set(why, ERR_NOT_ACCEPTABLE, "this is answered as %s, and Accept takes none of it", types);
}

/* What tunes or explains is let in whatever becomes of the disk, and numbers even before the heap is back: they say so. */
enum err task_check_store(const struct task *t, struct why *why)
{
    const struct api_world *w = &t->api->world;
    bool changes;

    if (w->admits == NULL || t->route == NULL || t->route->access == ACCESS_OPEN || t->route->handle == get_metrics)
        return ERR_OK;
    changes = t->route->method != METHOD_GET && t->route->access != ACCESS_ADMIN;
    return w->admits(w->ctx, changes, why);
}

enum err task_refuse_length(const struct task *t, struct why *why)
{
    return why_limit(why, ERR_TOO_LARGE, t->body_limit, t->body_max, "the body has more than %zu bytes",
                     t->body_max);
}

static bool takes_lines(const struct task *t)
{
    return t->route != NULL && t->route->body == BODY_STREAM;
}

static bool needs_body(const struct task *t)
{
    return t->route != NULL && t->route->body != BODY_NONE && t->route->body != BODY_JSON_OPTIONAL;
}

static bool wants_json(const struct task *t)
{
    return t->route != NULL && (t->route->body == BODY_JSON || t->route->body == BODY_JSON_OPTIONAL);
}

/* JSON is read whatever it is called (curl calls everything a form), but not bytes where there is no place for them. */
static enum err check_media_type(const struct task *t, const struct request *r, struct why *why)
{
    struct slice coding = t->headers.content_encoding;

    if (coding.len > 0 && !slice_is_nocase(coding, "identity"))
        return why_set(why, ERR_MEDIA_TYPE, "a body comes as it is, not as %.*s", (int)coding.len,
                       coding.data);
    if (r->has_body && wants_json(t) && task_type_is_bytes(t))
        return why_set(why, ERR_MEDIA_TYPE, "this call takes JSON, not bytes");
    return ERR_OK;
}

static void limit_body(struct task *t, const char *name, uint64_t max)
{
    t->body_limit = name;
    t->body_max = (size_t)max;
}

/* What kind of body it takes, and how much of it. */
static void choose_limit(struct task *t)
{
    const struct settings *s = t->api->settings;

    t->body_is_bytes = body_will_be_bytes(t);
    t->body_streams = takes_lines(t) && !query_is_true(t, "atomic");
    if (t->body_streams)
        limit_body(t, NULL, SIZE_MAX);
    else if (takes_lines(t))
        limit_body(t, "atomic_bytes_max", s->atomic_bytes_max);
    else if (t->body_is_bytes)
        limit_body(t, "bytes_body_max", s->bytes_body_max);
    else
        limit_body(t, "json_body_bytes_max", s->json_body_bytes_max);
}

static enum err check_body(struct task *t, const struct request *r, struct why *why)
{
    enum err e;

    choose_limit(t);
    t->body_bound = r->length_known && r->length < t->body_max ? (size_t)r->length : t->body_max;
    buf_set_max(&t->body, t->body_bound);
    if (needs_body(t) && !r->framed)
        return why_set(why, ERR_LENGTH_REQUIRED, "a body belongs to this call, and nothing says where it ends");
    if ((e = check_media_type(t, r, why)))
        return e;
    if (r->length_known && r->length > t->body_max)
        return task_refuse_length(t, why);
    return ERR_OK;
}

/* Other methods may be tried again as they are: what PUT and DELETE do twice is done once. */
static enum err check_key(struct task *t, const struct request *r, struct why *why)
{
    if (t->headers.idempotency_key.data == NULL || t->method != METHOD_POST)
        return ERR_OK;
    return keyed_admit(t, r, why);
}

enum err task_admit(struct task *t, const struct request *r, struct why *why)
{
    struct slice path;
    enum err e, found;

    if ((e = task_read_request(t, r, &path, why)))
        return e;
    found = find_route(t, path, why);
    (void)((e = check_access(t, &r->grant, why)) || (e = found) || (e = task_check_store(t, why)) || (e = check_instance(t, why)) ||
           (e = check_accept(t, why)) || (e = begin_session(t, why)) || (e = check_body(t, r, why)) ||
           (e = check_key(t, r, why)));
    return e;
}
