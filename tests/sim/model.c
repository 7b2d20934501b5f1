/* model.c - see model.h. */
#include "tests/sim/model.h"
#include "heap/base/check.h"
#include <string.h>

/* Names of fields as text in JSON, as keys, and in paths. */
const char *const model_names[MODEL_FIELD_NAMES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
                                                    "m", "n", "o", "p", "q", "r", "s", "t", "$c", "d\\\"e", "f g", "\xc3\xbc"};
const char *const model_keys[MODEL_FIELD_NAMES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
                                                   "m", "n", "o", "p", "q", "r", "s", "t", "$$c", "d\\\"e", "f g", "\xc3\xbc"};
const char *const model_paths[MODEL_FIELD_NAMES] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l",
                                                    "m", "n", "o", "p", "q", "r", "s", "t", "%24c", "d%22e", "f%20g", "%C3%BC"};
const char *const model_texts[MODEL_TEXTS] = {"", "x", "plain", "a longer text that is nobody's name", "$ref", "],[{}", "{\\\"a\\\":1}",
                                              "gr\xc3\xbc\xc3\x9f" "e", "one", "two", "three", "back\\\\slash", "a,b:c", "4"};
const char *const model_reals[MODEL_REALS] = {"0.5", "-2.25", "1.0", "0.1", "1234.5678"};
const char *const model_classes[4] = {"Node", "Tree", "Person", "a class"};

void model_init(struct model *m)
{
    memset(m, 0, sizeof *m);
    for (uint32_t r = 0; r < MODEL_ROOTS; r++)
        m->roots[r] = MODEL_NONE;
    for (uint32_t w = 0; w < MODEL_WEAK_NAMES; w++)
        m->weak_names[w] = MODEL_NONE;
    m->sessions[0].open = true;
}

void model_copy(struct model *to, const struct model *from)
{
    memcpy(to, from, offsetof(struct model, objects) + from->end * sizeof from->objects[0]);
}

/* ---- objects ---- */

uint16_t model_add(struct model *m, obj_id id, enum heap_kind kind, uint8_t class)
{
    uint32_t at = m->hint;

    for (uint32_t i = 0; i < MODEL_OBJECTS; i++, at = at + 1 < MODEL_OBJECTS ? at + 1 : 0)
        if (at >= m->end || !m->objects[at].alive)
            break;
    if (m->alive == MODEL_OBJECTS)
        return MODEL_NONE;
    if (at >= m->end)
        m->end = (at = m->end) + 1;
    m->objects[at] = (struct model_object){.id = id, .alive = true, .kind = (uint8_t)kind, .class = class};
    m->hint = at + 1 < m->end ? at + 1 : 0;
    m->alive++;
    m->version++;
    return (uint16_t)at;
}

bool model_value_eq(struct model_value a, struct model_value b)
{
    return a.kind == b.kind && a.target == b.target && a.n == b.n;
}

uint8_t model_find_field(const struct model *m, uint16_t at, uint8_t name)
{
    const struct model_object *o = &m->objects[at];
    uint8_t p = 0;

    while (p < o->part_count && o->parts[p].name != name)
        p++;
    return p;
}

void model_put(struct model *m, uint16_t at, uint8_t part, struct model_value v)
{
    struct model_value *p = &m->objects[at].parts[part];

    CHECK(part < m->objects[at].part_count);
    m->version += !model_value_eq(*p, v);
    v.name = p->name;
    *p = v;
}

void model_push(struct model *m, uint16_t at, struct model_value v)
{
    struct model_object *o = &m->objects[at];

    CHECK(o->part_count < MODEL_PARTS);
    o->parts[o->part_count++] = v;
    m->version++;
}

void model_set_field(struct model *m, uint16_t at, struct model_value v)
{
    uint8_t p = model_find_field(m, at, v.name);

    if (p < m->objects[at].part_count)
        model_put(m, at, p, v);
    else
        model_push(m, at, v);
}

void model_cut(struct model *m, uint16_t at, uint8_t part)
{
    struct model_object *o = &m->objects[at];

    CHECK(part < o->part_count);
    memmove(&o->parts[part], &o->parts[part + 1], (size_t)(--o->part_count - part) * sizeof o->parts[0]);
    m->version++;
}

unsigned char model_byte(uint32_t seed, uint32_t at)
{
    return (unsigned char)((seed + at * 2654435761u) >> 13);
}

/* ---- who holds ---- */

void model_set_root(struct model *m, uint32_t name, uint16_t at)
{
    m->version += m->roots[name] != at;
    m->roots[name] = at;
}

void model_set_weak_name(struct model *m, uint32_t name, uint16_t at)
{
    m->version += m->weak_names[name] != at;
    m->weak_names[name] = at;
}

void model_hold(struct model *m, uint32_t session, uint16_t at)
{
    struct model_object *o = &m->objects[at];

    m->version += (o->held_by >> session & 1) == 0;
    o->held_by |= (uint8_t)(1u << session);
}

void model_drop(struct model *m, uint32_t session, uint16_t at)
{
    m->objects[at].held_by &= (uint8_t)~(1u << session);
    m->version++;
}

void model_end_session(struct model *m, uint32_t session)
{
    for (uint32_t i = 0; i < m->end; i++)
        m->objects[i].held_by &= (uint8_t)~(1u << session);
    if (session != 0)
        m->sessions[session].open = false;
    m->version++;
}

/* ---- who lives ---- */

static uint16_t waiting[MODEL_OBJECTS];

static void reach(struct model *m, uint16_t at, uint32_t *count)
{
    struct model_object *o = &m->objects[at];

    if (at >= MODEL_LOST || o->mark == m->epoch)
        return;
    CHECK(o->alive);
    o->mark = m->epoch;
    waiting[(*count)++] = at;
}

void model_reach(struct model *m, const uint16_t *more, size_t more_count)
{
    uint32_t count = 0;

    m->epoch++;
    for (uint32_t r = 0; r < MODEL_ROOTS; r++)
        reach(m, m->roots[r], &count);
    for (size_t i = 0; i < more_count; i++)
        reach(m, more[i], &count);
    for (uint32_t i = 0; i < m->end; i++)
        if (m->objects[i].alive && m->objects[i].held_by != 0)
            reach(m, (uint16_t)i, &count);
    while (count > 0) {
        const struct model_object *o = &m->objects[waiting[--count]];

        for (uint8_t p = 0; p < o->part_count; p++)
            if (o->parts[p].kind == VALUE_LINK)
                reach(m, o->parts[p].target, &count);
    }
}

static void lose(uint16_t *target, const bool *dead)
{
    if (*target < MODEL_LOST && dead[*target])
        *target = MODEL_LOST;
}

void model_bury(struct model *m, const bool *dead)
{
    for (uint32_t i = 0; i < m->end; i++) {
        struct model_object *o = &m->objects[i];

        if (o->alive && dead[i]) {
            o->alive = false;
            m->alive--;
            m->version++;
        }
        for (uint8_t p = 0; o->alive && p < o->part_count; p++)
            if (o->parts[p].kind == VALUE_WEAK)
                lose(&o->parts[p].target, dead);
    }
    for (uint32_t w = 0; w < MODEL_WEAK_NAMES; w++)
        lose(&m->weak_names[w], dead);
}
