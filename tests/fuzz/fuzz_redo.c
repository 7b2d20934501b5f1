/*
 * fuzz_redo.c - lines of a log that has rotted, or was written by somebody else: each is applied to a heap that is being put
 * back, or refused. If none was refused the heap obeys every rule, and what it tells of itself can be put back; if one was,
 * it can still be taken apart.
 *
 *     one line after another, as they stand in a log; "bytes" finds some
 */
#include "api/redo.h"
#include "heap/base/check.h"
#include "heap/restore.h"
#include "heap/session.h"
#include "tests/fuzz/fuzz.h"

#define POOLS 20 /* with numbers below */

struct world {
    struct mem mem;
    struct heap *heap;
    struct session_set *sessions;
    struct redo_reader reader;
    struct idempotency *answers;
};

static enum err get_bytes(void *ctx, obj_id id, struct payload **ret, struct why *why)
{
    struct world *w = ctx;

    if (id % 7 == 0)
        return why_set(why, ERR_BAD_VALUE, "no bytes");
    *ret = payload_create(&w->mem, id % 100);
    CHECK(*ret != NULL);
    memset((*ret)->data, 'x', id % 100);
    return ERR_OK;
}

static void begin(struct world *w)
{
    mem_init(&w->mem, 0);
    CHECK(heap_create(&w->mem, 7, &w->heap) == ERR_OK);
    CHECK(session_set_create(w->heap, &w->sessions) == ERR_OK);
    CHECK(heap_restore_begin(w->heap, POOLS, NULL) == ERR_OK);
    CHECK((w->answers = idem_create(&w->mem, 7)) != NULL);
    idem_set_limits(w->answers, idem_no_limits);
    w->reader = (struct redo_reader){.heap = w->heap, .sessions = w->sessions, .mem = &w->mem, .answers = w->answers, .unix_ms = 1000,
                                     .get_bytes = get_bytes, .ctx = w};
}

static void end(struct world *w)
{
    CHECK(idem_validate(w->answers) == 0);
    idem_destroy(&w->answers);
    session_set_destroy(&w->sessions);
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
}

static enum err apply_all(struct world *w, struct slice rest, struct why *why)
{
    enum err e = ERR_OK;

    while (rest.len > 0 && e == ERR_OK)
        e = redo_apply(&w->reader, slice_cut(&rest, '\n'), why);
    return e == ERR_OK ? redo_end(&w->reader, why) : e;
}

static void let_go(struct world *w)
{
    slot_t cursor = 0;

    while (heap_restore_end(w->heap, &cursor, 100) == 0)
        ;
    while (heap_reap(w->heap, SIZE_MAX) == 0)
        ;
}

/* It is a heap like any other: objects are made, where no other is. */
static void use(struct world *w)
{
    obj_id ids[40];

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        CHECK(heap_new_list(w->heap, (struct label){SLICE("list"), SLICE("")}, NULL, 0, &ids[i], NULL) == ERR_OK);
    CHECK(heap_validate(w->heap, NULL, NULL) > 0); /* the references that are ours */
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
        heap_release(w->heap, ids[i]);
    while (heap_reap(w->heap, SIZE_MAX) == 0)
        ;
    CHECK(heap_validate(w->heap, NULL, NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct why why = {0};
    struct world w;
    enum err e;

    begin(&w);
    if ((e = apply_all(&w, (struct slice){(const char *)data, size}, &why)) == ERR_OK) {
        let_go(&w);
        CHECK(heap_validate(w.heap, NULL, NULL) == 0);
        use(&w);
    } else {
        CHECK(e == ERR_BAD_VALUE && why.text[0] != '\0');
    }
    end(&w);
    return 0;
}
