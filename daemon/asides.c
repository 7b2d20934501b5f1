/* asides.c - see asides.h. */
#include "daemon/asides.h"
#include "heap/base/check.h"

#define ASIDES_MAGIC 0xa51d0001u

static struct aside_seat *seat_of(uv_work_t *work)
{
    struct aside_seat *seat = work->data;

    CHECK(seat != NULL && seat->all->magic == ASIDES_MAGIC && seat->taken != NULL);
    return seat;
}

static void fill_seats(struct asides *a);

static void on_work(uv_work_t *work)
{
    struct aside *aside = seat_of(work)->taken;

    aside->run(aside);
}

/* Never cancelled: status says nothing. */
static void on_after(uv_work_t *work, int status)
{
    struct aside_seat *seat = seat_of(work);
    struct asides *a = seat->all;
    struct aside *aside = seat->taken;

    (void)status;
    seat->taken = NULL;
    aside->done(aside);
    fill_seats(a);
    a->on_done(a->ctx);
}

static void fill_seats(struct asides *a)
{
    for (size_t i = 0; i < ASIDES_AT_ONCE && a->first != NULL; i++) {
        struct aside_seat *seat = &a->seats[i];

        if (seat->taken != NULL)
            continue;
        seat->taken = a->first;
        a->first = seat->taken->next;
        if (a->first == NULL)
            a->last = &a->first;
        CHECK(uv_queue_work(a->loop, &seat->work, on_work, on_after) == 0); /* fails for a bad argument only */
    }
}

void asides_init(struct asides *a, uv_loop_t *loop, void (*on_done)(void *ctx), void *ctx)
{
    *a = (struct asides){.magic = ASIDES_MAGIC, .loop = loop, .on_done = on_done, .ctx = ctx, .last = &a->first};
    for (size_t i = 0; i < ASIDES_AT_ONCE; i++) {
        a->seats[i].all = a;
        a->seats[i].work.data = &a->seats[i];
    }
}

void asides_add(struct asides *a, struct aside *aside)
{
    CHECK(a->magic == ASIDES_MAGIC);
    aside->next = NULL;
    *a->last = aside;
    a->last = &aside->next;
    fill_seats(a);
}
