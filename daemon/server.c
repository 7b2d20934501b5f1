/*
 * server.c - see server.h.
 *
 *   LISTENING --server_stop()--> DRAINING --no connection is left, or too long, or server_stop() again-->
 * stopped
 *
 * A stale Unix socket, which a killed process leaves behind, is removed only when nobody answers at it.
 */
#include "daemon/server.h"
#include "daemon/edge.h"
#include "daemon/log.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERVER_MAGIC     0x5e7e0001u
#define LISTENER_MAGIC   0x115e0001u
#define BACKLOG          1024
#define UNIX_SOCKET_MODE 0660
#define ADDRESS_TEXT_MAX (INET6_ADDRSTRLEN + 9) /* "[", "]:65535" and a NUL */

struct listener {
    uint32_t magic;
    struct server *server;
    const struct listen_at *at;
    bool open;
    bool pending;                   /* a connection waits there for which there was no room */
    char address[ADDRESS_TEXT_MAX]; /* TCP: as bound */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
};

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

static struct listener *listener_of(void *data)
{
    struct listener *l = data;

    CHECK_IS(l, LISTENER_MAGIC);
    return l;
}

/* ---- connections come ---- */

static void on_connection(uv_stream_t *stream, int status)
{
    struct listener *l = listener_of(stream->data);

    if (status < 0) {
        log_line(LOG_WARN, "a connection could not be taken: %s", uv_strerror(status));
        return;
    }
    l->pending = !edge_accept(l->server->edge, stream, l->at->unix_socket);
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

/* ---- Unix sockets ---- */

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    CHECK(strlen(path) < sizeof(a.sun_path)); /* config.c */
    memcpy(a.sun_path, path, strlen(path) + 1);
    return a;
}

/* True if a socket is there that nobody listens at. */
static bool is_stale(const char *path)
{
    struct sockaddr_un a = unix_address(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool refused;

    if (fd < 0)
        return false;
    refused = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_unix(struct listener *l)
{
    const char *path = l->at->path;
    mode_t mask = umask(0777 & ~UNIX_SOCKET_MODE); /* it never exists with more rights than these */
    int e;

    if (is_stale(path))
        unlink(path);
    e = uv_pipe_bind(&l->uv.pipe, path);
    umask(mask);
    return e;
}

/* ---- listening ---- */

static int bind_tcp(struct listener *l)
{
    struct sockaddr_storage a;
    int len = sizeof(a), e;
    char host[INET6_ADDRSTRLEN];
    bool v6 = l->at->address.ss_family == AF_INET6;

    if ((e = uv_tcp_bind(&l->uv.tcp, (const struct sockaddr *)&l->at->address, 0)) ||
        (e = uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&a, &len)))
        return e;
    if (v6)
        uv_ip6_name((const struct sockaddr_in6 *)&a, host, sizeof(host));
    else
        uv_ip4_name((const struct sockaddr_in *)&a, host, sizeof(host));
    snprintf(
        l->address, sizeof(l->address), v6 ? "[%s]:%u" : "%s:%u", host,
        (unsigned)ntohs(v6 ? ((struct sockaddr_in6 *)&a)->sin6_port : ((struct sockaddr_in *)&a)->sin_port));
    return 0;
}

static int open_listener(struct listener *l)
{
    uv_loop_t *loop = l->server->world.loop;
    int e = l->at->unix_socket ? uv_pipe_init(loop, &l->uv.pipe, 0) : uv_tcp_init(loop, &l->uv.tcp);

    if (e != 0)
        return e;
    l->open = true;
    l->uv.handle.data = l;
    e = l->at->unix_socket ? bind_unix(l) : bind_tcp(l);
    return e != 0 ? e : uv_listen(&l->uv.stream, BACKLOG, on_connection);
}

static enum err refuse_listener(const struct listener *l, int error, struct why *why)
{
    char address[ADDRESS_TEXT_MAX];
    const struct sockaddr_storage *a = &l->at->address;

    if (l->at->unix_socket)
        return why_set(why, ERR_BAD_VALUE, "cannot listen at unix:%s: %s", l->at->path, uv_strerror(error));
    if (a->ss_family == AF_INET6)
        uv_ip6_name((const struct sockaddr_in6 *)a, address, sizeof(address));
    else
        uv_ip4_name((const struct sockaddr_in *)a, address, sizeof(address));
    return why_set(why, ERR_BAD_VALUE, "cannot listen at %s, port %u: %s", address,
                   (unsigned)ntohs(((const struct sockaddr_in *)a)->sin_port), uv_strerror(error));
}

/* The names by which a listener may be called: its address, and localhost at the same port; port 80 may be
 * left out. Every TCP listener is at loopback as long as there are no tokens (config.c). */
static void add_own_doors(struct doors *d, const char *address)
{
    const char *port = strrchr(address, ':');
    char name[DOOR_NAME_MAX + 1];

    doors_add_own(d, address);
    snprintf(name, sizeof(name), "localhost%s", port);
    doors_add_own(d, name);
    if (strcmp(port, ":80") == 0) {
        snprintf(name, sizeof(name), "%.*s", (int)(port - address), address);
        doors_add_own(d, name);
        doors_add_own(d, "localhost");
    }
}

static void add_allowed_doors(struct doors *d, const struct config *c)
{
    for (size_t i = 0; i < c->allow_host_count; i++)
        doors_add_allowed(d, c->allow_hosts[i]);
}

enum err server_listen(struct server *s, struct why *why)
{
    const struct config *c = s->world.config;

    add_allowed_doors(&s->doors, c);
    for (size_t i = 0; i < c->listen_count; i++) {
        struct listener *l = &s->listeners[s->listener_count++];
        int e;

        *l = (struct listener){.magic = LISTENER_MAGIC, .server = s, .at = &c->listens[i]};
        if ((e = open_listener(l)) != 0)
            return refuse_listener(l, e, why);
        if (!l->at->unix_socket)
            add_own_doors(&s->doors, l->address);
    }
    return ERR_OK;
}

void server_say_ready(const struct server *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        const struct listener *l = &s->listeners[i];

        if (l->at->unix_socket)
            printf("heapd ready http+unix:%s\n", l->at->path);
        else
            printf("heapd ready http://%s\n", l->address);
    }
    fflush(stdout);
}

/* ---- the end ---- */

static void close_listeners(struct server *s)
{
    for (size_t i = 0; i < s->listener_count; i++) {
        struct listener *l = &s->listeners[i];

        if (l->open)
            uv_close(&l->uv.handle, NULL); /* libuv unlinks a Unix socket that it has bound */
        l->open = l->pending = false;
    }
}

static void on_deadline(uv_timer_t *timer)
{
    struct server *s = server_of(timer->data);

    log_line(LOG_WARN, "%zu connections did not end in time and are cut", edge_count(s->edge));
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
