/*
 * listener.h - one address at which connections come.
 *
 * Owns:      the listening socket, bound here or handed to us open, and the names that go with its address.
 * Knows not: what becomes of a connection (edge.h), when listening ends (server.c).
 */
#pragma once
#include "daemon/config.h"
#include "daemon/doors.h"
#include <arpa/inet.h>
#include <uv.h>

#define LISTENER_BACKLOG     1024
#define LISTENER_UNIX_MODE   0660
#define LISTENER_ADDRESS_MAX (INET6_ADDRSTRLEN + 9) /* "[", "]:65535" and a NUL */

struct listener;
typedef void on_connection(struct listener *l, int status);

struct listener {
    uint32_t magic;
    const struct listen_at *at;
    on_connection *on_connection;
    void *ctx;
    bool open;
    bool pending;                       /* a connection waits there for which there was no room */
    char address[LISTENER_ADDRESS_MAX]; /* TCP: as bound */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
};

/* Listen. ERR_BAD_VALUE with the sentence (which may name an address in use); listener_close() then still has to be
 * called, and *l to stay where it is until the loop has run. `at` outlives the listener. */
enum err listener_open(struct listener *l, uv_loop_t *loop, const struct listen_at *at, on_connection *fn, void *ctx,
                       struct why *why);
/* A Unix socket that was bound here is removed from the file system, one that was handed to us stays. */
void listener_close(struct listener *l);

/* Add the names by which clients may call it. */
void listener_add_doors(const struct listener *l, struct doors *d);
/* Print its line: "heapd ready http://127.0.0.1:4327". */
void listener_say_ready(const struct listener *l);
