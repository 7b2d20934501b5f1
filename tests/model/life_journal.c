/*
 * life_journal.c - what the heap tells its journal is enough to put it back: a second heap, made of the text alone, has the
 * same objects under the same ids with the same contents, roots, weak names, sessions and holds.
 */
#include "api/redo.h"
#include "heap/restore.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/model/life_impl.h"
#include <stdio.h>
#include <stdlib.h>

struct life_journal {
    struct redo redo;
    struct heap_journal told;
};

void journal_begin(struct life *life)
{
    struct life_journal *j;

    if (life->dice.bytes != NULL || one_in(life, 3)) /* not of a life that bytes decide: it is lived a thousand times a second */
        return;
    life->journal = j = calloc(1, sizeof *j);
    CHECK(j != NULL);
    redo_init(&j->redo, life->heap, &life->mem);
    j->told = (struct heap_journal){.ctx = &j->redo, .note = redo_note, .mark = redo_mark, .cut = redo_cut};
    CHECK(heap_set_journal(life->heap, &j->told) == ERR_OK);
}

/* Before the heap ends. */
void journal_end(struct life *life)
{
    if (life->journal == NULL)
        return;
    CHECK(heap_set_journal(life->heap, NULL) == ERR_OK);
    redo_fini(&life->journal->redo);
    free(life->journal);
    life->journal = NULL;
}

/* ---- the second heap ---- */

struct second {
    struct mem mem;
    struct heap *heap;
    struct session_set *sessions;
};

/* The last there were: as in a store, which keeps no others. */
static enum err get_bytes(void *ctx, obj_id id, struct payload **ret, struct why *why)
{
    const struct redo *r = ctx;

    (void)why;
    for (size_t i = r->bytes_count; i-- > 0;)
        if (r->bytes[i].id == id) {
            *ret = payload_hold(r->bytes[i].payload);
            return ERR_OK;
        }
    return ERR_BAD_VALUE;
}

static void apply_all(struct life *life, struct redo_reader *reader)
{
    for (const struct redo_chunk *c = life->journal->redo.first; c != NULL; c = c->next) {
        struct slice rest = buf_slice(&c->text);

        while (rest.len > 0) {
            struct slice line = slice_cut(&rest, '\n');
            struct why why = {0};

            AGREE(life, redo_apply(reader, line, &why) == ERR_OK, "%.*s: %s", (int)(line.len < 300 ? line.len : 300), line.data,
                  why.text);
        }
    }
    AGREE(life, redo_end(reader, NULL) == ERR_OK, "the last that died are kept by others");
}

static void put_back(struct life *life, struct second *s)
{
    struct redo_reader reader;

    mem_init(&s->mem, 0);
    CHECK(heap_create(&s->mem, UINT64_C(0x5ec0d), &s->heap) == ERR_OK);
    CHECK(session_set_create(s->heap, &s->sessions) == ERR_OK);
    CHECK(heap_restore_begin(s->heap, heap_pools(life->heap)->pool_end, NULL) == ERR_OK);
    reader = (struct redo_reader){.heap = s->heap, .sessions = s->sessions, .mem = &s->mem, .get_bytes = get_bytes, .ctx = &life->journal->redo};
    apply_all(life, &reader);
}

static void second_end(struct second *s)
{
    session_set_destroy(&s->sessions);
    heap_destroy(&s->heap);
    mem_fini(&s->mem);
}

/* ---- compared ---- */

/* Everything that is asked of it, as text. */
static void describe(struct heap *h, struct session_set *ss, struct redo *text, FILE *out)
{
    struct session_info session;
    struct slice name;
    slot_t slot = 0;
    obj_id id;

    do {
        id = heap_next_object(h, &slot, SIZE_MAX);
        if (id != 0)
            CHECK(redo_note(text, &(struct change){.kind = CHANGE_NEW, .id = id}, NULL) == ERR_OK);
    } while (slot != 0);
    for (uint32_t cursor = 0; session_next(ss, &cursor, &session);)
        fprintf(out, "session %u %s %g\n", session.id, session.label.len > 0 ? session.label.data : "", session.ttl_s);
    for (uint32_t cursor = 0; root_next(h, &cursor, &name, &id);)
        fprintf(out, "root %.*s %" PRIu64 "\n", (int)name.len, name.data, id);
    for (uint32_t cursor = 0; weak_next(h, &cursor, &name, &id);)
        fprintf(out, "weak %.*s %" PRIu64 "\n", (int)name.len, name.data, id);
}

struct description {
    struct redo objects;
    char *rest;
    size_t len;
};

static void describe_begin(struct description *d, struct heap *h, struct session_set *ss, struct mem *mem)
{
    FILE *out = open_memstream(&d->rest, &d->len);

    CHECK(out != NULL);
    redo_init(&d->objects, h, mem);
    describe(h, ss, &d->objects, out);
    CHECK(fclose(out) == 0);
}

static void describe_end(struct description *d)
{
    redo_fini(&d->objects);
    free(d->rest);
}

static void compare_lines(struct life *life, struct slice a, struct slice b)
{
    while (a.len > 0 || b.len > 0) {
        struct slice in_a = slice_cut(&a, '\n'), in_b = slice_cut(&b, '\n');

        AGREE(life, slice_eq(in_a, in_b), "put back, it is\n%.*s\nand was\n%.*s", (int)(in_b.len < 400 ? in_b.len : 400), in_b.data,
              (int)(in_a.len < 400 ? in_a.len : 400), in_a.data);
    }
}

static void compare_descriptions(struct life *life, const struct description *a, const struct description *b)
{
    const struct redo_chunk *in_a = a->objects.first, *in_b = b->objects.first;

    for (; in_a != NULL && in_b != NULL; in_a = in_a->next, in_b = in_b->next)
        compare_lines(life, buf_slice(&in_a->text), buf_slice(&in_b->text));
    AGREE(life, in_a == NULL && in_b == NULL, "put back, it has %zu bytes of objects and not %zu", redo_text_bytes(&b->objects),
          redo_text_bytes(&a->objects));
}

/* Names come in the order in which their entries were made. */
static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t sorted_lines(char *text, char **lines, size_t max)
{
    size_t n = 0;

    for (char *save, *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
        CHECK(n < max);
        lines[n++] = line;
    }
    qsort(lines, n, sizeof *lines, by_text);
    return n;
}

static void compare_names(struct life *life, const struct description *a, const struct description *b)
{
    enum { MAX = NAIVE_ROOTS + NAIVE_WEAK_NAMES + NAIVE_SESSIONS + 64 };
    char *in_a[MAX], *in_b[MAX];
    size_t n = sorted_lines(a->rest, in_a, MAX), m = sorted_lines(b->rest, in_b, MAX);

    AGREE(life, n == m, "put back, it has %zu names and sessions, and had %zu", m, n);
    for (size_t i = 0; i < n; i++)
        AGREE(life, strcmp(in_a[i], in_b[i]) == 0, "put back, it has \"%s\", and had \"%s\"", in_b[i], in_a[i]);
}

static void compare_holds(struct life *life, const struct second *s)
{
    struct session_info session;
    uint32_t at = 0;
    obj_id id;

    while (session_next(life->sessions, &at, &session)) {
        struct session_info other;

        AGREE(life, session_info(s->sessions, session.id, &other, NULL) == ERR_OK && other.holds == session.holds,
              "put back, session %u holds %" PRIu64 " objects, not %" PRIu64, session.id, other.holds, session.holds);
        for (uint32_t hold = UINT32_MAX; session_next_hold(life->sessions, session.id, &hold, &id);)
            AGREE(life, session_holds(s->sessions, session.id, id), "put back, session %u does not hold %" PRIu64, session.id, id);
    }
}

/* Whoever is left, when nobody holds it any more for being put back, was alive; and its id stays its own. */
static void compare_end(struct life *life, const struct second *s)
{
    slot_t cursor = 0;
    obj_id made;

    while (heap_restore_end(s->heap, &cursor, 1 + roll(life, 100)) == 0)
        ;
    while (heap_reap(s->heap, SIZE_MAX) == 0)
        ;
    AGREE(life, heap_validate(s->heap, NULL, NULL) == 0, "put back, the heap breaks its rules");
    for (uint32_t i = 0; i < life->naive.count; i++) {
        const struct naive_object *o = naive_of(life, i);

        AGREE(life, !o->dead || !heap_has(s->heap, o->id), "put back, object %" PRIu64 " lives, and was dead", o->id);
    }
    for (int i = 0; i < 200; i++) {
        CHECK(heap_new_list(s->heap, (struct label){SLICE("list"), SLICE("")}, NULL, 0, &made, NULL) == ERR_OK);
        AGREE(life, naive_find(&life->naive, made) == NAIVE_NONE, "put back, the heap gives id %" PRIu64 " again", made);
        heap_release(s->heap, made);
    }
}

void journal_compare(struct life *life)
{
    struct description was, is;
    struct second s;

    if (life->journal == NULL)
        return;
    life->op_name = "put back";
    CHECK(heap_settle_journal(life->heap) == ERR_OK);
    put_back(life, &s);
    describe_begin(&was, life->heap, life->sessions, &s.mem);
    describe_begin(&is, s.heap, s.sessions, &s.mem);
    compare_descriptions(life, &was, &is);
    compare_names(life, &was, &is);
    compare_holds(life, &s);
    describe_end(&was);
    describe_end(&is);
    compare_end(life, &s);
    second_end(&s);
}
