/* compare.c - see world.h: the heap, and what is known of it. */
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/heap_gc.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/sim/world.h"

static void tell(void *ctx, const char *sentence)
{
    sim_note(ctx, '!', slice_of(sentence));
}

/* ---- who is reached ---- */

/* What running batches hold. */
static size_t held_by_batches(const struct sim *s, uint16_t *ret)
{
    size_t count = 0;

    for (const struct client *c = s->clients; c < s->clients + CLIENTS; c++)
        for (uint32_t i = 0; c->keeps && i < c->answered; i++)
            if (c->made[i] != MODEL_NONE)
                ret[count++] = c->made[i];
    return count;
}

static void reach(struct sim *s)
{
    static uint16_t held[CLIENTS * OPS_MAX];

    model_reach(s->now, held, held_by_batches(s, held));
}

bool compare_is_reachable(struct sim *s, uint16_t at)
{
    if (at >= MODEL_LOST)
        return false;
    reach(s);
    return model_is_reached(s->now, at);
}

/* ---- contents ---- */

static bool take(struct slice *text, const char *what, size_t len)
{
    if (text->len < len || memcmp(text->data, what, len) != 0)
        return false;
    *text = (struct slice){text->data + len, text->len - len};
    return true;
}

static bool take_weak(struct sim *s, struct model_value v, struct slice *text)
{
    char wanted[48];
    int len;

    if (take(text, "null", 4))
        return v.target == MODEL_LOST || !compare_is_reachable(s, v.target);
    if (v.target == MODEL_LOST)
        return false;
    len = snprintf(wanted, sizeof wanted, "{\"$weak\":%" PRIu64 "}", s->now->objects[v.target].id);
    return take(text, wanted, (size_t)len);
}

static bool take_value(struct sim *s, struct model_value v, struct slice *text)
{
    char wanted[96];
    int len = 0;

    switch (v.kind) {
    case VALUE_NULL:
        return take(text, "null", 4);
    case VALUE_FALSE:
        return take(text, "false", 5);
    case VALUE_TRUE:
        return take(text, "true", 4);
    case VALUE_INT:
        len = snprintf(wanted, sizeof wanted, "%" PRId64, model_int(v.n));
        break;
    case VALUE_REAL:
        len = snprintf(wanted, sizeof wanted, "%s", model_reals[v.n]);
        break;
    case VALUE_STRING:
        len = snprintf(wanted, sizeof wanted, "\"%s\"", model_texts[v.n]);
        break;
    case VALUE_LINK:
        len = snprintf(wanted, sizeof wanted, "{\"$ref\":%" PRIu64 "}", s->now->objects[v.target].id);
        break;
    default:
        return take_weak(s, v, text);
    }
    return take(text, wanted, (size_t)len);
}

static bool take_key(uint8_t name, struct slice *text)
{
    char wanted[48];
    int len = snprintf(wanted, sizeof wanted, "\"%s\":", model_keys[name]);

    return take(text, wanted, (size_t)len);
}

bool compare_contents(struct sim *s, uint16_t at, struct slice text)
{
    const struct model_object *o = &s->now->objects[at];
    bool is_record = o->kind == HEAP_RECORD;
    char number[24];

    if (o->kind == HEAP_BYTES)
        return slice_is(text, (snprintf(number, sizeof number, "%u", o->length), number));
    if (!take(&text, is_record ? "{" : "[", 1))
        return false;
    for (uint8_t p = 0; p < o->part_count; p++)
        if ((p > 0 && !take(&text, ",", 1)) || (is_record && !take_key(o->parts[p].name, &text)) ||
            !take_value(s, o->parts[p], &text))
            return false;
    return slice_is(text, is_record ? "}" : "]");
}

/* ---- what is put back, or there all along ---- */

static void compare_bytes(struct sim *s, const struct model_object *o)
{
    struct payload *p;
    bool same;

    DEMAND(s, heap_get_bytes(s->heap, o->id, &p, NULL) == ERR_OK, "object %" PRIu64 " is no bytes", o->id);
    same = p->len == o->length;
    for (uint32_t i = 0; same && i < o->length; i++)
        same = (unsigned char)p->data[i] == model_byte(o->seed, i);
    payload_release(&p);
    DEMAND(s, same, "object %" PRIu64 " has other bytes", o->id);
}

/* ["new",ID,"CLASS","SITE",CONTENTS] */
static void compare_object(struct sim *s, uint16_t at)
{
    const struct model_object *o = &s->now->objects[at];
    struct redo text;
    struct redo_line line;
    struct slice all;
    char class[32];

    if (o->kind == HEAP_BYTES) {
        compare_bytes(s, o);
        return;
    }
    redo_init(&text, s->heap, &s->mem);
    CHECK(redo_note(&text, &(struct change){.kind = CHANGE_NEW, .id = o->id}, NULL) == ERR_OK);
    all = buf_slice(&text.first->text);
    all.len--; /* its newline */
    CHECK(redo_split(all, &line, NULL) == ERR_OK);
    snprintf(class, sizeof class, "\"%s\"", o->kind == HEAP_LIST ? "list" : model_classes[o->class]);
    sim_note(s, '=', all);
    DEMAND(s, slice_is(line.arg[1], class) && compare_contents(s, at, line.arg[3]), "this is not what is in object %" PRIu64, o->id);
    redo_fini(&text);
}

static void compare_objects(struct sim *s)
{
    slot_t slot = 0;
    obj_id id;

    do {
        const struct id_entry *e;

        if ((id = heap_next_object(s->heap, &slot, SIZE_MAX)) == 0)
            continue;
        e = ids_find(&s->ids, id);
        DEMAND(s, e != NULL, "object %" PRIu64 " was never made", id);
        DEMAND(s, s->now->objects[e->at].alive && s->now->objects[e->at].id == id, "object %" PRIu64 " was dead and is back", id);
        compare_object(s, e->at);
    } while (slot != 0);
}

static void compare_roots(struct sim *s)
{
    struct slice name;
    uint32_t count = 0;
    obj_id id;

    for (uint32_t r = 0; r < MODEL_ROOTS; r++) {
        char text[8];
        uint16_t at = s->now->roots[r];

        snprintf(text, sizeof text, "r%u", r);
        if (at == MODEL_NONE)
            continue;
        count++;
        DEMAND(s, root_get(s->heap, slice_of(text), &id, NULL) == ERR_OK && id == s->now->objects[at].id, "root %s is another", text);
    }
    for (uint32_t cursor = 0; root_next(s->heap, &cursor, &name, &id);)
        count--;
    DEMAND(s, count == 0, "there are other roots");
}

/* w7 */
static uint32_t number_of(struct slice name)
{
    uint64_t n;

    CHECK(name.len > 1 && parse_u64(slice_from(name, 1), MODEL_WEAK_NAMES - 1, &n));
    return (uint32_t)n;
}

static void compare_weak_names(struct sim *s)
{
    struct slice name;
    uint32_t count = 0;
    obj_id id;

    for (uint32_t cursor = 0; weak_next(s->heap, &cursor, &name, &id); count++) {
        uint32_t n = number_of(name);
        uint16_t at = s->now->weak_names[n];

        DEMAND(s, at != MODEL_NONE, "weak name w%u is back", n);
        DEMAND(s, !heap_has(s->heap, id) || (at != MODEL_LOST && s->now->objects[at].id == id), "weak name w%u is another", n);
        DEMAND(s, at == MODEL_LOST || heap_has(s->heap, id) || !compare_is_reachable(s, at), "weak name w%u is lost", n);
    }
    for (uint32_t n = 0; n < MODEL_WEAK_NAMES; n++)
        count -= s->now->weak_names[n] != MODEL_NONE;
    DEMAND(s, count == 0, "a weak name is missing");
}

static void compare_holds(struct sim *s, uint32_t n)
{
    const struct model *m = s->now;
    struct session_info info;
    uint64_t holds = 0;

    for (uint32_t i = 0; i < m->end; i++)
        if (m->objects[i].alive && (m->objects[i].held_by >> n & 1) != 0) {
            DEMAND(s, session_holds(s->sessions, m->sessions[n].id, m->objects[i].id), "session %u does not hold %" PRIu64, n,
                   m->objects[i].id);
            holds++;
        }
    DEMAND(s, session_info(s->sessions, m->sessions[n].id, &info, NULL) == ERR_OK, "session %u is gone", n);
    DEMAND(s, info.holds == holds, "session %u holds more", n);
    DEMAND(s, n == 0 || info.ttl_s * 1000 == m->sessions[n].ttl_ms, "session %u has another ttl", n);
}

void compare_deaths(struct sim *s)
{
    static bool dead[MODEL_OBJECTS];
    struct model *m = s->now;
    uint32_t count = 0;

    for (uint32_t i = 0; i < m->end; i++) {
        dead[i] = m->objects[i].alive && !heap_has(s->heap, m->objects[i].id);
        count += dead[i];
    }
    if (count == 0)
        return;
    reach(s);
    for (uint32_t i = 0; i < m->end; i++)
        DEMAND(s, !dead[i] || !model_is_reached(m, (uint16_t)i), "object %" PRIu64 " is reached and dead", m->objects[i].id);
    model_bury(m, dead);
}

void compare_sessions(struct sim *s)
{
    for (uint32_t n = 1; n < MODEL_SESSIONS; n++) {
        struct model_session *m = &s->now->sessions[n];
        struct session_info info;

        if (!m->open)
            continue;
        if (session_info(s->sessions, m->id, &info, NULL) == ERR_OK) {
            DEMAND(s, m->running > 0 || info.ends_at_ms == m->ends_at_ms, "the lease of session %u ends at %" PRIu64 ", not %" PRIu64, m->id,
                   info.ends_at_ms, m->ends_at_ms);
            continue;
        }
        DEMAND(s, m->running == 0 && m->ends_at_ms <= loop_ms(), "session %u has ended before its time", m->id);
        model_end_session(s->now, n);
    }
}

void compare_all(struct sim *s)
{
    uint32_t open = 0;

    s->compares++;
    compare_sessions(s);
    compare_deaths(s);
    compare_objects(s);
    compare_roots(s);
    compare_weak_names(s);
    for (uint32_t n = 0; n < MODEL_SESSIONS; n++)
        if (s->now->sessions[n].open) {
            compare_holds(s, n);
            open++;
        }
    DEMAND(s, session_count(s->sessions) == open, "there are other sessions");
    DEMAND(s, heap_validate(s->heap, tell, s) == 0, "the heap breaks its rules");
}

void compare_at_rest(struct sim *s)
{
    uint64_t ticket;

    (void)gc_freeze(s->gc, false);
    gc_finish(s->gc);
    while (api_step(s->api, 100000) == 0)
        ;
    CHECK(gc_collect(s->gc, 2, GC_BY_REQUEST, false, &ticket, NULL) == ERR_OK);
    gc_finish(s->gc);
    compare_sessions(s);
    compare_deaths(s);
    reach(s);
    for (uint32_t i = 0; i < s->now->end; i++)
        DEMAND(s, !s->now->objects[i].alive || model_is_reached(s->now, (uint16_t)i), "object %" PRIu64 " is not reached and alive",
               s->now->objects[i].id);
    DEMAND(s, heap_counters(s->heap)->objects == s->now->alive, "there are other objects");
}
