/* notify.c - see notify.h. What cannot be sent at once is not sent: the manager's trouble shall not be ours. */
#include "daemon/notify.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOTIFY_MAGIC 0x4071f001u
#define NOTIFY_TEXT_MAX 256

static struct notify *notify_of(void *data)
{
    struct notify *n = data;

    CHECK_IS(n, NOTIFY_MAGIC);
    return n;
}

/* ---- whom to tell ---- */

/* A path, or an abstract name, whose first byte is NUL where the text has '@'. */
static bool read_address(struct notify *n, const char *text)
{
    size_t len = strlen(text);

    if ((text[0] != '/' && text[0] != '@') || len < 2 || len >= sizeof(n->to.sun_path))
        return false;
    n->to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(n->to.sun_path, text, len);
    if (text[0] == '@')
        n->to.sun_path[0] = '\0';
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
    return true;
}

static void open_socket(struct notify *n, struct log *log)
{
    const char *text = getenv("NOTIFY_SOCKET");

    if (text == NULL)
        return;
    if (!read_address(n, text))
        log_event(log, LOG_WARN, "notify-ignored", "reason=\"NOTIFY_SOCKET is no absolute path and no @name\"");
    else if ((n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
        log_event(log, LOG_WARN, "notify-ignored", "reason=\"%s\"", strerror(errno));
}

/* The watchdog is meant for one process, if it says so. */
static bool is_for_us(void)
{
    const char *text = getenv("WATCHDOG_PID");
    uint64_t pid;

    return text == NULL || (parse_u64(slice_of(text), INT32_MAX, &pid) && pid == (uint64_t)getpid());
}

static void read_watchdog(struct notify *n)
{
    const char *text = getenv("WATCHDOG_USEC");
    uint64_t us;

    if (text == NULL || n->fd < 0 || !is_for_us() || !parse_u64(slice_of(text), INT64_MAX, &us) || us == 0)
        return;
    n->beat_ms = us / 2000 > 0 ? us / 2000 : 1;
}

/* ---- telling ---- */

static void tell(struct notify *n, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(struct notify *n, const char *format, ...)
{
    char text[NOTIFY_TEXT_MAX];
    va_list args;
    int len;

    if (n->fd < 0)
        return;
    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    CHECK(len > 0 && (size_t)len < sizeof(text));
    (void)!sendto(n->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&n->to, n->to_len);
}

static void on_beat(uv_timer_t *beat)
{
    tell(notify_of(beat->data), "WATCHDOG=1");
}

static void begin_to_beat(struct notify *n)
{
    if (n->beat_ms > 0 && !uv_is_active((uv_handle_t *)&n->beat))
        uv_timer_start(&n->beat, on_beat, 0, n->beat_ms);
}

void notify_starting(struct notify *n, const char *status)
{
    tell(n, "EXTEND_TIMEOUT_USEC=%llu\nSTATUS=%s", NOTIFY_PATIENCE_MS * 1000ull, status);
    begin_to_beat(n);
}

void notify_ready(struct notify *n, const char *status)
{
    tell(n, "READY=1\nSTATUS=%s", status);
    begin_to_beat(n);
}

void notify_reloading(struct notify *n)
{
    tell(n, "RELOADING=1\nMONOTONIC_USEC=%llu\nSTATUS=Reading the token file again", (unsigned long long)clock_us());
}

void notify_stopping(struct notify *n, const char *status)
{
    tell(n, "STOPPING=1\nSTATUS=%s", status);
}

/* ---- life ---- */

void notify_init(struct notify *n, uv_loop_t *loop, struct log *log)
{
    *n = (struct notify){.magic = NOTIFY_MAGIC, .fd = -1};
    open_socket(n, log);
    read_watchdog(n);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    CHECK(uv_timer_init(loop, &n->beat) == 0);
    n->beat.data = n;
}

void notify_close(struct notify *n)
{
    uv_close((uv_handle_t *)&n->beat, NULL);
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}
