/* loop.c - see loop.h. */
#include "tests/sim/loop.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include <string.h>

#define HANDLES_MAX 16

enum handle_kind { HANDLE_TIMER, HANDLE_IDLE, HANDLE_PREPARE, HANDLE_ASYNC };

struct handle {
    void *uv; /* NULL: this place is free */
    enum handle_kind kind;
    bool active; /* ASYNC: was sent */
    uint64_t at_ms; /* TIMER */
    uv_timer_cb timer;
    uv_idle_cb idle;
    uv_prepare_cb prepare;
    uv_async_cb async;
};

static struct loop {
    uint64_t now_us, now_ms;
    struct handle handles[HANDLES_MAX];
    uv_thread_cb thread; /* NULL: none was started */
    void *thread_arg;
    void (*on_signal)(void *ctx);
    void *signal_ctx;
} the;

/* ---- time ---- */

void loop_begin(uint64_t now_us)
{
    CHECK(loop_handles() == 0 && the.thread == NULL);
    memset(&the, 0, sizeof the);
    loop_pass(now_us);
}

uint64_t loop_now_us(void)
{
    return the.now_us;
}

void loop_pass(uint64_t us)
{
    the.now_us += us;
    the.now_ms = the.now_us / 1000;
}

uint64_t clock_us(void)
{
    return the.now_us;
}

const uint64_t *loop_clock_ms(void)
{
    return &the.now_ms;
}

uint64_t clock_ms(void)
{
    return the.now_ms;
}

uint64_t clock_unix_ms(void)
{
    return UINT64_C(1700000000000) + the.now_ms;
}

uint64_t uv_now(const uv_loop_t *loop)
{
    (void)loop;
    return clock_ms();
}

/* ---- handles ---- */

static struct handle *find(const void *uv)
{
    for (size_t i = 0; i < HANDLES_MAX; i++)
        if (the.handles[i].uv == uv)
            return &the.handles[i];
    UNREACHABLE();
}

static int open_handle(void *uv, enum handle_kind kind)
{
    *find(NULL) = (struct handle){.uv = uv, .kind = kind};
    return 0;
}

size_t loop_handles(void)
{
    size_t n = 0;

    for (size_t i = 0; i < HANDLES_MAX; i++)
        n += the.handles[i].uv != NULL;
    return n;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer)
{
    (void)loop;
    return open_handle(timer, HANDLE_TIMER);
}

int uv_timer_start(uv_timer_t *timer, uv_timer_cb fn, uint64_t in_ms, uint64_t again_ms)
{
    struct handle *h = find(timer);

    CHECK(again_ms == 0);
    h->active = true;
    h->timer = fn;
    h->at_ms = clock_ms() + in_ms;
    return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *idle)
{
    (void)loop;
    return open_handle(idle, HANDLE_IDLE);
}

int uv_idle_start(uv_idle_t *idle, uv_idle_cb fn)
{
    find(idle)->active = true;
    find(idle)->idle = fn;
    return 0;
}

int uv_idle_stop(uv_idle_t *idle)
{
    find(idle)->active = false;
    return 0;
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *prepare)
{
    (void)loop;
    return open_handle(prepare, HANDLE_PREPARE);
}

int uv_prepare_start(uv_prepare_t *prepare, uv_prepare_cb fn)
{
    find(prepare)->active = true;
    find(prepare)->prepare = fn;
    return 0;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb fn)
{
    (void)loop;
    (void)open_handle(async, HANDLE_ASYNC);
    find(async)->async = fn;
    return 0;
}

int uv_async_send(uv_async_t *async)
{
    find(async)->active = true;
    return 0;
}

void uv_close(uv_handle_t *uv, uv_close_cb fn)
{
    *find(uv) = (struct handle){.uv = NULL};
    if (fn != NULL)
        fn(uv);
}

/* ---- a turn ---- */

static void call(struct handle *h)
{
    switch (h->kind) {
    case HANDLE_TIMER:
        h->active = false;
        h->timer(h->uv);
        break;
    case HANDLE_IDLE:
        h->idle(h->uv);
        break;
    case HANDLE_PREPARE:
        h->prepare(h->uv);
        break;
    case HANDLE_ASYNC:
        h->active = false;
        h->async(h->uv);
        break;
    }
}

static bool is_due(const struct handle *h, enum handle_kind kind)
{
    return h->uv != NULL && h->kind == kind && h->active && (kind != HANDLE_TIMER || h->at_ms <= clock_ms());
}

void loop_turn(void)
{
    for (int kind = HANDLE_TIMER; kind <= HANDLE_ASYNC; kind++)
        for (size_t i = 0; i < HANDLES_MAX; i++)
            if (is_due(&the.handles[i], (enum handle_kind)kind))
                call(&the.handles[i]);
}

/* ---- the thread: its turns are taken by who tests, and when it is waited for it runs to its end ---- */

void loop_on_signal(void (*fn)(void *ctx), void *ctx)
{
    the.on_signal = fn;
    the.signal_ctx = ctx;
}

int uv_thread_create(uv_thread_t *thread, uv_thread_cb fn, void *arg)
{
    (void)thread;
    CHECK(the.thread == NULL);
    the.thread = fn;
    the.thread_arg = arg;
    return 0;
}

int uv_thread_join(uv_thread_t *thread)
{
    uv_thread_cb fn = the.thread;

    (void)thread;
    the.thread = NULL;
    fn(the.thread_arg);
    return 0;
}

int uv_mutex_init(uv_mutex_t *mutex)
{
    (void)mutex;
    return 0;
}

void uv_mutex_destroy(uv_mutex_t *mutex)
{
    (void)mutex;
}

void uv_mutex_lock(uv_mutex_t *mutex)
{
    (void)mutex;
}

void uv_mutex_unlock(uv_mutex_t *mutex)
{
    (void)mutex;
}

int uv_cond_init(uv_cond_t *cond)
{
    (void)cond;
    return 0;
}

void uv_cond_destroy(uv_cond_t *cond)
{
    (void)cond;
}

void uv_cond_signal(uv_cond_t *cond)
{
    (void)cond;
    if (the.on_signal != NULL)
        the.on_signal(the.signal_ctx);
}

/* Nobody signals while the only thread waits. */
int uv_cond_timedwait(uv_cond_t *cond, uv_mutex_t *mutex, uint64_t ns)
{
    (void)cond;
    (void)mutex;
    (void)ns;
    return UV_ETIMEDOUT;
}
