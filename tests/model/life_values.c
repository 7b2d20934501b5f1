/* life_values.c - what a random life writes into objects, and reading it again. */
#include "tests/model/life_values.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 3u /* 0: none */

/* ---- names, texts, numbers ---- */

void values_begin(struct life *life)
{
    for (uint32_t i = 0; i < LIFE_NAMES; i++)
        snprintf(life->names[i], sizeof life->names[i], "f%u", i);
    for (uint32_t i = 0; i < LIFE_TEXTS; i++) {
        size_t len = i < 30 ? i : (size_t)(i - 29) * 250;

        memset(life->texts[i], (int)('a' + i % 26), len);
        life->text[i] = (struct slice){life->texts[i], len};
    }
}

struct slice name_of(const struct life *life, uint32_t name)
{
    return slice_of(life->names[name]);
}

static double real_of(int64_t number)
{
    return number % 2 == 0 ? (double)number / 4 : (double)number * 0.1;
}

struct label label_of(uint32_t class)
{
    static const char *const classes[LIFE_CLASSES] = {"package", "point", "list", "n", "node", "wild"};
    static const char *const sites[SITES] = {"", "import.c:12", "b"};

    return (struct label){slice_of(classes[class % LIFE_CLASSES]), slice_of(sites[class / LIFE_CLASSES])};
}

uint32_t random_class(struct life *life)
{
    return roll(life, LIFE_CLASSES) + LIFE_CLASSES * (one_in(life, 3) ? roll(life, SITES) : 0);
}

/* Most classes get their fields in order, so that objects share shapes; one does not, until it has too many. */
uint32_t random_name(struct life *life, uint32_t record)
{
    bool wild = record == NAIVE_NONE || naive_of(life, record)->class % LIFE_CLASSES == LIFE_CLASSES - 1;

    if (wild || one_in(life, 30))
        return roll(life, LIFE_NAMES);
    return roll(life, naive_of(life, record)->part_count < 5 ? 6 : naive_of(life, record)->part_count + 1);
}

/* ---- values ---- */

/* As the heap wants it. */
struct value real_value(struct life *life, const struct naive_value *v)
{
    struct value r = {.kind = v->kind};

    if (v->kind == VALUE_INT)
        r.integer = v->number;
    else if (v->kind == VALUE_REAL)
        r.real = real_of(v->number);
    else if (v->kind == VALUE_STRING)
        r.string = life->text[v->number];
    else if (v->kind == VALUE_LINK || v->kind == VALUE_WEAK)
        r.id = life_id(life, v->target);
    return r;
}

struct naive_value link_to(uint32_t target)
{
    return (struct naive_value){.kind = VALUE_LINK, .target = target};
}

static struct naive_value random_scalar(struct life *life)
{
    struct naive_value v = {.kind = (enum value_kind)roll(life, VALUE_STRING + 1)};

    if (v.kind == VALUE_STRING)
        v.number = roll(life, one_in(life, 6) ? LIFE_TEXTS : 30);
    else if (v.kind == VALUE_INT || v.kind == VALUE_REAL)
        v.number = (int64_t)dice_number(&life->dice) * (one_in(life, 2) ? -1 : 1);
    return v;
}

struct naive_value random_value(struct life *life)
{
    if (roll(life, 100) >= life->habits.links_pct)
        return random_scalar(life);

    struct naive_value v = link_to(life_pick(life));

    if (one_in(life, 8))
        v.kind = VALUE_WEAK;
    return v;
}

bool value_matches(struct life *life, struct value got, const struct naive_value *v)
{
    struct value expected = real_value(life, v);

    if (v->kind == VALUE_WEAK && !heap_has(life->heap, expected.id))
        expected = value_null();
    return value_eq(got, expected);
}

/* ---- comparing ---- */

void fill_bytes(char *data, size_t len, uint64_t content)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(content + i * 7 + i / 256);
}

static void compare_bytes(struct life *life, const struct naive_object *o)
{
    struct payload *p = NULL;
    char *expected = malloc(o->length + 1);

    CHECK(expected != NULL);
    fill_bytes(expected, o->length, o->content);
    AGREE(life, heap_get_bytes(life->heap, o->id, &p, NULL) == ERR_OK, "bytes %" PRIu64 " cannot be read", o->id);
    AGREE(life, p->len == o->length && memcmp(p->data, expected, p->len) == 0, "bytes %" PRIu64 " are not what was put",
          o->id);
    payload_release(&p);
    free(expected);
}

static void compare_parts(struct life *life, const struct naive_object *o)
{
    struct part_cursor cursor = {0};
    struct part part;
    uint32_t p = 0;

    for (; heap_next_part(life->heap, o->id, &cursor, &part); p++) {
        AGREE(life, p < o->part_count, "object %" PRIu64 " has more than its %u parts", o->id, o->part_count);
        AGREE(life, o->kind == HEAP_LIST ? part.index == p : slice_eq(part.name, name_of(life, o->parts[p].name)),
              "object %" PRIu64 ": part %u has another name", o->id, p);
        AGREE(life, value_matches(life, part.value, &o->parts[p].value), "object %" PRIu64 ": part %u has another value",
              o->id, p);
    }
    AGREE(life, p == o->part_count, "object %" PRIu64 " has %u parts instead of %u", o->id, p, o->part_count);
}

void values_compare(struct life *life, uint32_t i)
{
    const struct naive_object *o = naive_of(life, i);
    struct label label = label_of(o->class);
    struct object_info info;

    AGREE(life, heap_info(life->heap, o->id, &info, NULL) == ERR_OK, "object %" PRIu64 " cannot be seen", o->id);
    AGREE(life, info.kind == o->kind && info.parts == (o->kind == HEAP_BYTES ? o->length : o->part_count), "object %" PRIu64 " has another kind or size", o->id);
    AGREE(life, slice_eq(info.class, label.class) && slice_eq(info.site, label.site), "object %" PRIu64 " has another label",
          o->id);
    if (o->kind == HEAP_BYTES)
        compare_bytes(life, o);
    else
        compare_parts(life, o);
}

/* ---- edits of records ---- */

void add_edit(struct life *life, struct edits *e, uint32_t name, struct naive_value v, bool unset)
{
    e->names[e->count] = name;
    e->values[e->count] = unset ? (struct naive_value){.kind = VALUE_NULL} : v;
    e->fields[e->count] = (struct field){.name = name_of(life, name), .value = real_value(life, &v), .unset = unset};
    e->count++;
}

void apply_edits(struct life *life, uint32_t record, const struct edits *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->fields[i].unset)
            naive_unset_field(&life->naive, record, e->names[i]);
        else
            naive_set_field(&life->naive, record, e->names[i], e->values[i]);
}

/* ---- entity tags ---- */

/* Contents changed plainly: so must the etag. */
void check_etag(struct life *life, obj_id id, uint64_t before, bool is_change)
{
    uint64_t after;

    if (is_change && heap_etag(life->heap, id, &after, NULL) == ERR_OK)
        AGREE(life, before != after, "object %" PRIu64 " changed and its etag did not", id);
}

uint64_t etag_of(struct life *life, obj_id id)
{
    uint64_t etag = 0;

    (void)heap_etag(life->heap, id, &etag, NULL);
    return etag;
}
