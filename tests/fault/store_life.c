/* store_life.c - see store_life.h. */
#include "tests/fault/store_life.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/fault/vfs_shim.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ATTEMPTS 4 /* a fault comes once, or until shim_heal() */
#define ROWS_MAX 4096

/* What must not be: says which life it was. */
#define DEMAND(life, claim, ...)                                                                                                 \
    do {                                                                                                                         \
        if (!(claim)) {                                                                                                          \
            fprintf(stderr, "life of seed %" PRIu64 ": ", (life)->seed);                                                         \
            fprintf(stderr, __VA_ARGS__);                                                                                        \
            fprintf(stderr, "\n");                                                                                               \
            abort();                                                                                                             \
        }                                                                                                                        \
    } while (0)

static const char *const strange[] = {"",      "plain",  "with \"quotes\" and \\", "\n\t\x01", "gr\xc3\xbc\xc3\x9f" "e", "{\"a\":[1,2]}",
                                      "],[{}", "$ref",   "a,b:c"};
static const char *const names[LIFE_NAMES] = {"a", "b", "$c", "d\"e", "f\\g", "\xe6\x97\xa5", "h\n", "$ref", "j", "k", "l", "m"};

static uint32_t roll(struct life *life, uint32_t n)
{
    uint64_t x = life->dice += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((x ^ x >> 31) % n);
}

/* ---- what it is, as text ---- */

static void describe_bytes(struct life *life, obj_id id, FILE *out)
{
    struct object_info info;
    struct payload *p;
    uint64_t sum = 0;

    CHECK(heap_info(life->heap, id, &info, NULL) == ERR_OK);
    if (info.kind != HEAP_BYTES)
        return;
    CHECK(heap_get_bytes(life->heap, id, &p, NULL) == ERR_OK);
    for (size_t i = 0; i < p->len; i++)
        sum = sum * 31 + (unsigned char)p->data[i];
    fprintf(out, "bytes %" PRIu64 " %zu %" PRIx64 "\n", id, p->len, sum);
    payload_release(&p);
}

static void describe_objects(struct life *life, FILE *out)
{
    struct redo text;
    slot_t slot = 0;
    obj_id id;

    redo_init(&text, life->heap, &life->mem);
    do {
        if ((id = heap_next_object(life->heap, &slot, SIZE_MAX)) == 0)
            continue;
        CHECK(redo_note(&text, &(struct change){.kind = CHANGE_NEW, .id = id}, NULL) == ERR_OK);
        describe_bytes(life, id, out);
    } while (slot != 0);
    for (const struct redo_chunk *c = text.first; c != NULL; c = c->next)
        fwrite(c->text.data, 1, c->text.len, out);
    redo_fini(&text);
}

static void describe_names(struct life *life, FILE *out)
{
    struct slice name;
    obj_id id;

    for (uint32_t cursor = 0; root_next(life->heap, &cursor, &name, &id);)
        fprintf(out, "root %zu %.*s %" PRIu64 "\n", name.len, (int)name.len, name.data, id);
    for (uint32_t cursor = 0; weak_next(life->heap, &cursor, &name, &id);)
        fprintf(out, "weak %zu %.*s %" PRIu64 "\n", name.len, (int)name.len, name.data, id);
}

static void describe_sessions(struct life *life, FILE *out)
{
    struct session_info s;
    obj_id id;

    for (uint32_t cursor = 0; session_next(life->sessions, &cursor, &s);) {
        fprintf(out, "session %u %.*s %.17g\n", s.id, (int)s.label.len, s.label.len > 0 ? s.label.data : "", s.ttl_s);
        for (uint32_t hold = UINT32_MAX; session_next_hold(life->sessions, s.id, &hold, &id);)
            fprintf(out, "hold %u %" PRIu64 "\n", s.id, id);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names and holds come in the order in which their entries were made, which is not kept. */
static char *sorted_lines(char *text, size_t len)
{
    char **line = malloc((len + 1) * sizeof *line), *sorted = malloc(len + 1), *at = sorted;
    size_t n = 0;

    CHECK(line != NULL && sorted != NULL);
    for (char *save, *l = strtok_r(text, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save))
        line[n++] = l;
    qsort(line, n, sizeof *line, by_text);
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s\n", line[i]);
    *at = '\0';
    free(line);
    free(text);
    return sorted;
}

char *life_describe(struct life *life)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    CHECK(out != NULL);
    describe_objects(life, out);
    describe_names(life, out);
    describe_sessions(life, out);
    life_describe_answers(life, out);
    CHECK(fclose(out) == 0);
    return sorted_lines(text, len);
}

/* ---- changes ---- */

static void note_born(struct life *life, obj_id id)
{
    for (size_t i = 0; i < life->born_count; i++)
        DEMAND(life, life->born[i] != id, "id %" PRIu64 " is given again", id);
    if (life->born_count == life->born_room) {
        life->born_room = life->born_room == 0 ? 256 : 2 * life->born_room;
        life->born = realloc(life->born, life->born_room * sizeof *life->born);
        life->born_in = realloc(life->born_in, life->born_room * sizeof *life->born_in);
        CHECK(life->born != NULL && life->born_in != NULL);
    }
    life->born[life->born_count] = id;
    life->born_in[life->born_count++] = life->tried + 1;
}

/* Any object that lives; 0: there is none. */
static obj_id pick(struct life *life)
{
    slot_t slot = roll(life, 3) == 0 ? 0 : (slot_t)(2048 + roll(life, 2048));
    obj_id id = 0;

    for (int round = 0; round < 2 && id == 0; round++)
        do
            id = heap_next_object(life->heap, &slot, SIZE_MAX);
        while (id == 0 && slot != 0);
    return id;
}

static obj_id pick_kind(struct life *life, enum heap_kind kind)
{
    struct object_info info;
    obj_id id = 0;

    for (int i = 0; i < 8; i++) {
        if ((id = pick(life)) == 0)
            return 0;
        CHECK(heap_info(life->heap, id, &info, NULL) == ERR_OK);
        if (info.kind == kind)
            return id;
    }
    return 0;
}

static struct slice a_text(struct life *life)
{
    return slice_of(strange[roll(life, sizeof strange / sizeof *strange)]);
}

static struct value a_value(struct life *life)
{
    obj_id id = pick(life);

    switch (roll(life, 8)) {
    case 0:
        return value_int((int64_t)roll(life, UINT32_MAX) << roll(life, 31));
    case 1:
        return (struct value){.kind = VALUE_REAL, .real = roll(life, 1000000) / 7.0};
    case 2:
        return (struct value){.kind = roll(life, 2) == 0 ? VALUE_TRUE : VALUE_FALSE};
    case 3:
    case 4:
        return (struct value){.kind = VALUE_STRING, .string = a_text(life)};
    case 5:
        return id != 0 ? (struct value){.kind = VALUE_WEAK, .id = id} : value_null();
    default:
        return id != 0 ? value_link(id) : value_null();
    }
}

/* Somebody keeps it, or nobody: then it is gone at once. */
static void settle(struct life *life, obj_id id)
{
    note_born(life, id);
    if (roll(life, 3) > 0)
        CHECK(root_put(life->heap, slice_of(names[roll(life, LIFE_NAMES)]), id, NULL, NULL) == ERR_OK);
    else if (roll(life, 2) == 0)
        CHECK(session_hold(life->sessions, life->open_sessions[roll(life, 4)], id, NULL) == ERR_OK);
    heap_release(life->heap, id);
}

static void make_record(struct life *life)
{
    struct field f[LIFE_NAMES];
    size_t n = roll(life, LIFE_NAMES);
    obj_id id;

    for (size_t i = 0; i < n; i++)
        f[i] = (struct field){.name = slice_of(names[i]), .value = a_value(life)};
    CHECK(heap_new_record(life->heap, (struct label){SLICE("Class \"1\""), a_text(life)}, f, n, &id, NULL) == ERR_OK);
    settle(life, id);
}

static void make_list(struct life *life)
{
    struct value v[600];
    size_t n = roll(life, 12) == 0 ? 300 + roll(life, 300) : roll(life, 5);
    obj_id id;

    for (size_t i = 0; i < n; i++)
        v[i] = a_value(life);
    CHECK(heap_new_list(life->heap, (struct label){SLICE("list"), SLICE("")}, v, n, &id, NULL) == ERR_OK);
    settle(life, id);
}

static struct payload *some_bytes(struct life *life)
{
    struct payload *p = payload_create(&life->mem, roll(life, 10) == 0 ? 20000 : roll(life, 50));

    CHECK(p != NULL);
    for (size_t i = 0; i < p->len; i++)
        p->data[i] = (char)roll(life, 256);
    return p;
}

static void make_bytes(struct life *life)
{
    struct payload *p = some_bytes(life);
    obj_id id;

    CHECK(heap_new_bytes(life->heap, (struct label){SLICE("bytes"), SLICE("")}, &p, &id, NULL) == ERR_OK);
    settle(life, id);
}

static void replace_bytes(struct life *life)
{
    obj_id id = pick_kind(life, HEAP_BYTES);
    struct payload *p;

    if (id == 0)
        return;
    p = some_bytes(life);
    CHECK(heap_set_bytes(life->heap, id, &p, NULL) == ERR_OK);
}

static void edit(struct life *life)
{
    obj_id id = pick_kind(life, HEAP_RECORD);
    uint32_t n = roll(life, 20) == 0 ? 400 : 1 + roll(life, 3);

    for (uint32_t i = 0; id != 0 && i < n; i++) {
        char name[24];
        struct field f = {.value = a_value(life), .unset = roll(life, 4) == 0};

        snprintf(name, sizeof name, "field %u", roll(life, 600));
        f.name = slice_of(n < 10 ? names[roll(life, LIFE_NAMES)] : name);
        CHECK(heap_edit_record(life->heap, id, &f, 1, NULL) == ERR_OK);
    }
}

static void edit_items(struct life *life)
{
    obj_id id = pick_kind(life, HEAP_LIST);
    struct object_info info;
    struct value v = a_value(life);

    if (id == 0)
        return;
    for (uint32_t i = roll(life, 10) == 0 ? 300 : 1; i-- > 0;)
        CHECK(heap_push_item(life->heap, id, &v, NULL, NULL) == ERR_OK);
    for (uint32_t i = roll(life, 10) == 0 ? 200 : 2; i-- > 0;) {
        CHECK(heap_info(life->heap, id, &info, NULL) == ERR_OK);
        v = a_value(life);
        CHECK(heap_set_item(life->heap, id, roll(life, (uint32_t)info.parts), &v, NULL) == ERR_OK);
        if (info.parts > 1)
            CHECK(heap_delete_item(life->heap, id, roll(life, (uint32_t)info.parts), NULL) == ERR_OK);
    }
}

static void change_names(struct life *life)
{
    struct slice name = slice_of(names[roll(life, LIFE_NAMES)]);
    obj_id id = pick(life);

    if (roll(life, 3) == 0)
        (void)root_delete(life->heap, name, NULL);
    else if (roll(life, 3) == 0)
        (void)weak_delete(life->heap, name, NULL);
    else if (id != 0)
        CHECK(weak_put(life->heap, name, id, NULL, NULL) == ERR_OK);
}

static void open_session(struct life *life, session_id *at)
{
    char token[SESSION_TOKEN_BYTES + 1];

    snprintf(token, sizeof token, "%032u", ++life->token);
    CHECK(session_open(life->sessions, 1 + roll(life, 100) / 8.0, a_text(life), (struct slice){token, SESSION_TOKEN_BYTES}, 0, at, NULL) ==
          ERR_OK);
}

static void change_sessions(struct life *life)
{
    session_id *s = &life->open_sessions[roll(life, 4)];
    obj_id id = pick(life);

    if (roll(life, 3) == 0 && id != 0)
        (void)session_drop(life->sessions, *s, id, NULL);
    else if (roll(life, 3) > 0 && id != 0)
        CHECK(session_hold(life->sessions, *s, id, NULL) == ERR_OK);
    else if (*s == 0)
        open_session(life, s);
    else {
        CHECK(session_end(life->sessions, *s, NULL) == ERR_OK);
        *s = 0;
    }
}

/* Several that only link to each other, in pools of different sizes. */
static void make_cycle(struct life *life)
{
    obj_id ids[6], n = 2 + roll(life, 5);

    for (obj_id i = 0; i < n; i++) {
        struct field f[12];
        size_t count = 1 + roll(life, 12);

        for (size_t j = 0; j < count; j++)
            f[j] = (struct field){.name = slice_of(names[j]), .value = i > 0 ? value_link(ids[i - 1]) : value_null()};
        CHECK(heap_new_record(life->heap, (struct label){SLICE("Cycle"), SLICE("")}, f, count, &ids[i], NULL) == ERR_OK);
        note_born(life, ids[i]);
    }
    CHECK(heap_edit_record(life->heap, ids[0], &(struct field){.name = SLICE("a"), .value = value_link(ids[n - 1])}, 1, NULL) == ERR_OK);
    while (n-- > 0)
        heap_release(life->heap, ids[n]);
}

static void collect(struct life *life)
{
    uint64_t ticket;

    CHECK(gc_collect(life->gc, 2, GC_BY_REQUEST, false, &ticket, NULL) == ERR_OK);
    gc_finish(life->gc);
}

void life_change(struct life *life)
{
    static void (*const changes[])(struct life *) = {make_record, make_record, make_list,    make_bytes,      replace_bytes, edit,      edit,
                                                     edit_items,  edit_items,  change_names, change_sessions, make_cycle,    make_cycle};
    uint32_t n = roll(life, 8) == 0 ? 40 : 1 + roll(life, 8);

    while (n-- > 0)
        changes[roll(life, sizeof changes / sizeof *changes)](life);
    if (roll(life, 3) == 0)
        life_change_answers(life, roll(life, UINT32_MAX));
    if (roll(life, 6) == 0)
        collect(life);
    while (heap_reap(life->heap, 1u << 20) == 0)
        ;
    while (session_release(life->sessions, 1u << 20) == 0)
        ;
    while (heap_reap(life->heap, 1u << 20) == 0)
        ;
}

/* ---- commits ---- */

/* The text in rows, each some lines. */
static void cut_into_rows(struct life *life, struct redo_chunk *rows)
{
    bool long_rows = !life->short_rows && roll(life, 2) == 0;
    size_t n = 0;

    for (const struct redo_chunk *c = life->redo.first; c != NULL; c = c->next) {
        struct slice rest = buf_slice(&c->text);

        while (rest.len > 0) {
            size_t want = 1 + roll(life, long_rows ? 65536 : life->short_rows ? 40 : 300), len = want < rest.len ? want : rest.len;

            while (rest.data[len - 1] != '\n')
                len++;
            CHECK(n < ROWS_MAX);
            rows[n] = (struct redo_chunk){.text = {.data = (char *)rest.data, .len = len}};
            if (n > 0)
                rows[n - 1].next = &rows[n];
            n++;
            rest = slice_from(rest, len);
        }
    }
}

/* True: it is acknowledged. False: the store is to be opened again. */
static bool try_commit(struct life *life, const struct engine_commit *c)
{
    struct why why = {0};
    enum err e;

    for (int i = 0; i < ATTEMPTS; i++) {
        if ((e = engine_sqlite.commit(life->engine, c, life->sync, &why)) == ERR_OK)
            return true;
        DEMAND(life, why.text[0] != '\0', "a commit failed without a sentence");
        if (e == ERR_STORE)
            return false;
        DEMAND(life, e == ERR_DISK_FULL || e == ERR_NOMEM, "a commit: %s: %s", err_name(e), why.text);
        life->retried++;
        if (i >= 1)
            shim_heal();
    }
    DEMAND(life, false, "with room there again the same commit fails: %s: %s", err_name(e), why.text);
    return false;
}

static void remember_state(struct life *life)
{
    life->tried++;
    CHECK(life->tried < LIFE_COMMITS_MAX);
    free(life->states[life->tried].text);
    life->states[life->tried].text = life_describe(life);
}

static bool commit(struct life *life)
{
    struct redo_chunk *rows = calloc(ROWS_MAX, sizeof *rows);
    struct engine_commit c;
    bool done;

    CHECK(rows != NULL && heap_settle_journal(life->heap) == ERR_OK);
    if (redo_text_bytes(&life->redo) == 0) {
        free(rows);
        return true; /* nothing has changed */
    }
    remember_state(life);
    c = (struct engine_commit){.number = life->tried, .bytes = life->redo.bytes, .bytes_count = life->redo.bytes_count,
                               .pool_end = heap_pools(life->heap)->pool_end, .last_session = session_last_id(life->sessions)};
    cut_into_rows(life, rows);
    c.lines = rows;
    done = try_commit(life, &c);
    free(rows);
    redo_fini(&life->redo);
    if (done)
        life->acknowledged = life->tried;
    return done;
}

/* False: the store is to be opened again. */
static bool may_go_on(struct life *life, enum err e, const struct why *why)
{
    if (e == ERR_OK)
        return true;
    DEMAND(life, why->text[0] != '\0', "folding failed without a sentence");
    if (e == ERR_STORE)
        return false;
    DEMAND(life, e == ERR_DISK_FULL || e == ERR_NOMEM, "folding: %s: %s", err_name(e), why->text);
    life->retried++;
    return true;
}

static bool fold_some(struct life *life)
{
    struct why why = {0};
    bool more;

    if (life->never_folds)
        return true;
    for (uint32_t i = roll(life, 4); i-- > 0;)
        if (!may_go_on(life, engine_sqlite.fold(life->engine, 1 + roll(life, 3000), NULL, &more, &why), &why))
            return false;
    return roll(life, 4) > 0 || may_go_on(life, engine_sqlite.tidy(life->engine, &why), &why);
}

enum err life_fold_all(struct life *life, struct why *why)
{
    bool more = true;
    enum err e = ERR_OK;

    while (more && e == ERR_OK)
        e = engine_sqlite.fold(life->engine, 1 + roll(life, 3000), NULL, &more, why);
    return e == ERR_OK ? engine_sqlite.tidy(life->engine, why) : e;
}

void life_live(struct life *life, uint32_t commits)
{
    for (uint32_t i = 0; i < commits && !shim_is_cut(); i++) {
        bool well;

        life_change(life);
        well = commit(life) && fold_some(life);
        if (shim_is_cut())
            return;
        if (well && roll(life, 10) > 0)
            continue;
        life->reopened++;
        life_close(life);
        life_open(life);
    }
}

/* ---- put back ---- */

/* What is left to wait for, in the account of the next engine. */
static void count_refusal(struct life *life, const struct mem *mem)
{
    if (life->refuse_nth > mem->request_count)
        life->refuse_nth -= mem->request_count;
    else if (life->refuse_nth > 0)
        life->refuse_nth = 0, life->refused = true;
}

static struct life *opening; /* whose engine it is that is being opened */

static enum err open_engine(const char *dir, bool read_only, struct mem *mem, struct engine **ret, struct why *why)
{
    enum err e;

    mem->fail_at = opening->refuse_nth;
    e = engine_sqlite.open(dir, read_only, mem, ret, why);
    if (e == ERR_OK) {
        opening->engine = *ret;
        opening->engine_mem = mem;
    } else {
        count_refusal(opening, mem);
    }
    return e;
}

enum err life_open_store(struct life *life, struct why *why)
{
    struct engine_ops ops = engine_sqlite;
    static struct engine_ops kept;
    enum err e;

    ops.open = open_engine;
    kept = ops;
    opening = life;
    e = store_open(&kept, life->dir, false, &life->store, why);
    if (e != ERR_OK)
        life->engine = NULL;
    return e;
}

static void make_heap(struct life *life)
{
    CHECK(heap_create(&life->mem, life->seed, &life->heap) == ERR_OK);
    CHECK(session_set_create(life->heap, &life->sessions) == ERR_OK);
    CHECK(gc_create(life->heap, &life->gc) == ERR_OK);
    redo_init(&life->redo, life->heap, &life->mem);
    life_begin_answers(life);
}

void life_drop(struct life *life)
{
    if (life->heap != NULL) {
        CHECK(heap_set_journal(life->heap, NULL) == ERR_OK);
        redo_fini(&life->redo);
        life_end_answers(life);
        gc_destroy(&life->gc);
        session_set_destroy(&life->sessions);
        heap_destroy(&life->heap);
    }
    if (life->engine != NULL)
        count_refusal(life, life->engine_mem);
    store_destroy(&life->store);
    life->engine = NULL;
    life->engine_mem = NULL;
}

struct recovering {
    bool over;
    enum err err;
    struct why *why;
};

static void on_loaded(void *ctx)
{
    (void)ctx;
}

static void on_done(void *ctx, enum err e, const char *sentence)
{
    struct recovering *r = ctx;

    r->over = true;
    r->err = e;
    if (e != ERR_OK)
        why_set(r->why, e, "%s", sentence);
}

/* As heapd does it when it starts. */
static enum err recover(struct life *life, struct why *why)
{
    struct recovering r = {.why = why};
    struct recovery *recovery = NULL;
    uv_loop_t loop;
    enum err e;

    CHECK(uv_loop_init(&loop) == 0);
    e = recovery_create(&(struct recovery_world){.loop = &loop, .mem = &life->mem, .heap = life->heap, .gc = life->gc,
                                                 .sessions = life->sessions, .answers = life->answers, .store = life->store, .on_loaded = on_loaded,
                                                 .on_done = on_done, .ctx = &r},
                        &recovery, why);
    if (e == ERR_OK) {
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        CHECK(r.over);
        e = r.err;
    }
    if (recovery != NULL)
        recovery_close(recovery);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    recovery_destroy(&recovery);
    CHECK(uv_loop_close(&loop) == 0);
    return e;
}

enum err life_put_back(struct life *life, struct why *why)
{
    enum err e = life_open_store(life, why);

    if (e != ERR_OK)
        return e;
    make_heap(life);
    if ((e = recover(life, why)) != ERR_OK)
        return e;
    while (heap_reap(life->heap, 1u << 20) == 0)
        ;
    return ERR_OK;
}

/* ---- compared ---- */

static void show_difference(const char *was, const char *is)
{
    while (*was != '\0' && *was == *is)
        was++, is++;
    fprintf(stderr, "was ...%.300s\nis  ...%.300s\n", was, is);
}

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "broken: %s\n", sentence);
}

static void compare(struct life *life)
{
    uint64_t n = store_facts(life->store)->commits;
    char *is;

    DEMAND(life, n >= (life->may_lose ? 0 : life->acknowledged) && n <= life->tried, "commit %" PRIu64 " was acknowledged, %" PRIu64
           " tried, and the last there is %" PRIu64, life->acknowledged, life->tried, n);
    DEMAND(life, n >= life->acknowledged || store_facts(life->store)->lossy, "commits are missing and nobody is told");
    DEMAND(life, heap_validate(life->heap, tell, NULL) == 0, "the heap put back breaks its rules");
    is = life_describe(life);
    if (strcmp(is, life->states[n].text) != 0) {
        show_difference(life->states[n].text, is);
        DEMAND(life, false, "put back, it is not as it was after commit %" PRIu64, n);
    }
    free(is);
    life->tried = life->acknowledged = n;
    life->recovered++;
}

/* What is missing is missed: commits that may be lost were announced before the first of them. */
static void announce_losses(struct life *life)
{
    struct why why = {0};

    if (!life->may_lose || shim_is_cut())
        return;
    DEMAND(life, engine_sqlite.set_lossy(life->engine, false, &why) == ERR_OK || shim_is_cut(), "%s", why.text);
    (void)fold_some(life); /* which is not synced */
    DEMAND(life, shim_is_cut() || engine_sqlite.set_lossy(life->engine, true, &why) == ERR_OK || shim_is_cut(), "%s", why.text);
}

/* Its sessions, and which ids may be given again: those that nobody has been told. */
static void go_on(struct life *life)
{
    struct session_info s;
    size_t n = 0;

    memset(life->open_sessions, 0, sizeof life->open_sessions);
    for (uint32_t cursor = 0; session_next(life->sessions, &cursor, &s);)
        if (s.id != 0 && n < 4)
            life->open_sessions[n++] = s.id;
    while (life->born_count > 0 && life->born_in[life->born_count - 1] > life->tried)
        life->born_count--;
    life_limit_answers(life);
    life->journal = (struct heap_journal){.ctx = &life->redo, .note = redo_note, .mark = redo_mark, .cut = redo_cut};
    CHECK(heap_set_journal(life->heap, &life->journal) == ERR_OK);
}

void life_open(struct life *life)
{
    struct why why = {0};
    enum err e = ERR_STORE;

    for (int i = 0; i < ATTEMPTS && e != ERR_OK && !shim_is_cut(); i++) {
        if (i > 1)
            shim_heal();
        if ((e = life_put_back(life, &why)) == ERR_OK)
            break;
        DEMAND(life, why.text[0] != '\0', "opening failed without a sentence");
        life_drop(life);
    }
    if (shim_is_cut())
        return;
    DEMAND(life, e == ERR_OK, "what is there cannot be put back: %s: %s", err_name(e), why.text);
    compare(life);
    go_on(life);
    announce_losses(life);
}

void life_close(struct life *life)
{
    life_drop(life);
}

/* ---- life ---- */

struct life *life_begin(uint64_t seed, bool sync)
{
    struct life *life = calloc(1, sizeof *life);

    CHECK(life != NULL);
    life->seed = life->dice = seed;
    life->sync = sync;
    mem_init(&life->mem, 0);
    snprintf(life->dir, sizeof life->dir, "/tmp/heapd-store-XXXXXX");
    CHECK(mkdtemp(life->dir) != NULL);
    life->states[0].text = strdup("session 0 default 0\n");
    CHECK(life->states[0].text != NULL);
    return life;
}

static void remove_directory(const struct life *life)
{
    char path[128];

    snprintf(path, sizeof path, "%s/lock", life->dir);
    (void)unlink(path);
    CHECK(rmdir(life->dir) == 0);
}

void life_end(struct life **at)
{
    struct life *life = *at;

    life_drop(life);
    mem_fini(&life->mem);
    remove_directory(life);
    for (size_t i = 0; i < LIFE_COMMITS_MAX; i++)
        free(life->states[i].text);
    free(life->born);
    free(life->born_in);
    free(life);
    *at = NULL;
}
