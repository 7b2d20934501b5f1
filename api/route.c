/*
 * route.c - the table of routes, and the tree of segments that finds one in it.
 *
 * The tree is built once from the table (router_init) and then only read. Patterns that share a first part
 * share its nodes; a node knows, for each method, the number of its route. No path has both a literal and a
 * parameter that could lead somewhere, so matching never has to go back; a CHECK says so if that changes.
 */
#include "api/route.h"
#include "api/handlers.h"
#include "api/wire.h"
#include "heap/base/check.h"

static const struct route table[] = {
    /* objects */
    {METHOD_POST, ACCESS_WRITE, BODY_BYTES_OR_JSON, "/v1/objects", post_objects, "201",
     "class root into field", "Create an object: a record, a list, or bytes"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects", get_objects, "200",
     "class generation site limit cursor", "A page of documents"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}", get_object, "200 304", "depth",
     "The document of an object"},
    {METHOD_PATCH, ACCESS_WRITE, BODY_JSON, "/v1/objects/{id}", patch_object, "200", "",
     "Set several fields at once; null removes one"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/objects/{id}", delete_hold, "200", "",
     "Let the session's hold go (short for DELETE .../hold)"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/fields", get_fields, "200", "limit cursor",
     "A page of fields"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/fields/{name*}", get_field, "200", "",
     "One field"},
    {METHOD_PUT, ACCESS_WRITE, BODY_JSON, "/v1/objects/{id}/fields/{name*}", put_field, "200 201", "",
     "Set a field"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/objects/{id}/fields/{name*}", delete_field, "204", "",
     "Remove a field"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/items", get_items, "200", "limit cursor",
     "A page of items"},
    {METHOD_POST, ACCESS_WRITE, BODY_JSON, "/v1/objects/{id}/items", post_items, "201", "", "Append an item"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/items/{index}", get_item, "200", "", "One item"},
    {METHOD_PUT, ACCESS_WRITE, BODY_JSON, "/v1/objects/{id}/items/{index}", put_item, "200", "",
     "Set an item"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/objects/{id}/items/{index}", delete_item, "204", "",
     "Remove an item; those behind it move down"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/bytes", get_bytes, "200 206", "",
     "The content of bytes, whole or one range"},
    {METHOD_PUT, ACCESS_WRITE, BODY_BYTES, "/v1/objects/{id}/bytes", put_bytes, "200", "",
     "Replace the content"},
    {METHOD_PUT, ACCESS_WRITE, BODY_NONE, "/v1/objects/{id}/hold", put_hold, "200", "",
     "Hold in the session"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/objects/{id}/hold", delete_hold, "200", "",
     "Let the session's hold go"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/referrers", get_referrers, "200", "limit cursor",
     "A page of holders: what keeps this object"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/referents", get_referents, "200", "limit cursor",
     "A page of documents: what this object links to"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/why", get_why, "200", "paths format",
     "The shortest chains of holders that keep this object, from outside; format=dot draws them"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/objects/{id}/retained", get_retained, "200", "",
     "What would go with this object: how many objects, and their bytes"},
    /* names */
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/roots", get_roots, "200", "prefix limit cursor",
     "A page of named roots"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/roots/{name*}", get_root, "200", "", "The object of a root"},
    {METHOD_PUT, ACCESS_WRITE, BODY_JSON, "/v1/roots/{name*}", put_root, "200", "", "Name an object a root"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/roots/{name*}", delete_root, "200", "", "Let a root go"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/weak", get_weak_names, "200", "prefix limit cursor",
     "A page of weak names"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/weak/{name*}", get_weak_name, "200", "",
     "The object of a weak name, null once it is dead"},
    {METHOD_PUT, ACCESS_WRITE, BODY_JSON, "/v1/weak/{name*}", put_weak_name, "200", "",
     "Name an object without keeping it"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/weak/{name*}", delete_weak_name, "200", "",
     "Forget a weak name"},
    /* sessions */
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/sessions", get_sessions, "200", "limit cursor",
     "A page of sessions"},
    {METHOD_POST, ACCESS_WRITE, BODY_JSON_OPTIONAL, "/v1/sessions", post_sessions, "201", "",
     "Open a session"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/sessions/{session}", get_session, "200", "",
     "A session, by number or `self`"},
    {METHOD_PUT, ACCESS_WRITE, BODY_NONE, "/v1/sessions/{session}", put_session, "200", "",
     "Renew a session"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/sessions/{session}", delete_session, "200", "",
     "End a session: all it held is let go"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/sessions/{session}/holds", get_session_holds, "200",
     "limit cursor", "A page of documents: what a session holds"},
    {METHOD_POST, ACCESS_WRITE, BODY_STREAM, "/v1/batch", post_batch, "200", "atomic reply",
     "Many operations, one a line; atomic=true: all of them or none, in one turn"},
    /* the collector */
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/gc", get_gc, "200", "",
     "The collector's state and numbers; pauses by wall clock, by CPU time, by phase"},
    {METHOD_PATCH, ACCESS_ADMIN, BODY_JSON, "/v1/gc", patch_gc, "200", "persist", "Tune the collector"},
    {METHOD_POST, ACCESS_WRITE, BODY_JSON_OPTIONAL, "/v1/gc/collect", post_collect, "200", "", "Collect now"},
    {METHOD_PUT, ACCESS_ADMIN, BODY_NONE, "/v1/gc/freeze", put_freeze, "200", "",
     "Move all objects into the permanent generation"},
    {METHOD_DELETE, ACCESS_ADMIN, BODY_NONE, "/v1/gc/freeze", delete_freeze, "200", "",
     "Move the permanent generation back into the oldest"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/gc/garbage", get_garbage, "200", "limit cursor",
     "What save-all kept"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/gc/garbage", delete_garbage, "200", "",
     "Let go of what save-all kept"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/gc/log", get_gc_log, "200", "limit cursor",
     "The last 100 collections: why each ran, when, what it found, what it cost"},
    /* the heap */
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/heap", get_heap, "200", "",
     "Objects, links, and where every byte is: rss = accounted - untouched + connections + allocator + program + rest"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/heap/pools", get_pools, "200", "", "Arenas and size classes"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/heap/classes", get_classes, "200", "sort since limit cursor",
     "Count, bytes, the most there ever were, and growth, by class; with since=SNAPSHOT, growth since that"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/heap/sites", get_sites, "200", "sort since limit cursor",
     "The same by site: where clients said they made it"},
    {METHOD_POST, ACCESS_WRITE, BODY_NONE, "/v1/heap/reset_peak", post_reset_peak, "200", "",
     "From now on the most there ever was of a class or site is what there is now"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/heap/suspects", get_suspects, "200", "snapshot since limit cursor",
     "What only grows, in sentences, each with its evidence and the call that shows more; with snapshot=N, who retains too much "
     "there, or has gained too much since snapshot M"},
    {METHOD_POST, ACCESS_WRITE, BODY_NONE, "/v1/heap/purge", post_purge, "200", "",
     "Pack sparse pools and give free memory back now, others being served meanwhile"},
    {METHOD_POST, ACCESS_WRITE, BODY_NONE, "/v1/heap/validate", post_validate, "200", "",
     "Recount everything, others being served meanwhile"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/events", get_events, "200", "types since",
     "What happens, as it happens, all of it or types=gc,death,lease,config,alert: server-sent events, or NDJSON by Accept; "
     "Last-Event-ID goes on where a cut was"},
    /* snapshots */
    {METHOD_POST, ACCESS_WRITE, BODY_NONE, "/v1/snapshots", post_snapshot, "201", "",
     "Take a snapshot of all objects and links, others being served meanwhile"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/snapshots", get_snapshots, "200", "limit cursor",
     "A page of snapshots"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/snapshots/{n}", get_snapshot, "200", "format",
     "A snapshot: what is in it; format=heapsnapshot (for Chrome DevTools), ndjson, or folded (for flame graphs): all of it"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/snapshots/{n}/dominators", get_dominators, "200", "under limit cursor",
     "What objects retain, as a tree: a page of those that one dominates, the largest first"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/snapshots/{n}/suspects", get_snapshot_suspects, "200", "since limit cursor",
     "Who retains too much, or has gained too much since an earlier snapshot, and where it has accumulated"},
    {METHOD_DELETE, ACCESS_WRITE, BODY_NONE, "/v1/snapshots/{n}", delete_snapshot, "200", "",
     "Delete a snapshot; who is reading it reads on"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/snapshots/{n}/diff/{b}", get_snapshot_diff, "200", "limit",
     "What grew from snapshot n to snapshot b, by class, by site and by holder"},
    /* operation */
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/v1/config", get_config, "200", "verbose", "Every setting"},
    {METHOD_PATCH, ACCESS_ADMIN, BODY_JSON, "/v1/config", patch_config, "200", "persist", "Change settings"},
    {METHOD_GET, ACCESS_ADMIN, BODY_NONE, "/v1/backup", get_backup, "200", "",
     "A consistent copy of the store, as a SQLite database; for admins, since the tokens of sessions are in it"},
    {METHOD_GET, ACCESS_OPEN, BODY_NONE, "/livez", get_livez, "200", "", "The process answers"},
    {METHOD_GET, ACCESS_OPEN, BODY_NONE, "/readyz", get_readyz, "200", "verbose", "The heap is served"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/metrics", get_metrics, "200", "", "Prometheus text"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/openapi.json", get_openapi, "200", "",
     "This table as OpenAPI 3.1"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/problems/{name}", get_problem, "200", "",
     "What a problem type means"},
    {METHOD_GET, ACCESS_READ, BODY_NONE, "/", get_dashboard, "200 304", "", "The dashboard, a page for browsers"},
    {METHOD_GET, ACCESS_OPEN, BODY_NONE, "/assets/{name}", get_asset, "200 304", "", "A file of the dashboard"},
};

const struct route *route_at(size_t i)
{
    return i < ARRAY_LEN(table) ? &table[i] : NULL;
}

/* What is not answered as JSON. A line of a batch is JSON too, so who takes that takes them all. */
static const struct {
    handler *handle;
    const char *types;
} other_types[] = {
    {get_bytes, WIRE_TYPE_BYTES},
    {post_batch, WIRE_TYPE_NDJSON " " WIRE_TYPE_JSON},
    {get_snapshot, WIRE_TYPE_JSON " " WIRE_TYPE_NDJSON " text/plain"},
    {get_backup, WIRE_TYPE_SQLITE},
    {get_why, WIRE_TYPE_JSON " " WIRE_TYPE_DOT},
    {get_events, WIRE_TYPE_EVENTS " " WIRE_TYPE_NDJSON " " WIRE_TYPE_JSON},
    {get_metrics, "text/plain application/openmetrics-text"},
    {get_problem, "text/html"},
    {get_dashboard, "text/html text/plain"},
};

const char *route_types(const struct route *r)
{
    for (size_t i = 0; i < ARRAY_LEN(other_types); i++) {
        if (other_types[i].handle == r->handle)
            return other_types[i].types;
    }
    return WIRE_TYPE_JSON;
}

bool route_is_call(const struct route *r)
{
    return r->handle != get_asset;
}

bool route_grows(const struct route *r)
{
    /* they change something, and take no memory for it that stays */
    static handler *const growing_nothing[] = {put_session, post_batch, post_collect, post_purge, post_validate, post_reset_peak};

    if (r->method == METHOD_GET || r->method == METHOD_DELETE || r->access == ACCESS_ADMIN)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(growing_nothing); i++)
        if (growing_nothing[i] == r->handle)
            return false;
    return true;
}

size_t route_number(const struct route *r)
{
    CHECK(r >= table && r < table + ARRAY_LEN(table));
    return (size_t)(r - table);
}

/* ---- the tree ---- */

/* Cut the first segment off *path, which begins with '/'. */
static struct slice take_segment(struct slice *path)
{
    const char *start = path->data + 1;
    const char *end = memchr(start, '/', path->len - 1);
    struct slice segment = {start, end != NULL ? (size_t)(end - start) : path->len - 1};

    path->data += 1 + segment.len;
    path->len -= 1 + segment.len;
    return segment;
}

static uint8_t add_node(struct router *r, struct slice segment)
{
    struct route_node *node = &r->nodes[r->count];

    CHECK(r->count < ROUTE_NODES_MAX);
    *node = (struct route_node){.segment = segment, .child = ROUTE_NONE, .sibling = ROUTE_NONE};
    memset(node->routes, ROUTE_NONE, sizeof node->routes);
    if (segment.len > 0 && segment.data[0] == '{') {
        node->any = true;
        node->tail = segment.data[segment.len - 2] == '*';
    }
    return r->count++;
}

/* The child of `parent` for a segment of a pattern, made if need be. */
static uint8_t child_for(struct router *r, uint8_t parent, struct slice segment)
{
    uint8_t *link = &r->nodes[parent].child;

    while (*link != ROUTE_NONE) {
        if (slice_eq(r->nodes[*link].segment, segment))
            return *link;
        CHECK(!r->nodes[*link].any && segment.data[0] != '{'); /* literals and a parameter would compete */
        link = &r->nodes[*link].sibling;
    }
    *link = add_node(r, segment);
    return *link;
}

void router_init(struct router *r)
{
    r->count = 0;
    add_node(r, (struct slice){0});
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct slice rest = slice_of(table[i].pattern);
        uint8_t at = 0;

        while (rest.len > 0)
            at = child_for(r, at, take_segment(&rest));
        CHECK(r->nodes[at].routes[table[i].method] == ROUTE_NONE);
        r->nodes[at].routes[table[i].method] = (uint8_t)i;
    }
}

static const struct route_node *find_child(const struct router *r, const struct route_node *parent,
                                           struct slice segment)
{
    for (uint8_t i = parent->child; i != ROUTE_NONE; i = r->nodes[i].sibling) {
        const struct route_node *node = &r->nodes[i];

        if (node->any ? segment.len > 0 : slice_eq(node->segment, segment))
            return node;
    }
    return NULL;
}

bool router_match(const struct router *r, struct slice path, struct route_match *ret)
{
    *ret = (struct route_match){.node = &r->nodes[0]};
    if (path.len == 0 || path.data[0] != '/')
        return false;
    while (path.len > 0) {
        struct slice whole = {path.data + 1, path.len - 1};
        struct slice segment = take_segment(&path);

        ret->node = find_child(r, ret->node, segment);
        if (ret->node == NULL)
            return false;
        if (!ret->node->any)
            continue;
        CHECK(ret->param_count < ROUTE_PARAMS_MAX);
        ret->params[ret->param_count++] = ret->node->tail ? whole : segment;
        if (ret->node->tail)
            break;
    }
    for (int m = 0; m < METHOD_COUNT_; m++) {
        if (ret->node->routes[m] != ROUTE_NONE)
            return true;
    }
    return false; /* only the beginning of routes, as /v1 is */
}

const struct route *router_route(const struct route_node *node, enum method method)
{
    uint8_t i = node->routes[method == METHOD_HEAD ? METHOD_GET : method];

    return i == ROUTE_NONE ? NULL : &table[i];
}

const char *method_name(enum method method)
{
    static const char *const names[METHOD_COUNT_] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
        [METHOD_OPTIONS] = "OPTIONS",
    };

    CHECK((unsigned)method < METHOD_COUNT_);
    return names[method];
}

const char *access_name(enum access access)
{
    static const char *const names[] = {
        [ACCESS_OPEN] = "open", [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_ADMIN] = "admin"};

    CHECK((size_t)access < ARRAY_LEN(names));
    return names[access];
}

void router_allow(const struct route_node *node, char *allow, size_t size)
{
    size_t len = 0;

    for (int m = 0; m < METHOD_COUNT_; m++) {
        const char *name = method_name((enum method)m);

        if (node != NULL && m != METHOD_OPTIONS && router_route(node, (enum method)m) == NULL)
            continue;
        CHECK(len + strlen(name) + sizeof ", " <= size);
        if (len > 0) {
            memcpy(allow + len, ", ", 2);
            len += 2;
        }
        memcpy(allow + len, name, strlen(name));
        len += strlen(name);
    }
    allow[len] = '\0';
}
