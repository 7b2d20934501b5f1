/* Work beside the loop: it runs on another thread while the loop turns, in line, and all of it before the loop rests. */
#include "daemon/asides.h"
#include "tests/unit/unit.h"
#include <pthread.h>
#include <semaphore.h>

#define WORKS (3 * ASIDES_AT_ONCE)

struct fixture {
    uv_loop_t loop;
    struct asides asides;
    uv_timer_t timer;
    pthread_t loop_thread;
    int told; /* calls of on_done() */
    struct work {
        struct aside aside;
        struct fixture *all;
        sem_t go;
        bool began, done, ran_elsewhere, done_here;
    } works[WORKS];
};

static struct work *work_of(struct aside *a)
{
    return (struct work *)(void *)a; /* its first member */
}

static void work_run(struct aside *a)
{
    struct work *w = work_of(a);

    w->ran_elsewhere = !pthread_equal(pthread_self(), w->all->loop_thread);
    __atomic_store_n(&w->began, true, __ATOMIC_SEQ_CST);
    sem_wait(&w->go);
}

static void work_done(struct aside *a)
{
    struct work *w = work_of(a);

    w->done_here = pthread_equal(pthread_self(), w->all->loop_thread);
    w->done = true;
}

static void on_done(void *ctx)
{
    ((struct fixture *)ctx)->told++;
}

static struct fixture *fixture_new(void)
{
    struct fixture *x = calloc(1, sizeof *x);

    ck_assert_ptr_nonnull(x);
    ck_assert_int_eq(uv_loop_init(&x->loop), 0);
    x->loop_thread = pthread_self();
    asides_init(&x->asides, &x->loop, on_done, x);
    for (size_t i = 0; i < WORKS; i++) {
        x->works[i] = (struct work){.aside = {.run = work_run, .done = work_done}, .all = x};
        sem_init(&x->works[i].go, 0, 0);
    }
    return x;
}

static void fixture_free(struct fixture *x)
{
    ck_assert_int_eq(uv_loop_close(&x->loop), 0);
    for (size_t i = 0; i < WORKS; i++)
        sem_destroy(&x->works[i].go);
    free(x);
}

/* The timer goes off while the first work cannot end; then it lets it. */
static void on_timer(uv_timer_t *timer)
{
    struct work *w = timer->data;

    ck_assert(!w->done);
    sem_post(&w->go);
    uv_close((uv_handle_t *)timer, NULL);
}

START_TEST(the_loop_turns_while_another_thread_works)
{
    struct fixture *x = fixture_new();
    struct work *w = &x->works[0];

    asides_add(&x->asides, &w->aside);
    uv_timer_init(&x->loop, &x->timer);
    x->timer.data = w;
    uv_timer_start(&x->timer, on_timer, 5, 0);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    ck_assert(w->done && w->ran_elsewhere && w->done_here);
    ck_assert_int_eq(x->told, 1);
    fixture_free(x);
}
END_TEST

START_TEST(the_line_moves_on_and_the_loop_rests_when_it_is_empty)
{
    struct fixture *x = fixture_new();

    for (size_t i = 0; i < WORKS; i++)
        asides_add(&x->asides, &x->works[i].aside);
    while (!__atomic_load_n(&x->works[ASIDES_AT_ONCE - 1].began, __ATOMIC_SEQ_CST))
        uv_run(&x->loop, UV_RUN_NOWAIT);
    ck_assert(!__atomic_load_n(&x->works[ASIDES_AT_ONCE].began, __ATOMIC_SEQ_CST)); /* no seat */
    for (size_t i = 0; i < WORKS; i++)
        sem_post(&x->works[i].go);
    uv_run(&x->loop, UV_RUN_DEFAULT);
    for (size_t i = 0; i < WORKS; i++)
        ck_assert(x->works[i].done);
    ck_assert_int_eq(x->told, WORKS);
    fixture_free(x);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(the_loop_turns_while_another_thread_works),
        TEST(the_line_moves_on_and_the_loop_rests_when_it_is_empty),
    };

    return unit_main(argc, argv, "asides", tests, ARRAY_LEN(tests));
}
