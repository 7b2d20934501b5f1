/*
 * judge.c - see world.h: may this be the answer?
 *
 * Of an object that is reached there is one. What nothing reaches may be dead or not, as long as nobody knows; then the answer
 * is learned from.
 */
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "tests/sim/world.h"

enum wrong { NO_OBJECT, COLLECTED, DANGLING, WRONG_KIND, NO_NAME, NOT_HELD, CHANGED, DISK_FULL, STORE_FAILED, SESSION_ENDED, WRONGS };

static const char *const wrong_names[WRONGS] = {"no-such-object", "collected", "dangling",  "wrong-kind",   "no-such-name",
                                                "not-held",       "changed",   "disk-full", "store-failed", "session-ended"};

/* An op, and what the model has to say to it. */
struct asked {
    struct sim *s;
    struct client *c;
    const struct sim_op *op;
    uint32_t number;
    uint16_t at;       /* its target; MODEL_NONE: it has none, or it is dead */
    unsigned sure;     /* one of these it must fail for */
    uint16_t links[OP_PARTS_MAX]; /* what its values lead to */
};

/* ---- what it is about ---- */

/* The object, or MODEL_NONE and what is wrong with it. */
static uint16_t resolve(const struct sim *s, const struct client *c, const struct ref *r, enum wrong *ret)
{
    const struct id_entry *e;

    if (r->id == 0)
        return c->made[r->number];
    e = ids_find(&s->ids, r->id);
    *ret = e == NULL ? NO_OBJECT : COLLECTED;
    return e != NULL && s->now->objects[e->at].alive && s->now->objects[e->at].id == r->id ? e->at : MODEL_NONE;
}

static bool has_target(enum verb v)
{
    return (v >= V_SET && v <= V_ROOT) || (v >= V_WEAK && v <= V_IS_ITEM) || (v >= V_CUT && v <= V_REPLACE);
}

static bool is_session_there(const struct sim *s, const struct client *c)
{
    const struct model_session *m = &s->now->sessions[c->session];

    return m->open && m->id == c->session_id;
}

static const struct model_object *target_of(const struct asked *a)
{
    return &a->s->now->objects[a->at];
}

static void look_at_target(struct asked *a)
{
    enum verb v = a->op->verb;
    enum wrong wrong = NO_OBJECT;
    bool as_link = a->c->kind == CLIENT_ONE && (v == V_ROOT || v == V_WEAK); /* it stands in the body */

    a->at = MODEL_NONE;
    if (!has_target(v))
        return;
    a->at = resolve(a->s, a->c, &a->op->target, &wrong);
    if (a->at == MODEL_NONE)
        a->sure |= 1u << (as_link ? DANGLING : wrong);
}

static void look_at_values(struct asked *a)
{
    enum wrong wrong;

    for (uint32_t i = 0; i < OP_PARTS_MAX; i++)
        a->links[i] = MODEL_NONE;
    if (a->op->verb == V_BYTES || (a->op->verb >= V_COLLECT && a->op->verb != V_PATCH))
        return;
    for (uint32_t i = 0; i < a->op->count; i++) {
        const struct op_value *v = &a->op->parts[i];

        if (v->value.kind != VALUE_LINK && v->value.kind != VALUE_WEAK)
            continue;
        a->links[i] = resolve(a->s, a->c, &v->ref, &wrong);
        if (a->links[i] == MODEL_NONE)
            a->sure |= 1u << DANGLING;
    }
}

static struct model_value value_of(const struct asked *a, uint32_t i)
{
    struct model_value v = a->op->parts[i].value;

    v.target = v.kind == VALUE_LINK || v.kind == VALUE_WEAK ? a->links[i] : MODEL_NONE;
    return v;
}

/* What stands there may read so now: a weak link reads null when it is lost, which perhaps nobody knows. */
static bool may_read_as(struct asked *a, struct model_value there, struct model_value wanted)
{
    bool is_weak = there.kind == VALUE_WEAK;

    if (is_weak && wanted.kind == VALUE_NULL)
        return there.target == MODEL_LOST || !compare_is_reachable(a->s, there.target);
    return model_value_eq(there, wanted);
}

static void look_at_place(struct asked *a)
{
    const struct sim_op *op = a->op;
    const struct model_object *o = target_of(a);
    bool of_list = op->verb == V_PUT || op->verb == V_PUSH || op->verb == V_CUT || op->verb == V_IS_ITEM;
    bool of_record = op->verb == V_SET || op->verb == V_UNSET || op->verb == V_IS || op->verb == V_PATCH;
    struct model_value there = {.kind = VALUE_NULL, .target = MODEL_NONE};
    uint8_t p;

    if (a->at != MODEL_NONE && op->verb == V_REPLACE && o->kind != HEAP_BYTES)
        a->sure |= 1u << WRONG_KIND;
    if (a->at == MODEL_NONE || (!of_list && !of_record))
        return;
    if (o->kind != (of_list ? HEAP_LIST : HEAP_RECORD)) {
        a->sure |= 1u << WRONG_KIND;
        return;
    }
    p = of_record ? model_find_field(a->s->now, a->at, (uint8_t)op->n) : (uint8_t)op->n;
    if (p >= o->part_count && (op->verb == V_UNSET || op->verb == V_PUT || op->verb == V_CUT))
        a->sure |= 1u << NO_NAME;
    if (op->verb != V_IS && op->verb != V_IS_ITEM)
        return;
    if (p < o->part_count)
        there = o->parts[p];
    if (!may_read_as(a, there, value_of(a, 0)))
        a->sure |= 1u << CHANGED;
}

static void look_at_names(struct asked *a)
{
    const struct model *m = a->s->now;
    const struct sim_op *op = a->op;

    if ((op->verb == V_UNROOT && m->roots[op->n] == MODEL_NONE) ||
        ((op->verb == V_UNWEAK || op->verb == V_GET_WEAK) && m->weak_names[op->n] == MODEL_NONE))
        a->sure |= 1u << NO_NAME;
    if ((op->verb == V_RENEW || op->verb == V_END) &&
        (!m->sessions[op->n].open || m->sessions[op->n].id != (session_id)op->target.id))
        a->sure |= 1u << NO_NAME;
}

static void look_at_session(struct asked *a)
{
    enum verb v = a->op->verb;
    bool makes = a->c->kind == CLIENT_ONE && (v == V_NEW || v == V_LIST || v == V_BYTES);

    if ((v == V_HOLD || v == V_DROP || makes) && !is_session_there(a->s, a->c))
        a->sure |= 1u << NO_NAME;
    else if (v == V_DROP && a->at != MODEL_NONE && (target_of(a)->held_by >> a->c->session & 1) == 0)
        a->sure |= 1u << NOT_HELD;
}

/* ---- it has failed ---- */

static bool read_wrong(struct slice answer, enum wrong *ret)
{
    static const char mark[] = "\"type\":\"/problems/";
    const char *at = memmem(answer.data, answer.len, mark, sizeof mark - 1);

    if (at == NULL)
        return false;
    at += sizeof mark - 1;
    for (int w = 0; w < WRONGS; w++) {
        size_t len = strlen(wrong_names[w]);

        if ((size_t)(answer.data + answer.len - at) > len && memcmp(at, wrong_names[w], len) == 0 && at[len] == '"') {
            *ret = (enum wrong)w;
            return true;
        }
    }
    return false;
}

static bool is_unreachable(const struct asked *a, uint16_t at)
{
    return at != MODEL_NONE && !compare_is_reachable(a->s, at);
}

/* Nobody knew that something was dead. */
static bool is_news(const struct asked *a, enum wrong wrong)
{
    bool as_link = a->c->kind == CLIENT_ONE && (a->op->verb == V_ROOT || a->op->verb == V_WEAK);

    if (wrong == COLLECTED || (wrong == DANGLING && as_link))
        return is_unreachable(a, a->at);
    for (uint32_t i = 0; wrong == DANGLING && i < OP_PARTS_MAX; i++)
        if (is_unreachable(a, a->links[i]))
            return true;
    return false;
}

/* A weak link that is shown as it was reads null when what it leads to dies. */
static bool may_have_changed(const struct asked *a)
{
    const struct model_object *o = target_of(a);

    for (uint8_t p = 0; p < o->part_count; p++)
        if (o->parts[p].kind == VALUE_WEAK && o->parts[p].target != MODEL_LOST && is_unreachable(a, o->parts[p].target))
            return true;
    return false;
}

static void judge_failure(struct asked *a, struct slice answer)
{
    enum wrong wrong;
    bool changes = a->op->verb != V_GET && a->op->verb != V_GET_WEAK;
    bool may;

    DEMAND(a->s, read_wrong(answer, &wrong), "a problem that was not expected");
    may = (a->sure >> wrong & 1) != 0 || is_news(a, wrong);
    if (wrong == DISK_FULL)
        may = changes && (world_is_full(a->s) || a->c->met_full_disk);
    if (wrong == STORE_FAILED) /* and the process is about to end */
        may = changes && a->s->failed;
    if (wrong == CHANGED && !may && a->at != MODEL_NONE)
        may = may_have_changed(a);
    if (wrong == SESSION_ENDED)
        may = !is_session_there(a->s, a->c) || a->s->now->sessions[a->c->session].ends_at_ms <= loop_ms();
    DEMAND(a->s, may, "%s: but it is not", wrong_names[wrong]);
    a->s->refused += wrong == DISK_FULL;
}

/* ---- it has been done ---- */

static uint64_t number_after(const struct asked *a, struct slice answer, const char *key)
{
    const char *at = memmem(answer.data, answer.len, key, strlen(key));
    uint64_t n = 0;

    DEMAND(a->s, at != NULL, "there is no %s", key);
    at += strlen(key);
    while (at < answer.data + answer.len && *at >= '0' && *at <= '9')
        n = n * 10 + (uint64_t)(*at++ - '0');
    return n;
}

static void born(struct asked *a, enum heap_kind kind, uint8_t class, struct slice answer)
{
    struct sim *s = a->s;
    obj_id id = answer.data == NULL ? 0 : number_after(a, answer, "{\"id\":");
    uint16_t at;

    DEMAND(s, ids_find(&s->ids, id) == NULL, "id %" PRIu64 " was given before", id);
    at = model_add(s->now, id, kind, class);
    CHECK(at != MODEL_NONE);
    if (id != 0)
        ids_add(&s->ids, id, at, world_open_commit(s));
    a->c->made[a->number] = a->at = at;
    if (a->c->kind == CLIENT_ONE)
        model_hold(s->now, a->c->session, at);
}

static void make(struct asked *a, struct slice answer)
{
    struct model *m = a->s->now;

    if (a->op->verb == V_BYTES) {
        born(a, HEAP_BYTES, 0, answer);
        m->objects[a->at].length = a->op->n;
        m->objects[a->at].seed = a->op->count;
        return;
    }
    born(a, a->op->verb == V_NEW ? HEAP_RECORD : HEAP_LIST, (uint8_t)a->op->n, answer);
    for (uint32_t i = 0; i < a->op->count; i++)
        model_push(m, a->at, value_of(a, i));
}

static void set_field(struct asked *a)
{
    struct model_value v = value_of(a, 0);

    v.name = (uint8_t)a->op->n;
    model_set_field(a->s->now, a->at, v);
}

/* The contents in a document are its last member. */
static void check_document(struct asked *a, struct slice answer)
{
    static const char *const keys[] = {[HEAP_RECORD] = "\"fields\":", [HEAP_LIST] = "\"items\":", [HEAP_BYTES] = "\"length\":"};
    const struct model_object *o = target_of(a);
    const char *key = keys[o->kind], *at = memmem(answer.data, answer.len, key, strlen(key));

    DEMAND(a->s, number_after(a, answer, "{\"id\":") == o->id && at != NULL, "another document");
    at += strlen(key);
    DEMAND(a->s, compare_contents(a->s, a->at, (struct slice){at, (size_t)(answer.data + answer.len - at - 1)}),
           "not what is in object %" PRIu64, o->id);
}

static void patch(struct asked *a, struct slice answer)
{
    struct model *m = a->s->now;

    for (uint32_t i = 0; i < a->op->count; i++) {
        struct model_value v = value_of(a, i);
        uint8_t p = model_find_field(m, a->at, v.name);

        if (v.kind != VALUE_NULL)
            model_set_field(m, a->at, v);
        else if (p < target_of(a)->part_count)
            model_cut(m, a->at, p);
    }
    check_document(a, answer);
}

static void replace(struct asked *a)
{
    struct model_object *o = &a->s->now->objects[a->at];

    o->length = a->op->n;
    o->seed = a->op->count;
    a->s->now->version++;
}

static void push(struct asked *a, struct slice answer)
{
    struct sim *s = a->s;

    DEMAND(s, answer.data == NULL || number_after(a, answer, "{\"index\":") == target_of(a)->part_count, "that is not the index");
    model_push(s->now, a->at, value_of(a, 0));
}

static void drop(struct asked *a, struct slice answer)
{
    bool alive = answer.data == NULL || memmem(answer.data, answer.len, "\"alive\":true", 12) != NULL;

    model_drop(a->s->now, a->c->session, a->at);
    DEMAND(a->s, alive || !compare_is_reachable(a->s, a->at), "something holds it that is not alive");
}

static void check_weak_name(struct asked *a, struct slice answer)
{
    uint16_t at = a->s->now->weak_names[a->op->n];

    if (slice_is(answer, "null"))
        DEMAND(a->s, at == MODEL_LOST || is_unreachable(a, at), "it is alive");
    else
        DEMAND(a->s, at != MODEL_LOST && number_after(a, answer, "{\"$ref\":") == a->s->now->objects[at].id, "it names another");
}

static void open_session(struct asked *a, struct slice answer)
{
    struct sim *s = a->s;
    const char *token = memmem(answer.data, answer.len, "\"token\":\"", 9);
    uint32_t n = 1;

    while (n < MODEL_SESSIONS && s->now->sessions[n].open)
        n++;
    CHECK(n < MODEL_SESSIONS && token != NULL);
    for (uint32_t i = 1; i < MODEL_SESSIONS; i++)
        DEMAND(s, s->now->sessions[i].id < number_after(a, answer, "{\"id\":"), "a session's number was given before");
    s->now->sessions[n] = (struct model_session){.id = (session_id)number_after(a, answer, "{\"id\":"),
                                                .open = true,
                                                .ttl_ms = a->op->count * 1000,
                                                .ends_at_ms = loop_ms() + a->op->count * 1000};
    memcpy(s->now->sessions[n].token, token + 9, SESSION_TOKEN_BYTES);
    s->now->version++;
}

static void keep_setting(struct asked *a)
{
    *(a->op->count != 0 ? &a->s->now->kept_pipeline : &a->s->now->kept_threshold) = (int32_t)a->op->n;
    a->s->now->version++;
}

static void judge_success(struct asked *a, struct slice answer)
{
    struct model *m = a->s->now;
    const struct sim_op *op = a->op;

    switch (op->verb) {
    case V_NEW:
    case V_LIST:
    case V_BYTES:
        make(a, answer);
        if (a->c->kind == CLIENT_ONE)
            check_document(a, answer);
        break;
    case V_SET:
        set_field(a);
        break;
    case V_PUT:
        model_put(m, a->at, (uint8_t)op->n, value_of(a, 0));
        break;
    case V_PATCH:
        patch(a, answer);
        break;
    case V_REPLACE:
        replace(a);
        break;
    case V_UNSET:
        model_cut(m, a->at, model_find_field(m, a->at, (uint8_t)op->n));
        break;
    case V_CUT:
        model_cut(m, a->at, (uint8_t)op->n);
        break;
    case V_PUSH:
        push(a, answer);
        break;
    case V_HOLD:
        model_hold(m, a->c->session, a->at);
        break;
    case V_DROP:
        drop(a, answer);
        break;
    case V_ROOT:
        model_set_root(m, op->n, a->at);
        break;
    case V_UNROOT:
        model_set_root(m, op->n, MODEL_NONE);
        break;
    case V_WEAK:
        model_set_weak_name(m, op->n, a->at);
        break;
    case V_UNWEAK:
        model_set_weak_name(m, op->n, MODEL_NONE);
        break;
    case V_GET:
        if (answer.data != NULL)
            check_document(a, answer);
        break;
    case V_GET_WEAK:
        check_weak_name(a, answer);
        break;
    case V_OPEN:
        open_session(a, answer);
        break;
    case V_RENEW:
        m->sessions[op->n].ends_at_ms = loop_ms() + m->sessions[op->n].ttl_ms;
        break;
    case V_END:
        model_end_session(m, op->n);
        break;
    case V_VALIDATE:
        DEMAND(a->s, slice_is(answer, "{\"broken\":[]}"), "something is broken");
        break;
    case V_PERSIST:
        keep_setting(a);
        break;
    case V_IS:
    case V_IS_ITEM:
    case V_COLLECT:
    case V_FREEZE:
    case V_TUNE:
        break;
    }
}

bool judge(struct sim *s, struct client *c, uint32_t number, int status, struct slice answer)
{
    struct asked a = {.s = s, .c = c, .op = &c->ops[number], .number = number};
    bool failed = status >= 400 || (status == 0 && answer.len > 11 && memcmp(answer.data, "{\"problem\":", 11) == 0);
    bool changes = a.op->verb < V_GET || (a.op->verb >= V_CUT && a.op->verb <= V_UNWEAK);

    look_at_target(&a);
    look_at_values(&a);
    look_at_place(&a);
    look_at_names(&a);
    look_at_session(&a);
    c->made[number] = MODEL_NONE;
    if (failed) {
        judge_failure(&a, answer);
        return false;
    }
    DEMAND(s, a.sure == 0, "done, though it cannot be (%x)", a.sure);
    DEMAND(s, !changes || !world_is_full(s), "done, though the disk is full");
    judge_success(&a, answer);
    return true;
}

/* The object of this client that has this tag; MODEL_NONE: it has none. */
static uint16_t tagged(struct sim *s, const struct client *c, int64_t tag)
{
    for (uint32_t i = 0; i < c->answered; i++) {
        const struct model_object *o = &s->now->objects[c->made[i]];

        if (c->made[i] != MODEL_NONE && o->id == 0 && o->alive && model_int(o->parts[0].n) == tag)
            return c->made[i];
    }
    return MODEL_NONE;
}

static void learn_id(struct sim *s, const struct client *c, obj_id id)
{
    struct part_cursor cursor = {0};
    struct part part;
    uint16_t at;

    DEMAND(s, heap_next_part(s->heap, id, &cursor, &part) && part.value.kind == VALUE_INT, "object %" PRIu64 " came from nowhere", id);
    at = tagged(s, c, part.value.integer);
    DEMAND(s, at != MODEL_NONE, "object %" PRIu64 " came from nowhere", id);
    s->now->objects[at].id = id;
    ids_add(&s->ids, id, at, world_open_commit(s));
}

/* What has a tag and is not there is dead, and must be what nothing reached. */
void judge_learn_ids(struct sim *s, struct client *c)
{
    static bool dead[MODEL_OBJECTS];
    uint32_t unknown = 0;
    slot_t slot = 0;
    obj_id id;

    for (uint32_t i = 0; i < c->answered; i++)
        unknown += c->made[i] != MODEL_NONE && s->now->objects[c->made[i]].id == 0;
    if (unknown == 0)
        return;
    do {
        if ((id = heap_next_object(s->heap, &slot, SIZE_MAX)) != 0 && ids_find(&s->ids, id) == NULL)
            learn_id(s, c, id);
    } while (slot != 0);
    memset(dead, 0, sizeof dead);
    for (uint32_t i = 0; i < c->answered; i++) {
        uint16_t at = c->made[i];

        if (at == MODEL_NONE || s->now->objects[at].id != 0)
            continue;
        DEMAND(s, !compare_is_reachable(s, at), "an object is reached and was never there");
        dead[at] = true;
        c->made[i] = MODEL_NONE;
    }
    model_bury(s->now, dead);
}

void judge_refusal(struct sim *s, struct client *c, struct slice answer)
{
    static const struct sim_op any = {.verb = V_NEW};
    struct asked a = {.s = s, .c = c, .op = &any, .at = MODEL_NONE};

    judge_failure(&a, answer);
}
