/*
 * line.c - see line.h.
 *
 * libuv closes a socket in two steps, so whatever ends one is noted first and told in the second (on_hung_up), when the line
 * can be used again. What is small enough, nearly always, is written at once and costs no callback.
 */
#include "client/load/line.h"
#include "api/wire.h"
#include "client/codec.h"
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define UNIX_PREFIX "unix:"
#define HTTP_PREFIX "http://"

/* ---- where ---- */

static enum heapd_result bad_place(const char *url, struct heapd_problem *p)
{
    return problem_set(p, HEAPD_BAD_URL, "Not an address that can be put under load",
                       "It is http://HOST:PORT or unix:PATH; TLS is not spoken here.", "\"%s\" is no such url", url);
}

static enum heapd_result place_of_path(const char *path, struct line_place *ret_place, struct heapd_problem *p)
{
    if (path[0] == '\0' || strlen(path) >= sizeof ret_place->path)
        return bad_place(path, p);
    *ret_place = (struct line_place){.is_path = true, .host = "localhost"};
    memcpy(ret_place->path, path, strlen(path) + 1);
    return HEAPD_OK;
}

/* Take `length` bytes, if there are any and there is room. */
static bool take(const char *at, size_t length, char *to, size_t size)
{
    if (length == 0 || length >= size)
        return false;
    memcpy(to, at, length);
    to[length] = '\0';
    return true;
}

/* "HOST:PORT", "[::1]:PORT", "HOST", and perhaps "/" behind it, into two strings. */
static bool split_host(const char *authority, char host[256], char port[6])
{
    size_t length = strcspn(authority, "/");
    bool has_brackets = authority[0] == '[';
    size_t host_length = strcspn(authority, has_brackets ? "]/" : ":/");
    const char *rest = authority + host_length + (has_brackets && authority[host_length] == ']');

    if (authority[length] == '/' && authority[length + 1] != '\0') /* heapd has no path to be under */
        return false;
    if (has_brackets && authority[host_length] != ']')
        return false;
    if (!take(authority + has_brackets, host_length - has_brackets, host, 256))
        return false;
    if (rest == authority + length)
        return take("80", 2, port, 6);
    return rest[0] == ':' && strspn(rest + 1, "0123456789") == (size_t)(authority + length - rest - 1) &&
           take(rest + 1, (size_t)(authority + length - rest - 1), port, 6);
}

/* Whether somebody listens there. */
static bool answers(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error = 0;
    struct pollfd waits = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof error;
    bool is_there = false;

    if (fd < 0)
        return false;
    if (connect(fd, a->ai_addr, a->ai_addrlen) == 0 || errno == EINPROGRESS)
        is_there = poll(&waits, 1, LINE_LOOK_MS) == 1 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0;
    close(fd);
    return is_there;
}

/* "localhost" may be ::1 first, where no heapd is. */
static enum heapd_result look_up(const char *host, const char *port, struct line_place *place, struct heapd_problem *p)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_family = AF_UNSPEC}, *found;
    const struct addrinfo *a;
    int code = getaddrinfo(host, port, &hints, &found);

    if (code != 0)
        return problem_set(p, HEAPD_UNREACHABLE, "heapd is not reachable",
                           "Is it running? Start it with `heapd`, or say where it listens.", "%s: %s", host, gai_strerror(code));
    for (a = found; a->ai_next != NULL && !answers(a);)
        a = a->ai_next;
    memcpy(&place->address, a->ai_addr, a->ai_addrlen);
    freeaddrinfo(found);
    return HEAPD_OK;
}

enum heapd_result line_place_of(const char *url, struct line_place *ret_place, struct heapd_problem *p)
{
    char host[256], port[6];
    const char *authority = url + strlen(HTTP_PREFIX);

    if (!text_utf8_valid(url, strlen(url))) /* it stands in the document */
        return bad_place("not UTF-8", p);
    if (strncmp(url, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0)
        return place_of_path(url + strlen(UNIX_PREFIX), ret_place, p);
    if (strncmp(url, HTTP_PREFIX, strlen(HTTP_PREFIX)) != 0 || !split_host(authority, host, port))
        return bad_place(url, p);
    *ret_place = (struct line_place){0};
    (void)snprintf(ret_place->host, sizeof ret_place->host, authority[0] == '[' ? "[%s]:%s" : "%s:%s", host, port);
    return look_up(host, port, ret_place, p);
}

/* ---- the answer ---- */

static struct line *line_of_parser(llhttp_t *parser)
{
    return parser->data;
}

static int on_body(llhttp_t *parser, const char *at, size_t length)
{
    struct line *l = line_of_parser(parser);

    if (length > LINE_ANSWER_BYTES_MAX - l->body.length)
        return HPE_USER;
    text_add(&l->body, at, length);
    return l->body.failed ? HPE_USER : HPE_OK;
}

static int on_message_complete(llhttp_t *parser)
{
    line_of_parser(parser)->status = parser->status_code;
    return HPE_PAUSED; /* nothing may follow: one request, one answer */
}

/* Names and values come in pieces. */
static int on_header_field(llhttp_t *parser, const char *at, size_t length)
{
    struct line *l = line_of_parser(parser);
    size_t whole = strlen(WIRE_HEADER_INSTANCE);

    if (l->reads_value || l->field_length == 0)
        l->field_is_instance = true;
    if (l->reads_value)
        l->field_length = 0;
    l->reads_value = false;
    l->field_is_instance = l->field_is_instance && length <= whole - l->field_length &&
                           strncasecmp(&WIRE_HEADER_INSTANCE[l->field_length], at, length) == 0;
    l->field_length += length;
    return HPE_OK;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t length)
{
    struct line *l = line_of_parser(parser);
    size_t have = strlen(l->instance);

    l->reads_value = true;
    if (l->field_is_instance && l->field_length == strlen(WIRE_HEADER_INSTANCE) && length < sizeof l->instance - have) {
        memcpy(&l->instance[have], at, length);
        l->instance[have + length] = '\0';
    }
    return HPE_OK;
}

static const llhttp_settings_t listening_settings = {.on_header_field = on_header_field,
                                                     .on_header_value = on_header_value,
                                                     .on_body = on_body,
                                                     .on_message_complete = on_message_complete};
static const llhttp_settings_t settings = {.on_body = on_body, .on_message_complete = on_message_complete};

/* The line is READY or DOWN; the next request may be given from within. */
static void tell(struct line *l)
{
    line_answer_fn *on_answer = l->on_answer;
    struct line_answer a = {.status = l->status,
                            .refused = l->refused,
                            .broken = l->status == 0 ? l->broken : NULL,
                            .body = text_string(&l->body),
                            .length = l->body.length};

    l->on_answer = NULL;
    if (on_answer != NULL && !l->silent)
        on_answer(l->arg, l, &a);
}

/* ---- the end of a connection ---- */

static void dial(struct line *l);

static void on_hung_up(uv_handle_t *handle)
{
    struct line *l = handle->data;

    l->state = LINE_DOWN;
    if (l->asked_meanwhile)
        dial(l);
    else
        tell(l);
}

static void hang_up(struct line *l, const char *why)
{
    if (l->state == LINE_HANGS_UP || l->state == LINE_DOWN)
        return;
    l->state = LINE_HANGS_UP;
    l->broken = why;
    uv_close(&l->socket.handle, on_hung_up);
}

/* ---- bytes ---- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    struct line *l = handle->data;

    (void)suggested;
    *buf = uv_buf_init(l->inbox, sizeof l->inbox);
}

static void answered(struct line *l, bool more_came)
{
    bool keeps = llhttp_should_keep_alive(&l->parser) != 0 && !more_came && l->sent == l->out.length;

    if (!keeps) {
        hang_up(l, NULL);
        return;
    }
    l->state = LINE_READY;
    tell(l);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct line *l = stream->data;
    enum llhttp_errno code;

    if (n == 0)
        return;
    if (n < 0) {
        hang_up(l, n == UV_EOF ? "heapd closed the connection" : uv_strerror((int)n));
        return;
    }
    if (l->state != LINE_ASKS) {
        hang_up(l, "heapd said something that nobody asked");
        return;
    }
    code = llhttp_execute(&l->parser, buf->base, (size_t)n);
    if (code == HPE_PAUSED && l->status != 0)
        answered(l, llhttp_get_error_pos(&l->parser) < buf->base + n);
    else if (code != HPE_OK)
        hang_up(l, "the answer is not HTTP, or too long");
}

static void on_written(uv_write_t *writing, int code)
{
    struct line *l = writing->data;

    if (code < 0)
        hang_up(l, uv_strerror(code));
    else
        l->sent = l->out.length;
}

static void send_request(struct line *l)
{
    uv_buf_t buf = uv_buf_init(l->out.data, (unsigned)l->out.length);
    int n = l->out.failed ? UV_ENOMEM : uv_try_write(&l->socket.stream, &buf, 1);

    l->state = LINE_ASKS;
    l->sent = n > 0 ? (size_t)n : 0;
    if (n < 0 && n != UV_EAGAIN) {
        hang_up(l, uv_strerror(n));
        return;
    }
    if (l->sent == l->out.length)
        return;
    buf = uv_buf_init(l->out.data + l->sent, (unsigned)(l->out.length - l->sent));
    l->writing.data = l;
    n = uv_write(&l->writing, &l->socket.stream, &buf, 1, on_written);
    if (n < 0)
        hang_up(l, uv_strerror(n));
}

/* ---- the beginning ---- */

static void on_connected(uv_connect_t *connecting, int code)
{
    struct line *l = connecting->data;

    if (l->state != LINE_DIALS)
        return; /* closed meanwhile */
    l->refused = code == UV_ECONNREFUSED || code == UV_ENOENT;
    if (code == 0)
        code = uv_read_start(&l->socket.stream, on_alloc, on_read);
    if (code < 0)
        hang_up(l, uv_strerror(code));
    else
        send_request(l);
}

static void dial(struct line *l)
{
    int code;

    l->state = LINE_DIALS;
    l->asked_meanwhile = false;
    l->connecting.data = l;
    if (l->place->is_path) {
        uv_pipe_init(l->loop, &l->socket.pipe, 0);
        l->socket.handle.data = l;
        uv_pipe_connect(&l->connecting, &l->socket.pipe, l->place->path, on_connected);
        return;
    }
    uv_tcp_init(l->loop, &l->socket.tcp);
    l->socket.handle.data = l;
    uv_tcp_nodelay(&l->socket.tcp, 1);
    code = uv_tcp_connect(&l->connecting, &l->socket.tcp, (const struct sockaddr *)&l->place->address, on_connected);
    if (code < 0)
        hang_up(l, uv_strerror(code));
}

void line_init(struct line *l, uv_loop_t *loop, const struct line_place *place)
{
    memset(l, 0, sizeof *l);
    l->loop = loop;
    l->place = place;
}

bool line_is_free(const struct line *l)
{
    return l->on_answer == NULL;
}

void line_ask(struct line *l, const struct text *head, const struct text *body, line_answer_fn *on_answer, void *arg)
{
    text_clear(&l->out);
    text_clear(&l->body);
    text_add(&l->out, head->data, head->length);
    text_add(&l->out, body->data, body->length);
    llhttp_init(&l->parser, HTTP_RESPONSE, l->listens ? &listening_settings : &settings);
    l->parser.data = l;
    l->status = 0;
    l->refused = l->reads_value = false;
    l->field_length = 0;
    l->instance[0] = '\0';
    l->broken = "out of memory";
    l->on_answer = on_answer;
    l->arg = arg;
    l->asked_meanwhile = l->state == LINE_HANGS_UP;
    if (l->state == LINE_DOWN)
        dial(l);
    else if (l->state == LINE_READY)
        send_request(l);
}

void line_close(struct line *l)
{
    l->silent = true;
    l->asked_meanwhile = false;
    hang_up(l, NULL);
}

void line_fini(struct line *l)
{
    text_fini(&l->out);
    text_fini(&l->body);
}
