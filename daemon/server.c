/*
 * server.c - see server.h.
 *
 *   LISTENING --server_stop()--> DRAINING --no connection is left, or too long, or server_stop() again-->
 * stopped
 */
#include "daemon/server.h"
#include "daemon/edge.h"
#include "daemon/listener.h"
#include <stdio.h>

#define SERVER_MAGIC 0x5e7e0001u

struct server {
    uint32_t magic;
    struct server_world world;
    struct edge *edge;
    struct doors doors;
    bool draining, stopped;
    uv_timer_t deadline;
    size_t listener_count;
    struct listener listeners[CONFIG_LISTENS_MAX];
};

static struct server *server_of(void *data)
{
    struct server *s = data;

    CHECK_IS(s, SERVER_MAGIC);
    return s;
}

/* ---- connections come ---- */

static void take_connection(struct listener *l, int status)
{
    struct server *s = server_of(l->ctx);

    if (status < 0) {
        log_event(s->world.log, LOG_WARN, "accept-failed", "reason=\"%s\"", uv_strerror(status));
        return;
    }
    l->pending = !edge_accept(s->edge, &l->uv.stream, l->at->unix_socket);
}

static void finish_drain(struct server *s)
{
    if (s->stopped)
        return;
    s->stopped = true;
    uv_stop(s->world.loop);
}

/* A connection has left: take one that waits, or be done. */
static void on_room(void *ctx)
{
    struct server *s = server_of(ctx);

    if (s->draining && edge_count(s->edge) == 0)
        finish_drain(s);
    for (size_t i = 0; i < s->listener_count && !s->draining; i++) {
        struct listener *l = &s->listeners[i];

        if (l->pending)
            l->pending = !edge_accept(s->edge, &l->uv.stream, l->at->unix_socket);
    }
}

/* ---- listening ---- */

static void add_allowed_doors(struct doors *d, const struct config *c)
{
    for (size_t i = 0; i < c->allow_host_count; i++)
        doors_add_allowed(d, c->allow_hosts[i]);
}

enum err server_listen(struct server *s, struct why *why)
{
    const struct config *c = s->world.config;
    enum err e;

    add_allowed_doors(&s->doors, c);
    for (size_t i = 0; i < c->listen_count; i++) {
        struct listener *l = &s->listeners[s->listener_count++];

        if ((e = listener_open(l, s->world.loop, &c->listens[i], take_connection, s, why)))
            return e;
        listener_add_doors(l, &s->doors);
    }
    return ERR_OK;
}

void server_say_ready(const struct server *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        listener_say_ready(&s->listeners[i]);
    fflush(stdout);
}

/* ---- the end ---- */

static void close_listeners(struct server *s)
{
    for (size_t i = 0; i < s->listener_count; i++)
        listener_close(&s->listeners[i]);
}

static void on_deadline(uv_timer_t *timer)
{
    struct server *s = server_of(timer->data);

    log_event(s->world.log, LOG_WARN, "drain-cut", "connections=%zu after_ms=%llu", edge_count(s->edge),
              (unsigned long long)s->world.config->settings.drain_timeout_ms);
    finish_drain(s);
}

void server_stop(struct server *s)
{
    if (s->draining) {
        finish_drain(s);
        return;
    }
    s->draining = true;
    close_listeners(s);
    edge_drain(s->edge);
    uv_timer_start(&s->deadline, on_deadline, s->world.config->settings.drain_timeout_ms, 0);
    if (edge_count(s->edge) == 0)
        finish_drain(s);
}

bool server_ready(const struct server *s, struct slice *ret_why_not)
{
    if (s->draining)
        *ret_why_not = SLICE("it is about to stop");
    return !s->draining;
}

struct edge *server_edge(struct server *s)
{
    return s->edge;
}

size_t server_connections(const struct server *s)
{
    return edge_count(s->edge);
}

/* ---- life ---- */

enum err server_create(const struct server_world *world, struct server **ret)
{
    struct server *s = mem_zalloc(world->mem, sizeof(*s));
    struct edge_world ew;

    if (s == NULL)
        return ERR_NOMEM;
    s->magic = SERVER_MAGIC;
    s->world = *world;
    s->doors.tokens = world->tokens;
    ew = (struct edge_world){
        .loop = world->loop,
        .mem = world->mem,
        .api = world->api,
        .gc = world->gc,
        .settings = &world->config->settings,
        .doors = &s->doors,
        .instance = world->instance,
        .on_room = on_room,
        .on_room_ctx = s,
        .durability = world->durability,
        .pauses = world->pauses,
    };
    if (edge_create(&ew, &s->edge) != ERR_OK) {
        mem_free(world->mem, s, sizeof(*s));
        return ERR_NOMEM;
    }
    CHECK(uv_timer_init(world->loop, &s->deadline) == 0);
    s->deadline.data = s;
    *ret = s;
    return ERR_OK;
}

void server_close(struct server *s)
{
    s->draining = s->stopped = true;
    close_listeners(s);
    edge_close(s->edge);
    uv_close((uv_handle_t *)&s->deadline, NULL);
}

void server_destroy(struct server **ps)
{
    struct server *s = *ps;

    if (s == NULL)
        return;
    CHECK_IS(s, SERVER_MAGIC);
    edge_destroy(&s->edge);
    s->magic = 0;
    mem_free(s->world.mem, s, sizeof(*s));
    *ps = NULL;
}
