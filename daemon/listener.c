/*
 * listener.c - see listener.h.
 *
 * A stale Unix socket, which a killed process leaves behind, is removed only when it is a socket and nobody answers at
 * it: anything else at that path is somebody's, and in the way.
 */
#include "daemon/listener.h"
#include "heap/base/check.h"
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define LISTENER_MAGIC 0x115e0001u
#define NAMES_MAX      4 /* of a listener: itself and localhost, with a port and without */

_Static_assert(CONFIG_ALLOW_HOSTS_MAX + NAMES_MAX * CONFIG_LISTENS_MAX <= DOORS_MAX, "each name has its door");

static struct listener *listener_of(void *data)
{
    struct listener *l = data;

    CHECK_IS(l, LISTENER_MAGIC);
    return l;
}

static void on_uv_connection(uv_stream_t *stream, int status)
{
    struct listener *l = listener_of(stream->data);

    l->on_connection(l, status);
}

/* ---- Unix sockets ---- */

static struct sockaddr_un unix_address(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};

    CHECK(strlen(path) < sizeof(a.sun_path)); /* config.c */
    memcpy(a.sun_path, path, strlen(path) + 1);
    return a;
}

/* True if a socket is there that nobody listens at. One that is only too busy to answer is not stale, nor is a file
 * that is no socket, at which connect() is refused too. */
static bool is_stale(const char *path)
{
    struct sockaddr_un a = unix_address(path);
    struct stat s;
    bool refused;
    int fd;

    if (lstat(path, &s) != 0 || !S_ISSOCK(s.st_mode))
        return false;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    refused = connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0 && errno == ECONNREFUSED;
    close(fd);
    return refused;
}

static int bind_unix(struct listener *l)
{
    const char *path = l->at->path;
    mode_t mask = umask(0777 & ~LISTENER_UNIX_MODE); /* it never exists with more rights than these */
    int e;

    if (is_stale(path))
        unlink(path);
    e = uv_pipe_bind(&l->uv.pipe, path);
    umask(mask);
    return e;
}

static int open_unix(struct listener *l)
{
    return l->at->inherited ? uv_pipe_open(&l->uv.pipe, l->at->fd) : bind_unix(l);
}

/* ---- TCP ---- */

static uint16_t port_of(const struct sockaddr_storage *a)
{
    return ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
                                          : ((const struct sockaddr_in *)a)->sin_port);
}

/* "127.0.0.1:4327", "[::1]:4327" */
static void print_address(const struct sockaddr_storage *a, char text[LISTENER_ADDRESS_MAX])
{
    char host[INET6_ADDRSTRLEN];
    bool v6 = a->ss_family == AF_INET6;

    if (v6)
        uv_ip6_name((const struct sockaddr_in6 *)a, host, sizeof(host));
    else
        uv_ip4_name((const struct sockaddr_in *)a, host, sizeof(host));
    snprintf(text, LISTENER_ADDRESS_MAX, v6 ? "[%s]:%u" : "%s:%u", host, (unsigned)port_of(a));
}

/* There is no path to find the bandwidth of between two ends of a loopback device. The plainest congestion control, which
 * everybody may choose, costs least an acknowledgement there: where BBR is the default, its model and its pacing are 2 % of
 * the time of a small GET. Accepted sockets inherit it; where it cannot be had, nothing is lost. */
static void choose_congestion_control(struct listener *l)
{
    static const char plainest[] = "reno";
    uv_os_fd_t fd;

    if (uv_fileno(&l->uv.handle, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, plainest, sizeof(plainest) - 1);
}

static int open_tcp(struct listener *l)
{
    struct sockaddr_storage bound;
    int len = sizeof(bound);
    int e = l->at->inherited ? uv_tcp_open(&l->uv.tcp, l->at->fd)
                             : uv_tcp_bind(&l->uv.tcp, (const struct sockaddr *)&l->at->address, 0);

    if (e != 0 || (e = uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&bound, &len)) != 0)
        return e;
    if (!l->at->inherited && address_reach(&bound) == REACH_LOOPBACK)
        choose_congestion_control(l);
    print_address(&bound, l->address);
    return 0;
}

/* ---- life ---- */

static int open_socket(struct listener *l, uv_loop_t *loop)
{
    int e = l->at->unix_socket ? uv_pipe_init(loop, &l->uv.pipe, 0) : uv_tcp_init(loop, &l->uv.tcp);

    if (e != 0)
        return e;
    l->open = true;
    l->uv.handle.data = l;
    e = l->at->unix_socket ? open_unix(l) : open_tcp(l);
    return e != 0 ? e : uv_listen(&l->uv.stream, LISTENER_BACKLOG, on_uv_connection);
}

enum err listener_open(struct listener *l, uv_loop_t *loop, const struct listen_at *at, on_connection *fn, void *ctx,
                       struct why *why)
{
    char address[LISTENER_ADDRESS_MAX];
    int error;

    *l = (struct listener){.magic = LISTENER_MAGIC, .at = at, .on_connection = fn, .ctx = ctx};
    if ((error = open_socket(l, loop)) == 0)
        return ERR_OK;
    if (at->unix_socket)
        return why_set(why, ERR_BAD_VALUE, "cannot listen at unix:%s: %s", at->path, uv_strerror(error));
    print_address(&at->address, address);
    return why_set(why, ERR_BAD_VALUE, "cannot listen at %s: %s", address, uv_strerror(error));
}

void listener_close(struct listener *l)
{
    if (l->open)
        uv_close(&l->uv.handle, NULL); /* libuv unlinks a Unix socket that it has bound */
    l->open = l->pending = false;
}

/* ---- names ---- */

/* `host` at this port; port 80 may be left out. */
static void add_door(struct doors *d, const char *host, const char *port)
{
    char name[DOOR_NAME_MAX + 1];

    snprintf(name, sizeof(name), "%s%s", host, port);
    CHECK(doors_add_own(d, name));
    if (strcmp(port, ":80") == 0)
        CHECK(doors_add_own(d, host));
}

void listener_add_doors(const struct listener *l, struct doors *d)
{
    const char *port = strrchr(l->address, ':');
    char host[LISTENER_ADDRESS_MAX];
    enum address_reach reach;

    if (l->at->unix_socket)
        return;
    reach = address_reach(&l->at->address);
    snprintf(host, sizeof(host), "%.*s", (int)(port - l->address), l->address);
    if (reach == REACH_EVERYWHERE)
        CHECK(doors_add_any_address(d, port));
    else
        add_door(d, host, port);
    if (reach == REACH_LOOPBACK)
        add_door(d, "localhost", port);
}

void listener_say_ready(const struct listener *l)
{
    if (l->at->unix_socket)
        printf("heapd ready http+unix:%s\n", l->at->path);
    else
        printf("heapd ready http://%s\n", l->address);
}
