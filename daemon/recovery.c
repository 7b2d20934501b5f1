/*
 * recovery.c - see recovery.h.
 *
 *   LOAD (store_load(), item by item) --> RELEASE (heap_restore_end()) --> AGE (what is back is old: gc_freeze() and back) --> over
 */
#include "daemon/recovery.h"
#include "daemon/clock.h"
#include "gc/gc.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/heap_gc.h"
#include "heap/restore.h"
#include "heap/root.h"
#include "heap/weak.h"

#define RECOVERY_MAGIC 0x5ec0f001u
#define STEP_US 20000 /* then the loop has a turn: who asks whether it is ready is answered */
#define STEP_UNITS 4096
#define TELL_MS 1000

enum recovery_state { RECOVERY_LOAD, RECOVERY_RELEASE, RECOVERY_FREEZE, RECOVERY_THAW, RECOVERY_OVER };

struct recovery {
    uint32_t magic;
    struct recovery_world world;
    struct redo_reader reader;
    enum recovery_state state;
    uint64_t objects, contents, log_bytes; /* that are back */
    slot_t cursor;
    uint64_t ticket;
    uint64_t began_us, told_us;
    uv_idle_t idle;
};

static struct recovery *recovery_of(void *data)
{
    struct recovery *r = data;

    CHECK_IS(r, RECOVERY_MAGIC);
    return r;
}

static unsigned percent(const struct recovery *r)
{
    const struct engine_facts *f = store_facts(r->world.store);
    uint64_t all = 2 * f->objects + f->log_bytes / 64 + 1, done = r->objects + r->contents + r->log_bytes / 64;

    return r->state > RECOVERY_LOAD || done >= all ? 99 : (unsigned)(done * 100 / all);
}

void recovery_count(const struct recovery *r, struct recovery_count *ret)
{
    *ret = (struct recovery_count){.pct = percent(r),
                                   .objects = heap_counters(r->world.heap)->objects,
                                   .log_bytes = r->log_bytes,
                                   .seconds = (double)(clock_us() - r->began_us) / 1e6};
}

struct json_t *recovery_settings(const struct recovery *r)
{
    return r->reader.settings;
}

/* ---- what is kept, one after another ---- */

static enum err get_bytes(void *ctx, obj_id id, struct payload **ret, struct why *why)
{
    struct recovery *r = ctx;

    return store_get_bytes(r->world.store, id, r->world.mem, ret, why);
}

static enum err put_object(struct recovery *r, const struct engine_item *i, struct why *why)
{
    struct payload *p = NULL;
    enum err e = redo_put_object(&r->reader, i->id, i->class, i->site, i->first_of_value, why);

    r->objects++;
    if (e != ERR_OK || i->first_of_value != 'n')
        return e;
    if ((e = get_bytes(r, i->id, &p, why)) == ERR_OK)
        e = heap_set_bytes(r->world.heap, i->id, &p, why);
    payload_release(&p);
    return e;
}

static enum err put_root(struct recovery *r, const struct engine_item *i, struct why *why)
{
    enum err e = redo_check_name(i->text, "root", why);

    return e == ERR_OK ? root_put(r->world.heap, i->text, i->id, NULL, why) : e;
}

static enum err put_weak(struct recovery *r, const struct engine_item *i, struct why *why)
{
    enum err e = redo_check_name(i->text, "weak name", why);

    if (e != ERR_OK)
        return e;
    if (i->id == 0 || i->id > ID_MAX)
        return why_set(why, ERR_BAD_VALUE, "a weak name is of no object that could have been");
    if (heap_has(r->world.heap, i->id))
        return weak_put(r->world.heap, i->text, i->id, NULL, why);
    return weak_restore_dead(r->world.heap, i->text, i->id, why); /* it reads null, as it did */
}

static enum err put_session(struct recovery *r, const struct engine_item *i, struct why *why)
{
    if (!utf8_valid(i->text))
        return why_set(why, ERR_BAD_VALUE, "the label of session %u is no UTF-8", i->session);
    return session_restore(r->world.sessions, i->session, i->ttl_s, i->text, i->token, r->reader.now_ms, why);
}

static enum err apply_lines(struct recovery *r, struct slice rest, struct why *why)
{
    enum err e = ERR_OK;

    r->log_bytes += rest.len;
    while (rest.len > 0 && e == ERR_OK)
        e = redo_apply(&r->reader, slice_cut(&rest, '\n'), why);
    return e;
}

static enum err put_item(struct recovery *r, const struct engine_item *i, struct why *why)
{
    switch (i->kind) {
    case ITEM_POOL:
        return heap_restore_pool(r->world.heap, i->pool, i->cell_words, i->turn_base, i->turn_end - i->turn_base, why);
    case ITEM_OBJECT:
        return put_object(r, i, why);
    case ITEM_CONTENTS:
        r->contents++;
        return redo_put_contents(&r->reader, i->id, i->text, why);
    case ITEM_ROOT:
        return put_root(r, i, why);
    case ITEM_WEAK:
        return put_weak(r, i, why);
    case ITEM_SESSION:
        return put_session(r, i, why);
    case ITEM_HOLD:
        return session_hold(r->world.sessions, i->session, i->id, why);
    case ITEM_SETTING:
        return redo_put_setting(&r->reader, i->text, i->value, why);
    case ITEM_ANSWER:
        return redo_put_answer(&r->reader, i->number, i->text, i->unix_ms, i->value, why);
    case ITEM_LINES:
        return apply_lines(r, i->text, why);
    case ITEM_END:
        break;
    }
    UNREACHABLE();
}

/* ---- steps ---- */

static void tell_progress(struct recovery *r)
{
    uint64_t now = clock_us();

    if (now - r->told_us < TELL_MS * 1000)
        return;
    r->told_us = now;
    r->world.on_progress(r->world.ctx);
}

static enum err load_some(struct recovery *r, struct why *why)
{
    uint64_t began = clock_us();
    struct engine_item item;
    enum err e;

    for (int i = 0; i % 64 != 0 || clock_us() - began < STEP_US; i++) {
        if ((e = store_load(r->world.store, &item, why)) != ERR_OK)
            return e;
        if (item.kind == ITEM_END) {
            if (redo_end(&r->reader, why) != ERR_OK)
                return ERR_STORE;
            r->state = RECOVERY_RELEASE;
            r->world.on_loaded(r->world.ctx);
            return ERR_OK;
        }
        if ((e = put_item(r, &item, why)) != ERR_OK)
            return e == ERR_NOMEM ? e : ERR_STORE;
    }
    return ERR_OK;
}

static void release_some(struct recovery *r)
{
    uint64_t began = clock_us();

    while (clock_us() - began < STEP_US)
        if (heap_restore_end(r->world.heap, &r->cursor, STEP_UNITS) > 0) {
            r->ticket = gc_freeze(r->world.gc, true);
            r->state = RECOVERY_FREEZE;
            return;
        }
}

/* Frozen and thawed again, all of it is of the oldest generation, and counts begin anew. */
static void age_some(struct recovery *r)
{
    uint64_t began = clock_us();

    while (!gc_freeze_done(r->world.gc, r->ticket) && clock_us() - began < STEP_US)
        (void)gc_step(r->world.gc, STEP_UNITS);
    if (!gc_freeze_done(r->world.gc, r->ticket))
        return;
    if (r->state == RECOVERY_FREEZE)
        r->ticket = gc_freeze(r->world.gc, false);
    r->state++;
}

static void on_idle(uv_idle_t *idle)
{
    struct recovery *r = recovery_of(idle->data);
    struct why why = {0};
    enum err e = ERR_OK;

    if (r->state == RECOVERY_LOAD)
        e = load_some(r, &why);
    else if (r->state == RECOVERY_RELEASE)
        release_some(r);
    else
        age_some(r);
    if (e == ERR_OK && r->state != RECOVERY_OVER) {
        tell_progress(r);
        return;
    }
    uv_idle_stop(idle);
    r->world.on_done(r->world.ctx, e, why.text);
}

/* ---- life ---- */

enum err recovery_create(const struct recovery_world *world, struct recovery **ret, struct why *why)
{
    struct recovery *r = mem_zalloc(world->mem, sizeof *r);
    enum err e;

    if (r == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin the recovery");
    r->magic = RECOVERY_MAGIC;
    r->world = *world;
    r->began_us = r->told_us = clock_us();
    r->reader = (struct redo_reader){.heap = world->heap, .sessions = world->sessions, .mem = world->mem, .now_ms = uv_now(world->loop),
                                     .answers = world->answers, .unix_ms = clock_unix_ms(), .get_bytes = get_bytes, .ctx = r};
    CHECK(uv_idle_init(world->loop, &r->idle) == 0);
    r->idle.data = r;
    *ret = r;
    if ((r->reader.settings = json_object()) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin the recovery");
    if ((e = heap_restore_begin(world->heap, store_facts(world->store)->pool_end, why)) != ERR_OK)
        return e == ERR_NOMEM ? e : ERR_STORE;
    session_raise_ids(world->sessions, store_facts(world->store)->last_session);
    uv_idle_start(&r->idle, on_idle);
    return ERR_OK;
}

void recovery_close(struct recovery *r)
{
    uv_close((uv_handle_t *)&r->idle, NULL);
}

void recovery_destroy(struct recovery **at)
{
    struct recovery *r = *at;

    *at = NULL;
    if (r == NULL)
        return;
    CHECK_IS(r, RECOVERY_MAGIC);
    json_decref(r->reader.settings);
    r->magic = 0;
    mem_free(r->world.mem, r, sizeof *r);
}
