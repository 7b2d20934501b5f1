/* signals.c - see signals.h. */
#include "daemon/signals.h"
#include "heap/base/check.h"
#include <signal.h>

#define SIGNALS_MAGIC 0x51640001u

static struct signals *signals_of(void *data)
{
    struct signals *s = data;

    CHECK_IS(s, SIGNALS_MAGIC);
    return s;
}

static void on_signal(uv_signal_t *handle, int signum)
{
    struct signals *s = signals_of(handle->data);

    if (signum == SIGHUP)
        s->handlers.on_reload(s->handlers.ctx);
    else
        s->handlers.on_stop(s->handlers.ctx, signum);
}

static void watch(struct signals *s, uv_signal_t *handle, uv_loop_t *loop, int signum)
{
    CHECK(uv_signal_init(loop, handle) == 0);
    handle->data = s;
    CHECK(uv_signal_start(handle, on_signal, signum) == 0);
}

void signals_init(struct signals *s, uv_loop_t *loop, struct signal_handlers handlers)
{
    *s = (struct signals){.magic = SIGNALS_MAGIC, .handlers = handlers};
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that would be longer than it may is an error of write(), as a full disk is */
    watch(s, &s->term, loop, SIGTERM);
    watch(s, &s->interrupt, loop, SIGINT);
    watch(s, &s->hangup, loop, SIGHUP);
}

void signals_close(struct signals *s)
{
    uv_close((uv_handle_t *)&s->term, NULL);
    uv_close((uv_handle_t *)&s->interrupt, NULL);
    uv_close((uv_handle_t *)&s->hangup, NULL);
}
