/*
 * trace_replay.c - does on heapd's heap what a trace says (cpython_trace.py), and compares what CPython did.
 *
 * A line is one operation, or what must be true after it:
 *
 *     new N KIND, drop N, root N                        KIND: r and d are records, l a list, b bytes
 *     set N FIELD TARGET, unset N FIELD                 TARGET -1 is a number
 *     push N TARGET, put N INDEX TARGET, delete N INDEX
 *     freeze, unfreeze, saveall 0|1, clear, thresholds A B C
 *     collect GENERATION FOUND                          asked for, finds so many
 *     run GENERATION FOUND                              has started by itself
 *     alive N N N ...                                   exactly these live
 *     state COUNTS*3 POPULATIONS*3 FROZEN GARBAGE (COLLECTIONS COLLECTED)*3
 */
#include "gc/gc.h"
#include "heap/base/check.h"
#include "heap/root.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OBJECTS_MAX 100000u
#define WORDS_MAX 10000u

struct replay {
    struct mem mem;
    struct heap *heap;
    struct gc *gc;
    struct gc_tuning tuning;
    obj_id ids[OBJECTS_MAX];
    uint32_t count;
    uint64_t runs_seen;
    uint64_t line;
    char *words[WORDS_MAX]; /* of the line, the operation first */
    uint32_t word_count;
};

static void agree(const struct replay *r, const char *what, uint64_t found, uint64_t expected)
{
    if (found == expected)
        return;
    fprintf(stderr, "line %" PRIu64 " (%s): %s is %" PRIu64 ", in CPython %" PRIu64 "\n", r->line, r->words[0], what, found,
            expected);
    exit(EXIT_FAILURE);
}

static void done(const struct replay *r, enum err e)
{
    if (e == ERR_OK)
        return;
    fprintf(stderr, "line %" PRIu64 " (%s): %s\n", r->line, r->words[0], err_name(e));
    exit(EXIT_FAILURE);
}

/* ---- words ---- */

static uint64_t number(const struct replay *r, uint32_t word)
{
    CHECK(word < r->word_count);
    return strtoull(r->words[word], NULL, 10);
}

static obj_id object(const struct replay *r, uint32_t word)
{
    uint64_t n = number(r, word);

    CHECK(n < r->count);
    return r->ids[n];
}

static struct value target(const struct replay *r, uint32_t word)
{
    CHECK(word < r->word_count);
    return r->words[word][0] == '-' ? value_int(7) : value_link(object(r, word));
}

/* ---- operations ---- */

static obj_id make(struct replay *r, char kind)
{
    struct label label = {SLICE("trace"), SLICE("")};
    struct payload *payload;
    obj_id id = 0;

    if (kind == 'b') {
        payload = payload_create(&r->mem, 10);
        CHECK(payload != NULL);
        memset(payload->data, 0, 10);
        done(r, heap_new_bytes(r->heap, label, &payload, &id, NULL));
    } else if (kind == 'l') {
        done(r, heap_new_list(r->heap, label, NULL, 0, &id, NULL));
    } else {
        done(r, heap_new_record(r->heap, label, NULL, 0, &id, NULL));
    }
    return id;
}

static void op_new(struct replay *r)
{
    CHECK(number(r, 1) == r->count && r->count < OBJECTS_MAX);
    r->ids[r->count] = make(r, r->words[2][0]);
    done(r, root_put(r->heap, slice_of(r->words[1]), r->ids[r->count], NULL, NULL));
    heap_release(r->heap, r->ids[r->count++]);
}

static void op_root(struct replay *r)
{
    done(r, root_put(r->heap, slice_of(r->words[1]), object(r, 1), NULL, NULL));
}

static void op_drop(struct replay *r)
{
    done(r, root_delete(r->heap, slice_of(r->words[1]), NULL));
}

static void op_set(struct replay *r)
{
    struct field field = {.name = slice_of(r->words[2]), .value = target(r, 3)};

    done(r, heap_edit_record(r->heap, object(r, 1), &field, 1, NULL));
}

static void op_unset(struct replay *r)
{
    done(r, heap_unset_field(r->heap, object(r, 1), slice_of(r->words[2]), NULL));
}

static void op_push(struct replay *r)
{
    struct value v = target(r, 2);

    done(r, heap_push_item(r->heap, object(r, 1), &v, NULL, NULL));
}

static void op_put(struct replay *r)
{
    struct value v = target(r, 3);

    done(r, heap_set_item(r->heap, object(r, 1), number(r, 2), &v, NULL));
}

static void op_delete(struct replay *r)
{
    done(r, heap_delete_item(r->heap, object(r, 1), number(r, 2), NULL));
}

static void op_freeze(struct replay *r)
{
    (void)gc_freeze(r->gc, true);
}

static void op_unfreeze(struct replay *r)
{
    (void)gc_freeze(r->gc, false);
}

static void op_saveall(struct replay *r)
{
    r->tuning.debug = number(r, 1) != 0 ? GC_DEBUG_SAVEALL : 0;
    done(r, gc_set_tuning(r->gc, &r->tuning, NULL));
}

static void op_clear(struct replay *r)
{
    while (gc_clear_garbage(r->gc, SIZE_MAX) == 0)
        ;
}

static void op_thresholds(struct replay *r)
{
    for (uint32_t g = 0; g < GC_GENERATIONS; g++)
        r->tuning.thresholds[g] = (uint32_t)number(r, 1 + g);
    done(r, gc_set_tuning(r->gc, &r->tuning, NULL));
}

static void op_collect(struct replay *r)
{
    done(r, gc_collect(r->gc, (int)number(r, 1), GC_BY_REQUEST, false, NULL, NULL));
}

/* ---- what must be true ---- */

/* The next run that was not looked at. */
static void see_run(struct replay *r)
{
    struct gc_run run = {.number = 0};

    agree(r, "one more collection", gc_log(r->gc, 0, &run) && run.number == r->runs_seen + 1, true);
    r->runs_seen++;
    agree(r, "its generation", (uint64_t)run.generation, number(r, 1));
    agree(r, "what it found", run.collected, number(r, 2));
    agree(r, "whether it was asked for", run.reason == GC_BY_REQUEST, strcmp(r->words[0], "collect") == 0);
}

static void see_alive(struct replay *r)
{
    uint32_t word = 1;

    for (uint32_t i = 0; i < r->count; i++) {
        bool expected = word < r->word_count && number(r, word) == i;

        word += expected;
        if (heap_has(r->heap, r->ids[i]) == expected)
            continue;
        fprintf(stderr, "line %" PRIu64 ": object %u should be %s\n", r->line, i, expected ? "alive" : "dead");
        exit(EXIT_FAILURE);
    }
}

static void see_state(struct replay *r)
{
    static const char *const counts[] = {"count 0", "count 1", "count 2"};
    static const char *const objects[] = {"population 0", "population 1", "population 2"};
    struct gc_state s;

    gc_get_state(r->gc, &s);
    for (uint32_t g = 0; g < GC_GENERATIONS; g++) {
        agree(r, counts[g], s.counts[g], number(r, 1 + g));
        agree(r, objects[g], s.generations[g].objects, number(r, 4 + g));
        agree(r, "collections", s.generations[g].collections, number(r, 9 + 2 * g));
        agree(r, "collected", s.generations[g].collected, number(r, 10 + 2 * g));
    }
    agree(r, "frozen", s.frozen, number(r, 7));
    agree(r, "garbage", s.garbage, number(r, 8));
    agree(r, "broken rules", heap_validate(r->heap, NULL, NULL), 0);
}

/* ---- reading ---- */

struct word {
    const char *word;
    void (*fn)(struct replay *);
    void (*then)(struct replay *); /* after all that follows from it */
};

static const struct word words[] = {
    {"new", op_new, NULL},       {"drop", op_drop, NULL},         {"root", op_root, NULL},
    {"set", op_set, NULL},       {"unset", op_unset, NULL},       {"push", op_push, NULL},
    {"put", op_put, NULL},       {"delete", op_delete, NULL},     {"freeze", op_freeze, NULL},
    {"clear", op_clear, NULL},   {"unfreeze", op_unfreeze, NULL}, {"saveall", op_saveall, NULL},
    {"run", see_run, NULL},      {"thresholds", op_thresholds, NULL}, {"collect", op_collect, see_run},
    {"alive", see_alive, NULL},  {"state", see_state, NULL},
};

static const struct word *find_word(const char *text)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, text) == 0)
            return &words[i];
    fprintf(stderr, "unknown operation: %s\n", text);
    exit(EXIT_FAILURE);
}

/* The memory of the dead returns before the collector is asked: in CPython a count that reaches 0 has no later. */
static void obey(struct replay *r)
{
    const struct word *w = find_word(r->words[0]);

    w->fn(r);
    while (heap_reap(r->heap, SIZE_MAX) == 0)
        ;
    gc_finish(r->gc);
    if (w->then != NULL)
        w->then(r);
}

static void split(struct replay *r, char *line)
{
    char *rest;

    r->word_count = 0;
    for (char *w = strtok_r(line, " \n", &rest); w != NULL; w = strtok_r(NULL, " \n", &rest)) {
        CHECK(r->word_count < WORDS_MAX);
        r->words[r->word_count++] = w;
    }
}

int main(void)
{
    struct replay *r = calloc(1, sizeof *r);
    struct gc_state state;
    char *line = NULL;
    size_t room = 0;

    CHECK(r != NULL);
    mem_init(&r->mem, 0);
    CHECK(heap_create(&r->mem, 1, &r->heap) == ERR_OK && gc_create(r->heap, &r->gc) == ERR_OK);
    gc_get_state(r->gc, &state);
    r->tuning = state.tuning;
    r->tuning.thresholds[0] = 0;
    done(r, gc_set_tuning(r->gc, &r->tuning, NULL));
    while (getline(&line, &room, stdin) > 0) {
        r->line++;
        split(r, line);
        if (r->word_count > 0)
            obey(r);
    }
    free(line);
    agree(r, "lines read", r->line > 0, true);
    gc_destroy(&r->gc);
    heap_destroy(&r->heap);
    mem_fini(&r->mem);
    free(r);
    return EXIT_SUCCESS;
}
