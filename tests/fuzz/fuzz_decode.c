/*
 * fuzz_decode.c - bytes as JSON: read, made into values and objects of a heap, and let go again. Nothing may stay.
 *
 * An input whose first byte is odd has memory refused at the request that its second byte counts.
 */
#include "api/decode.h"
#include "heap/base/check.h"
#include "tests/fuzz/fuzz.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 32

struct fixture {
    struct mem mem;
    struct heap *heap;
    obj_id known; /* an object that a $ref can name: always the same id, the first there is */
};

static void open_heap(struct fixture *x)
{
    struct label label = {SLICE("known"), SLICE("")};

    mem_init(&x->mem, 0);
    CHECK(heap_create(&x->mem, 1, &x->heap) == ERR_OK);
    CHECK(heap_new_record(x->heap, label, NULL, 0, &x->known, NULL) == ERR_OK);
}

static enum err at_name(void *ctx, struct slice text, obj_id *ret, struct why *why)
{
    const struct fixture *x = ctx;

    if (!slice_is(text, "@0"))
        return why_set(why, ERR_BAD_VALUE, "no such name");
    *ret = x->known;
    return ERR_OK;
}

/* Everything that decoding can make of one value; each lets all of it go. */
static void decode_all_ways(struct fixture *x, const json_t *json)
{
    struct decoder d = {.heap = x->heap, .mem = &x->mem, .site = SLICE("fuzz"), .name = at_name, .ctx = x};
    struct why why = {.err = ERR_OK};
    struct decoded_fields fields;
    struct decoded_items items;
    struct decoded value;
    obj_id id;

    if (decode_value(&d, json, &value, &why) == ERR_OK)
        value_fini(&d, &value);
    if (json_is_object(json) && decode_fields(&d, json, true, &fields, &why) == ERR_OK)
        fields_fini(&d, &fields);
    if (json_is_array(json) && decode_items(&d, json, &items, &why) == ERR_OK)
        items_fini(&d, &items);
    (void)decode_id(&d, json, &id, &why);
    (void)decode_ref(&d, json, &id, &why);
}

static void check_empty(struct fixture *x)
{
    struct heap_stats s;

    while (heap_reap(x->heap, SIZE_MAX) == 0)
        ;
    heap_stats(x->heap, &s);
    CHECK(s.objects == 1 && s.links == 0 && s.weak_links == 0);
    CHECK(heap_validate(x->heap, NULL, NULL) == 1); /* it does not know of our own reference, and nothing else is wrong */
    heap_release(x->heap, x->known);
    heap_destroy(&x->heap);
    mem_fini(&x->mem);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct why why = {.err = ERR_OK};
    json_t *json = NULL;
    struct fixture x;

    if (size < 2)
        return 0;
    open_heap(&x);
    if (decode_json((struct slice){(const char *)data + 2, size - 2}, DEPTH_MAX, &json, &why) == ERR_OK) {
        if (data[0] % 2 == 1)
            x.mem.fail_at = x.mem.request_count + 1 + data[1];
        decode_all_ways(&x, json);
        x.mem.fail_at = 0;
        json_decref(json);
    } else {
        CHECK(why.err != ERR_OK && why.text[0] != '\0');
    }
    check_empty(&x);
    return 0;
}
