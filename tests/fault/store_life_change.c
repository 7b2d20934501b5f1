/* store_life_change.c - see store_life.h: what changes between two commits. */
#include "heap/heap_gc.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/fault/store_life_impl.h"

static const char *const strange[] = {"",      "plain",  "with \"quotes\" and \\", "\n\t\x01", "gr\xc3\xbc\xc3\x9f" "e", "{\"a\":[1,2]}",
                                      "],[{}", "$ref",   "a,b:c"};
static const char *const names[LIFE_NAMES] = {"a", "b", "$c", "d\"e", "f\\g", "\xe6\x97\xa5", "h\n", "$ref", "j", "k", "l", "m"};

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

/* Until it has let go of the last link that kept it. */
static void edit(struct life *life)
{
    obj_id id = pick_kind(life, HEAP_RECORD);
    uint32_t n = roll(life, 20) == 0 ? 400 : 1 + roll(life, 3);

    for (uint32_t i = 0; heap_has(life->heap, id) && i < n; i++) {
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
    for (uint32_t i = roll(life, 10) == 0 ? 200 : 2; i-- > 0 && heap_info(life->heap, id, &info, NULL) == ERR_OK;) {
        v = a_value(life);
        CHECK(heap_set_item(life->heap, id, roll(life, (uint32_t)info.parts), &v, NULL) == ERR_OK);
        if (info.parts > 1 && heap_has(life->heap, id))
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
