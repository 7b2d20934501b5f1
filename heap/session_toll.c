/*
 * session_toll.c - see session.h: who is told of sessions, and what dies by the end of one.
 *
 * Letting go of a hold kills one object at most; what that held dies as the dead are taken apart (reap.c), by whoever does
 * it. So while holds are let go of, and for a while after the last, what dies is counted: all in our own steps, and in
 * others' what only the dead had held. Where somebody else's object dies in between, what is found with it cannot be told
 * apart, and the toll says so.
 */
#include "heap/session_impl.h"

#define WAIT_STEPS_MAX 1000 /* for what the dead held, once others die too: there may always be some */

void session_tell(struct session_set *ss, const struct session_watch *w)
{
    ss->told = w;
}

void session_say_opened(const struct session_set *ss, const struct session *s)
{
    struct session_info info;

    if (ss->told == NULL)
        return;
    session_describe(ss, s, &info);
    ss->told->opened(ss->told->ctx, &info);
}

void session_say_parting(const struct session_set *ss, struct session *s, enum session_end how)
{
    struct session_parting p = {.how = how};

    s->toll = (struct toll){.holds = map_count(s->holds)}; /* where the token was: nobody asks for that again */
    if (ss->told == NULL)
        return;
    session_describe(ss, s, &p.info);
    for (; p.named < SESSION_NAMED_MAX && p.named < s->toll.holds; p.named++)
        p.held[p.named] = heap_id(ss->heap, map_key(s->holds, (uint32_t)p.named));
    ss->told->parting(ss->told->ctx, &p);
}

void session_say_let_go(struct session_set *ss, const struct session *s)
{
    struct session_toll t = {.id = s->id,
                             .label = {s->label, s->label_len},
                             .holds = s->toll.holds,
                             .objects = s->toll.objects,
                             .bytes = s->toll.bytes,
                             .whole = s->toll.whole};

    ss->seen.of = NULL;
    if (ss->told != NULL)
        ss->told->let_go(ss->told->ctx, &t);
}

/* ---- counting ---- */

static void see(struct session_set *ss, struct session *s)
{
    const struct heap_stats *now = &ss->heap->stats;

    ss->seen.of = s;
    ss->seen.deaths = now->freed_by_refcount;
    ss->seen.reaped = now->reaped;
    ss->seen.reaped_bytes = now->reaped_bytes;
    ss->seen.live_bytes = now->live_bytes;
}

/* What others have done since the last step: some of what they took apart was ours. */
static void add_others(struct session_set *ss, struct toll *t)
{
    const struct heap_stats *now = &ss->heap->stats;
    uint64_t reaped = now->reaped - ss->seen.reaped;

    t->objects += reaped;
    t->bytes += now->reaped_bytes - ss->seen.reaped_bytes;
    t->whole &= now->freed_by_refcount - ss->seen.deaths == reaped;
}

/* The last to end is let go of first: it may come before one that is being let go of. */
static void give_way(struct session_set *ss)
{
    if (ss->seen.of == NULL)
        return;
    add_others(ss, &ss->seen.of->toll);
    ss->seen.of->toll.whole = false;
}

void session_toll_begin(struct session_set *ss, struct session *s)
{
    if (ss->in_step)
        return;
    ss->in_step = true;
    if (ss->seen.of == s)
        add_others(ss, &s->toll);
    else
        give_way(ss);
    if (!s->toll.begun)
        s->toll.whole = ss->heap->stats.doomed == 0;
    s->toll.begun = true;
    see(ss, s);
}

void session_toll_end(struct session_set *ss)
{
    const struct heap_stats *now = &ss->heap->stats;
    struct session *s = ss->seen.of;

    if (!ss->in_step)
        return;
    ss->in_step = false;
    s->toll.objects += now->freed_by_refcount - ss->seen.deaths;
    s->toll.bytes += ss->seen.live_bytes - now->live_bytes;
    see(ss, s);
}

/* As long as nobody else's objects die, the dead become fewer with each step. Others that have ended are not held up. */
size_t session_toll_wait(struct session_set *ss, struct session *s, size_t units)
{
    bool waits = ss->told != NULL && s->next == NULL && (s->toll.whole || s->toll.waited++ < WAIT_STEPS_MAX);

    if (ss->heap->stats.doomed > 0 && waits)
        units = heap_reap(ss->heap, units);
    if (ss->heap->stats.doomed > 0 && !(waits && units == 0))
        s->toll.whole = false;
    return units;
}
