/*
 * server.h - where heapd can be reached, from the first listener to the end of the last connection.
 *
 * Owns:      listeners, the names they answer to, the way to the end: drain, then stop the loop.
 * Knows not: what a connection does (edge.h).
 */
#pragma once
#include "api/api.h"
#include "daemon/config.h"
#include "daemon/edge.h"
#include "daemon/doors.h"
#include "daemon/log.h"
#include <uv.h>

struct server;

struct server_world {
    uv_loop_t *loop;
    struct mem *mem;
    struct api *api;
    const struct gc *gc;
    const struct config *config;
    const struct tokens *tokens; /* NULL: whoever comes in may do everything */
    const char *instance;
    struct edge_durability durability;
    struct pauses *pauses;
    struct log *log;
};

/* ERR_NOMEM. */
enum err server_create(const struct server_world *world, struct server **ret);
/* Open all listeners. ERR_BAD_VALUE with the sentence (which may name an address in use); those that are open
 * then are closed by server_close(). */
enum err server_listen(struct server *s, struct why *why);
/* One line a listener on stdout: requests are answered from now on. */
void server_say_ready(const struct server *s);

/* Stop listening, let what has begun end for at most drain_timeout_ms, then stop the loop. Called a second
 * time: stop at once. */
void server_stop(struct server *s);
/* False while it stops; *ret_why_not then says so. */
bool server_ready(const struct server *s, struct slice *ret_why_not);

struct edge *server_edge(struct server *s);
size_t server_connections(const struct server *s);

/* Close every handle; server_destroy() when the loop has run their callbacks. */
void server_close(struct server *s);
void server_destroy(struct server **s);
