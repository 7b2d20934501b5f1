/*
 * record_memory.c - what a record of three fields costs in process, everything counted.
 *
 *   record_memory COUNT     one line of JSON
 *
 * COUNT records {left: link, right: link, val: small integer} in one rooted list, collected as they are made,
 * as the daemon would. The price is what the process grew by, less the list's own bytes, by COUNT. Nothing is
 * kept beside the heap: targets of links are read back from the list.
 */
#include "gc/gc.h"
#include "heap/base/check.h"
#include "heap/root.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CREATES_A_STEP 256    /* as many ops as a batch runs before it yields */
#define UNITS_A_STEP   100000 /* nobody waits here */
#define SMALL_INTS     128 /* CPython keeps one object each for these, so that neither side pays for integers */

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    CHECK(f != NULL);
    CHECK(fscanf(f, "%*u %llu", &pages) == 1);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static struct value link_to_item(const struct heap *h, obj_id list, uint64_t index)
{
    struct value v;

    CHECK(heap_get_item(h, list, index, &v, NULL) == ERR_OK);
    return v;
}

/* Record number i: left is the one before it, right the one at half its number. */
static void add_record(struct heap *h, obj_id list, uint64_t i)
{
    struct field fields[] = {
        {.name = SLICE("left"), .value = i == 0 ? value_null() : link_to_item(h, list, i - 1)},
        {.name = SLICE("right"), .value = i == 0 ? value_null() : link_to_item(h, list, i / 2)},
        {.name = SLICE("val"), .value = value_int((int64_t)(i % SMALL_INTS))},
    };
    struct label label = {.class = SLICE("Node")};
    obj_id record;

    CHECK(heap_new_record(h, label, fields, sizeof(fields) / sizeof(*fields), &record, NULL) == ERR_OK);
    struct value item = value_link(record);
    CHECK(heap_push_item(h, list, &item, NULL, NULL) == ERR_OK);
    heap_release(h, record);
}

static obj_id rooted_list(struct heap *h)
{
    struct label label = {.class = SLICE("list")};
    obj_id list;

    CHECK(heap_new_list(h, label, NULL, 0, &list, NULL) == ERR_OK);
    CHECK(root_put(h, SLICE("bench"), list, NULL, NULL) == ERR_OK);
    heap_release(h, list);
    return list;
}

static void fill(struct heap *h, struct gc *gc, obj_id list, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        add_record(h, list, i);
        if (i % CREATES_A_STEP == 0)
            while (gc_has_work(gc))
                gc_step(gc, UNITS_A_STEP);
    }
    gc_finish(gc);
}

static void report(const struct heap *h, const struct mem *m, obj_id list, uint64_t count, uint64_t grown)
{
    struct object_info list_info, record_info;
    obj_id record = link_to_item(h, list, count / 2).id;

    CHECK(heap_info(h, list, &list_info, NULL) == ERR_OK);
    CHECK(heap_info(h, record, &record_info, NULL) == ERR_OK);
    printf("{\"objects\":%" PRIu64 ",\"grown_bytes\":%" PRIu64 ",\"list_bytes\":%" PRIu64
           ",\"accounted_bytes\":%zu,\"record_bytes\":%" PRIu64 ",\"bytes_an_object\":%.2f}\n",
           count, grown, list_info.bytes, m->used_bytes, record_info.bytes,
           ((double)grown - (double)list_info.bytes) / (double)count);
}

int main(int argc, char **argv)
{
    uint64_t count = argc == 2 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t before = resident_bytes();
    struct mem m;
    struct heap *h;
    struct gc *gc;

    if (count == 0) {
        fprintf(stderr, "usage: record_memory COUNT\n");
        return 2;
    }
    mem_init(&m, 0);
    CHECK(heap_create(&m, 4327, &h) == ERR_OK);
    CHECK(gc_create(h, &gc) == ERR_OK);
    obj_id list = rooted_list(h);
    fill(h, gc, list, count);
    report(h, &m, list, count, resident_bytes() - before);
    gc_destroy(&gc);
    heap_destroy(&h);
    mem_fini(&m);
    return 0;
}
