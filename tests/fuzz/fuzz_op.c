/*
 * fuzz_op.c - bytes as lines of a batch, each read both ways: by the scanner, and by jansson and what follows it. Where
 * the scanner answers, the other must say the same; and it has made nothing and asked for no memory. The same for the
 * bodies of single objects.
 */
#include "api/op.h"
#include "heap/base/check.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>

#define DEPTH_MAX 64
#define LINES_MAX 64
#define KNOWN_ID  2048 /* the corpus names it: it is the first that a heap gives */

struct fixture {
    struct mem mem;
    struct heap *heap;
    obj_id known; /* KNOWN_ID, and "@0" */
    struct decoder d;
};

static struct fixture all; /* what lines make is let go of again: so one heap does for all inputs, and costs no time */

/* ---- the world ---- */

static enum err at_name(void *ctx, struct slice text, obj_id *ret, struct why *why)
{
    const struct fixture *x = ctx;

    if (!slice_is(text, "@0"))
        return why_set(why, ERR_BAD_VALUE, "no such name");
    *ret = x->known;
    return ERR_OK;
}

static void close_heap(void)
{
    heap_release(all.heap, all.known);
    heap_destroy(&all.heap);
    mem_fini(&all.mem);
}

/* One object that lives, and behind it one that has died. */
static void open_heap(struct fixture *x)
{
    struct label label = {SLICE("known"), SLICE("")};
    obj_id dead;

    mem_init(&x->mem, 0);
    CHECK(heap_create(&x->mem, 1, &x->heap) == ERR_OK);
    CHECK(heap_new_record(x->heap, label, NULL, 0, &x->known, NULL) == ERR_OK);
    CHECK(heap_new_record(x->heap, label, NULL, 0, &dead, NULL) == ERR_OK);
    heap_release(x->heap, dead);
    CHECK(x->known == KNOWN_ID && dead == KNOWN_ID + 1);
    x->d = (struct decoder){.heap = x->heap, .mem = &x->mem, .site = SLICE("fuzz"), .name = at_name, .ctx = x};
    CHECK(atexit(close_heap) == 0);
}

static void check_empty(struct fixture *x)
{
    struct heap_stats s;

    while (heap_reap(x->heap, SIZE_MAX) == 0)
        ;
    heap_stats(x->heap, &s);
    CHECK(s.objects == 1 && s.links == 0 && s.weak_links == 0);
}

/* ---- the same op? ---- */

static void check_fields(const struct decoded_fields *a, const struct decoded_fields *b)
{
    CHECK(a->count == b->count && a->block == NULL);
    for (size_t i = 0; i < a->count; i++) {
        CHECK(slice_eq(a->fields[i].name, b->fields[i].name) && !a->fields[i].unset && !b->fields[i].unset);
        CHECK(value_eq(a->fields[i].value, b->fields[i].value) && !b->fresh[i]);
    }
}

static void check_items(const struct decoded_items *a, const struct decoded_items *b)
{
    CHECK(a->count == b->count && a->block == NULL);
    for (size_t i = 0; i < a->count; i++)
        CHECK(value_eq(a->items[i], b->items[i]) && !b->fresh[i]);
}

static void check_same(const struct op *a, const struct op *b)
{
    CHECK(a->verb == b->verb && a->target == b->target && a->generation == b->generation);
    CHECK(slice_eq(a->name, b->name) && a->is_item == b->is_item && a->index == b->index);
    CHECK(value_eq(a->value.value, b->value.value) && !a->value.fresh && !b->value.fresh);
    check_fields(&a->fields, &b->fields);
    check_items(&a->items, &b->items);
}

/* ---- one line ---- */

static bool scan(const struct fixture *x, struct slice line, struct op_room *room, struct op *ret)
{
    uint64_t asked = x->mem.request_count, used = x->mem.used_bytes;
    bool known = op_scan(&x->d, line, room, ret);

    CHECK(x->mem.request_count == asked && x->mem.used_bytes == used);
    return known;
}

static void check_line(struct fixture *x, struct slice line)
{
    struct why why = {.err = ERR_OK};
    struct op_room room;
    struct op scanned, read;
    json_t *json = NULL;
    bool known = scan(x, line, &room, &scanned);
    bool fine = decode_json(line, DEPTH_MAX, &json, &why) == ERR_OK && op_read(&x->d, json, &read, &why) == ERR_OK;

    CHECK(fine || (why.err != ERR_OK && why.text[0] != '\0' && !known));
    if (known) {
        check_same(&scanned, &read);
        op_fini(&x->d, &scanned);
    }
    if (fine)
        op_fini(&x->d, &read);
    json_decref(json);
}

/* ---- one object ---- */

/* What is behind the members `class`, `fields` and `items`; others are not there. */
static void check_members(struct fixture *x, const struct op *scanned, const json_t *json)
{
    const json_t *class = json_object_get(json, "class"), *fields = json_object_get(json, "fields");
    const json_t *items = json_object_get(json, "items");
    struct decoded_fields f = {0};
    struct decoded_items l = {0};

    CHECK(json_object_size(json) == (size_t)((class != NULL) + (fields != NULL) + (items != NULL)));
    CHECK((items != NULL) == (scanned->verb == OP_LIST) && (items == NULL || fields == NULL));
    CHECK(class != NULL ? slice_eq(json_slice(class), scanned->name)
                        : slice_is(scanned->name, items != NULL ? "list" : "object"));
    if (fields != NULL)
        CHECK(decode_fields(&x->d, fields, false, &f, NULL) == ERR_OK);
    if (items != NULL)
        CHECK(decode_items(&x->d, items, &l, NULL) == ERR_OK);
    check_fields(&scanned->fields, &f);
    check_items(&scanned->items, &l);
    fields_fini(&x->d, &f);
    items_fini(&x->d, &l);
}

static void check_object(struct fixture *x, struct slice body)
{
    uint64_t asked = x->mem.request_count;
    struct op_room room;
    struct op scanned;
    json_t *json = NULL;

    if (!op_scan_object(&x->d, body, &room, &scanned))
        return;
    CHECK(x->mem.request_count == asked);
    CHECK(check_name(scanned.name, "class", NULL) == ERR_OK);
    CHECK(decode_json(body, OP_SCAN_DEPTH, &json, NULL) == ERR_OK && json_is_object(json));
    check_members(x, &scanned, json);
    json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size};

    if (all.heap == NULL)
        open_heap(&all);
    for (int i = 0; i < LINES_MAX && rest.len > 0; i++) {
        const char *end = memchr(rest.data, '\n', rest.len);
        size_t len = end != NULL ? (size_t)(end - rest.data) : rest.len, used = len + (end != NULL);

        check_line(&all, (struct slice){rest.data, len});
        check_object(&all, (struct slice){rest.data, len});
        rest = (struct slice){rest.data + used, rest.len - used};
    }
    check_empty(&all);
    return 0;
}
