/*
 * life_audit.c - the heap is audited while it lives (heap/audit.h): a few units between any two operations, and within long
 * ones. Nothing is broken, so nothing must be found. At other times a snapshot of it is taken (life_snapshot.c).
 *
 * Its decisions are its own, so that a seed lives the same life with and without.
 */
#include "heap/audit.h"
#include "tests/model/life_impl.h"
#include <stdio.h>

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "\naudit: %s", sentence);
}

static void end_audit(struct life *life, size_t units)
{
    while (heap_audit_end(&life->audit, units) == 0)
        ;
}

static void begin_audit(struct life *life)
{
    static const uint32_t units[] = {1, 4, 30, 300, 5000};

    life->audit_units = units[dice_below(&life->audit_dice, ARRAY_LEN(units))];
    if (dice_one_in(&life->audit_dice, 3))
        snapshot_start(life);
    else if (heap_audit_begin(life->heap, tell, NULL, &life->audit, NULL) != ERR_OK)
        AGREE(life, life->refused, "an audit was refused");
}

static void step_audit(struct life *life)
{
    bool done = false;
    enum err e = heap_audit_step(life->audit, 1 + dice_below(&life->audit_dice, life->audit_units), &done, NULL);

    AGREE(life, e == ERR_OK || life->refused, "an audit found no memory");
    AGREE(life, heap_audit_broken(life->audit) == 0, "the audit found what is above");
    if (e != ERR_OK || done || dice_one_in(&life->audit_dice, 5000))
        end_audit(life, 1);
    life->audits += done;
}

/* Sessions pay for what is made, or do not; now one makes it, now another. */
static void change_who_pays(struct life *life)
{
    struct session_limits limits = {.sessions_max = SESSIONS_MAX_DEFAULT,
                                    .holds_max = UINT32_MAX - 1,
                                    .default_holds_max = UINT32_MAX - 1,
                                    .bytes_max = dice_one_in(&life->audit_dice, 4) ? 0 : UINT64_MAX};
    const struct life_session *s = &life->session[dice_below(&life->audit_dice, NAIVE_SESSIONS)];

    if (dice_one_in(&life->audit_dice, 40))
        session_set_limits(life->sessions, &limits);
    session_pay(life->sessions, s->open ? s->id : 0);
}

void audit_a_little(struct life *life)
{
    if (life->dice.bytes == NULL && dice_one_in(&life->audit_dice, 8)) /* a table for it is much for a life that bytes decide */
        change_who_pays(life);
    if (life->audit == NULL && life->snapshot == NULL && !dice_one_in(&life->audit_dice, 16))
        return;
    if (life->audit == NULL && life->snapshot == NULL)
        begin_audit(life);
    for (uint32_t steps = dice_below(&life->audit_dice, 4); steps > 0 && life->audit != NULL; steps--)
        step_audit(life);
    if (life->snapshot != NULL)
        snapshot_go_on(life, 1 + dice_below(&life->audit_dice, life->audit_units));
}

void audit_stop(struct life *life)
{
    end_audit(life, SIZE_MAX);
    snapshot_stop(life);
}
