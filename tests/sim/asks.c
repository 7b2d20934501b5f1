/* asks.c - see world.h: what is asked, mostly of what is there, now and then of what is not. */
#include "heap/base/check.h"
#include "tests/sim/world.h"

#define TRIES 12
#define POPULATION_LEAST 40
#define POPULATION 1400 /* about as many objects are alive; more are let go */

/* ---- who it is about ---- */

static bool is_there(const struct sim *s, uint32_t at)
{
    return at < s->now->end && s->now->objects[at].alive && heap_has(s->heap, s->now->objects[at].id);
}

/* An object of a kind (-1: any) that lives, or MODEL_NONE. */
static uint16_t pick(struct sim *s, int kind)
{
    for (int i = 0; i < TRIES && s->now->end > 0; i++) {
        uint32_t at = roll(s, s->now->end);

        if (is_there(s, at) && (kind < 0 || s->now->objects[at].kind == kind))
            return (uint16_t)at;
    }
    return MODEL_NONE;
}

static struct ref ref_to(const struct sim *s, uint16_t at)
{
    return (struct ref){.id = s->now->objects[at].id};
}

/* Any id that ever was. */
static struct ref pick_any_id(struct sim *s)
{
    if (s->ids.count == 0)
        return (struct ref){.id = 1};
    return (struct ref){.id = s->ids.born[roll(s, (uint32_t)s->ids.count)].id};
}

/* What an op of this batch makes, of a verb; -1: none of the last. */
static int pick_made(struct sim *s, const struct client *c, enum verb verb)
{
    for (int i = 0; i < TRIES && c->kind != CLIENT_ONE && c->op_count > 0; i++) {
        uint32_t n = c->op_count - 1 - roll(s, c->op_count < 20 ? c->op_count : 20);

        if (c->ops[n].verb == verb)
            return (int)n;
    }
    return -1;
}

/* A record or list to change: what was made just now, or what is there, or seldom what is not. */
static struct ref pick_target(struct sim *s, const struct client *c, enum heap_kind kind)
{
    int made = kind == HEAP_RECORD && !c->untold && one_in(s, 4) ? pick_made(s, c, V_NEW) : -1;
    uint16_t at;

    if (made >= 0)
        return (struct ref){.number = (uint32_t)made};
    at = one_in(s, 500) ? MODEL_NONE : pick(s, one_in(s, 900) ? -1 : (int)kind);
    return at == MODEL_NONE ? pick_any_id(s) : ref_to(s, at);
}

static struct ref pick_linked(struct sim *s, const struct client *c)
{
    static const enum verb makers[] = {V_NEW, V_NEW, V_LIST, V_BYTES};
    int made = one_in(s, 2) ? pick_made(s, c, makers[roll(s, 4)]) : -1;
    uint16_t at;

    if (made >= 0)
        return (struct ref){.number = (uint32_t)made};
    at = one_in(s, 1500) ? MODEL_NONE : pick(s, -1);
    return at == MODEL_NONE ? pick_any_id(s) : ref_to(s, at);
}

/* One that the session holds; else any. */
static struct ref pick_held(struct sim *s, const struct client *c)
{
    for (uint32_t i = 0; i < 200 && s->now->end > 0; i++) {
        uint32_t at = roll(s, s->now->end);

        if (s->now->objects[at].alive && (s->now->objects[at].held_by >> c->session & 1) != 0)
            return ref_to(s, (uint16_t)at);
    }
    return pick_any_id(s);
}

/* ---- values ---- */

static uint8_t pick_field(struct sim *s)
{
    uint32_t n = roll(s, MODEL_PARTS); /* so that a record can have all of them */

    return (uint8_t)(n < 16 ? n : n + 4);
}

static struct op_value a_value(struct sim *s, const struct client *c)
{
    struct op_value v = {.value = {.target = MODEL_NONE}};

    switch (roll(s, 12)) {
    case 0:
        v.value.kind = VALUE_NULL;
        break;
    case 1:
        v.value.kind = one_in(s, 2) ? VALUE_TRUE : VALUE_FALSE;
        break;
    case 2:
        v.value.kind = VALUE_REAL;
        v.value.n = (int32_t)roll(s, MODEL_REALS);
        break;
    case 3:
    case 4:
        v.value.kind = VALUE_STRING;
        v.value.n = (int32_t)roll(s, MODEL_TEXTS);
        break;
    case 5:
        v.value.kind = VALUE_WEAK;
        v.ref = pick_linked(s, c);
        break;
    case 6:
    case 7:
        v.value.kind = VALUE_INT;
        v.value.n = (int32_t)roll(s, 1u << roll(s, 31));
        break;
    default:
        v.value.kind = VALUE_LINK;
        v.ref = pick_linked(s, c);
    }
    if ((v.value.kind == VALUE_LINK || v.value.kind == VALUE_WEAK) && v.ref.id == 1)
        v.value.kind = VALUE_NULL; /* nothing was made yet */
    return v;
}

/* What is there, as it is now; what is lost reads null. */
static struct op_value as_it_is(const struct sim *s, struct model_value v)
{
    struct op_value out = {.value = v};

    if (v.kind == VALUE_LINK || v.kind == VALUE_WEAK) {
        if (v.target == MODEL_LOST)
            out.value.kind = VALUE_NULL;
        else
            out.ref = ref_to(s, v.target);
    }
    return out;
}

/* ---- ops ---- */

/* The first part of what is made where no ids are told. */
static void add_tag(struct sim *s, const struct client *c, struct sim_op *op)
{
    if (!c->untold)
        return;
    if (op->count == 0)
        op->count = 1;
    op->parts[0] = (struct op_value){.value = {.kind = VALUE_INT, .target = MODEL_NONE, .n = ++s->next_tag}};
}

static void some_parts(struct sim *s, const struct client *c, struct sim_op *op)
{
    uint8_t name = 0;

    op->count = roll(s, OP_PARTS_MAX + 1);
    for (uint32_t i = 0; i < op->count; i++) {
        op->parts[i] = a_value(s, c);
        op->parts[i].value.name = name; /* each once */
        name = (uint8_t)(name + 1 + roll(s, 2));
    }
    if (op->verb == V_NEW || op->verb == V_LIST)
        add_tag(s, c, op);
}

/* Several fields set, or (null) removed. */
static void ask_patch(struct sim *s, const struct client *c, struct sim_op *op)
{
    op->target = pick_target(s, c, HEAP_RECORD);
    some_parts(s, c, op);
}

static void ask_replace(struct sim *s, struct sim_op *op)
{
    uint16_t at = pick(s, HEAP_BYTES);

    op->target = at == MODEL_NONE ? pick_any_id(s) : ref_to(s, at);
    op->n = one_in(s, 12) ? roll(s, 5000) : roll(s, 60);
    op->count = roll(s, 1 << 20);
}

static void ask_is(struct sim *s, const struct client *c, struct sim_op *op)
{
    uint16_t at = pick(s, op->verb == V_IS ? HEAP_RECORD : HEAP_LIST);
    const struct model_object *o = &s->now->objects[at == MODEL_NONE ? 0 : at];

    op->count = 1;
    op->parts[0] = a_value(s, c);
    op->target = at == MODEL_NONE ? pick_any_id(s) : ref_to(s, at);
    op->n = op->verb == V_IS ? pick_field(s) : roll(s, 4);
    if (at == MODEL_NONE || o->part_count == 0 || one_in(s, 60))
        return;
    op->n = roll(s, o->part_count);
    op->parts[0] = as_it_is(s, o->parts[op->n]);
    if (op->verb == V_IS)
        op->n = o->parts[op->n].name;
}

static void ask_push(struct sim *s, const struct client *c, struct sim_op *op)
{
    uint16_t at = pick(s, HEAP_LIST);

    if (at == MODEL_NONE || s->now->objects[at].part_count + s->pushes[at] >= MODEL_PARTS) {
        op->verb = V_NEW;
        op->n = roll(s, 4);
        some_parts(s, c, op);
        return;
    }
    s->pushes[at]++;
    op->target = ref_to(s, at);
    op->n = at;
    op->count = 1;
    op->parts[0] = a_value(s, c);
}

static void ask_unset(struct sim *s, const struct client *c, struct sim_op *op)
{
    uint16_t at = pick(s, HEAP_RECORD);

    op->target = pick_target(s, c, HEAP_RECORD);
    op->n = pick_field(s);
    if (at == MODEL_NONE || s->now->objects[at].part_count == 0 || one_in(s, 100))
        return;
    op->target = ref_to(s, at);
    op->n = s->now->objects[at].parts[roll(s, s->now->objects[at].part_count)].name;
}

static void ask_item(struct sim *s, const struct client *c, struct sim_op *op)
{
    uint16_t at = pick(s, HEAP_LIST);
    uint32_t count = at == MODEL_NONE ? 0 : s->now->objects[at].part_count;

    op->target = at == MODEL_NONE ? pick_any_id(s) : ref_to(s, at);
    op->n = count > 0 && !one_in(s, 60) ? roll(s, count) : roll(s, 2 * MODEL_PARTS);
    op->count = op->verb == V_PUT;
    op->parts[0] = a_value(s, c);
}

/* A name that is taken and that nobody else is about to free; now and then any. */
static void ask_unroot(struct sim *s, const struct client *c, struct sim_op *op)
{
    uint32_t name = roll(s, MODEL_ROOTS);

    for (uint32_t i = 0; i < MODEL_ROOTS && !one_in(s, 2000); i++, name = (name + 1) % MODEL_ROOTS)
        if (s->now->roots[name] != MODEL_NONE && s->unroots[name] == 0)
            break;
    op->n = name;
    if (s->now->roots[name] != MODEL_NONE || one_in(s, 200)) {
        s->unroots[name]++;
        return;
    }
    op->verb = V_ROOT;
    op->target = pick_linked(s, c);
}

static void fill_op(struct sim *s, const struct client *c, struct sim_op *op)
{
    switch (op->verb) {
    case V_NEW:
    case V_LIST:
        op->n = roll(s, 4);
        some_parts(s, c, op);
        break;
    case V_BYTES:
        op->n = one_in(s, 12) ? roll(s, 5000) : roll(s, 60);
        op->count = roll(s, 1 << 20);
        break;
    case V_PATCH:
        ask_patch(s, c, op);
        break;
    case V_REPLACE:
        ask_replace(s, op);
        break;
    case V_FREEZE:
        op->n = one_in(s, 3);
        break;
    case V_SET:
        op->target = pick_target(s, c, HEAP_RECORD);
        op->n = pick_field(s);
        op->count = 1;
        op->parts[0] = a_value(s, c);
        break;
    case V_PUT:
    case V_CUT:
        ask_item(s, c, op);
        break;
    case V_UNSET:
        ask_unset(s, c, op);
        break;
    case V_PUSH:
        ask_push(s, c, op);
        break;
    case V_HOLD:
    case V_ROOT:
    case V_WEAK:
        op->target = pick_linked(s, c);
        op->n = op->verb == V_WEAK ? roll(s, MODEL_WEAK_NAMES) : roll(s, MODEL_ROOTS);
        break;
    case V_UNROOT:
        ask_unroot(s, c, op);
        break;
    case V_DROP:
        op->target = pick_held(s, c);
        break;
    case V_GET:
        op->target = one_in(s, 400) ? pick_any_id(s) : pick_linked(s, c);
        break;
    case V_IS:
    case V_IS_ITEM:
        ask_is(s, c, op);
        break;
    case V_COLLECT:
        op->n = roll(s, 3);
        break;
    case V_UNWEAK:
    case V_GET_WEAK:
        op->n = roll(s, MODEL_WEAK_NAMES);
        break;
    case V_OPEN:
        s->opening++;
        op->count = 1 + roll(s, one_in(s, 3) ? 600 : 20);
        break;
    case V_RENEW:
    case V_END:
        op->n = one_in(s, 40) ? 0 : 1 + roll(s, MODEL_SESSIONS - 1);
        op->target.id = op->n == 0 || s->now->sessions[op->n].id != 0 ? s->now->sessions[op->n].id : UINT32_MAX - 1;
        break;
    case V_VALIDATE:
        break;
    case V_TUNE:
        op->n = one_in(s, 8) ? 0 : 1u << roll(s, 13);
        break;
    case V_PERSIST:
        op->n = 1 + roll(s, 64);
        op->count = roll(s, 2);
        break;
    }
}

struct weight {
    enum verb verb;
    uint32_t few, many; /* with few objects, and with many */
};

static const struct weight in_batches[] = {
    {V_NEW, 30, 14},  {V_LIST, 5, 2},  {V_BYTES, 4, 1}, {V_SET, 40, 40}, {V_PUT, 4, 5},  {V_UNSET, 4, 10}, {V_PUSH, 6, 4},
    {V_HOLD, 4, 2},   {V_ROOT, 6, 4},  {V_UNROOT, 2, 6}, {V_WEAK, 2, 2}, {V_DROP, 3, 6}, {V_GET, 7, 7},   {V_IS, 3, 3}, {V_IS_ITEM, 1, 1}};
static const struct weight alone[] = {
    {V_NEW, 20, 8},  {V_LIST, 4, 2}, {V_BYTES, 3, 1},  {V_SET, 12, 12}, {V_PUT, 4, 4},     {V_UNSET, 4, 8},   {V_PUSH, 4, 3},  {V_HOLD, 3, 2},
    {V_ROOT, 4, 2},  {V_UNROOT, 2, 8}, {V_WEAK, 3, 3}, {V_DROP, 3, 8},  {V_GET, 8, 8},     {V_COLLECT, 2, 2}, {V_CUT, 4, 4},   {V_UNWEAK, 2, 2},
    {V_PATCH, 6, 6}, {V_REPLACE, 3, 3}, {V_FREEZE, 1, 1}, {V_GET_WEAK, 4, 4}, {V_OPEN, 3, 3}, {V_RENEW, 2, 2}, {V_END, 1, 3}, {V_VALIDATE, 1, 1}, {V_TUNE, 1, 1},   {V_PERSIST, 1, 1}};

static enum verb choose(struct sim *s, const struct weight *w, size_t count)
{
    bool many = s->now->alive > POPULATION;
    uint32_t all = 0, at;

    for (size_t i = 0; i < count; i++)
        all += many ? w[i].many : w[i].few;
    at = roll(s, all);
    while (at >= (many ? w->many : w->few)) {
        at -= many ? w->many : w->few;
        w++;
    }
    return w->verb;
}

static uint32_t open_sessions(const struct sim *s)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < MODEL_SESSIONS; i++)
        n += s->now->sessions[i].open;
    return n;
}

/* While there is next to nothing, something is made and named. */
static void ask_to_begin(struct sim *s, const struct client *c, struct sim_op *op)
{
    int made = pick_made(s, c, V_NEW);

    op->verb = made >= 0 && one_in(s, 2) ? V_ROOT : V_NEW;
    op->target.number = (uint32_t)made;
    op->n = op->verb == V_ROOT ? roll(s, MODEL_ROOTS) : roll(s, 4);
    if (op->verb == V_NEW)
        add_tag(s, c, op);
}

void ask_op(struct sim *s, struct client *c, struct sim_op *op, bool one)
{
    op->target = (struct ref){0};
    op->count = 0;
    if (s->now->alive < POPULATION_LEAST) {
        ask_to_begin(s, c, op);
        return;
    }
    op->verb = one ? choose(s, alone, ARRAY_LEN(alone)) : choose(s, in_batches, ARRAY_LEN(in_batches));
    if ((op->verb == V_NEW || op->verb == V_LIST || op->verb == V_BYTES) && s->now->alive > MODEL_OBJECTS - CLIENTS * OPS_MAX - 1)
        op->verb = V_UNROOT;
    if (op->verb == V_BYTES && c->untold)
        op->verb = V_NEW;
    if (op->verb == V_OPEN && open_sessions(s) + s->opening >= MODEL_SESSIONS)
        op->verb = V_END;
    fill_op(s, c, op);
}
