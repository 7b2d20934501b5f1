/* test_fold.c - the dominator tree folded by class: nothing is lost, and nothing is deeper or more than said. */
#include "heap/graph/fold.h"
#include "tests/unit/frozen_net.h"

static struct fold *fold_of(struct net *n, struct tree t)
{
    struct fold *fold = NULL;

    ck_assert_int_eq(fold_create(&n->mem, t.f, t.d, 7, &fold, NULL), ERR_OK);
    return fold;
}

/* Parents come first, depths count up, and the bytes and objects are those of the graph. */
static void check_fold(const struct fold *fold, struct tree t)
{
    uint64_t bytes = 0, objects = 0;

    for (uint32_t i = 0; i < fold->count; i++) {
        const struct fold_frame *frame = &fold->frames[i];

        MUST(i == 0 || frame->parent < i);
        MUST(frame->depth == (i == 0 ? 0 : fold->frames[frame->parent].depth + 1) && frame->depth <= FOLD_DEPTH_MAX);
        bytes += frame->bytes;
        objects += frame->objects;
    }
    ck_assert_uint_eq(bytes, t.f->object_bytes);
    ck_assert_uint_eq(objects, t.f->object_count);
}

/* The frame at the end of a path of class names, from one frame down; 0: there is none. */
static uint32_t frame_at(const struct fold *fold, const struct net *n, uint32_t from, const char *const *path)
{
    for (; *path != NULL; path++) {
        uint32_t i = 1;

        while (i < fold->count && (i == from || fold->frames[i].parent != from || strcmp(n->strings[fold->frames[i].class] + 1, *path) != 0))
            i++;
        if (i == fold->count)
            return 0;
        from = i;
    }
    return from;
}

#define FRAME(fold, n, from, ...) frame_at(fold, n, from, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(what_lies_in_the_same_place_is_one_frame)
{
    struct net n = net_new();
    uint32_t cache = net_object(&n, "Cache", 10);
    struct fold *fold;
    struct tree t;
    uint32_t at;

    net_root(&n, cache);
    for (int i = 0; i < 5; i++) {
        uint32_t entry = net_object(&n, "Entry", 20);

        net_link(&n, cache, entry);
        net_link(&n, entry, net_object(&n, "Text", 100));
    }
    net_hold(&n, 0, net_object(&n, "Entry", 7));
    t = net_freeze(&n);
    fold = fold_of(&n, t);
    check_fold(fold, t);
    at = FRAME(fold, &n, 0, "(Named roots)", "Cache", "Entry");
    ck_assert(at != 0 && fold->frames[at].bytes == 100 && fold->frames[at].objects == 5);
    at = FRAME(fold, &n, at, "Text");
    ck_assert(at != 0 && fold->frames[at].bytes == 500);
    at = FRAME(fold, &n, 0, "(Sessions)", "worker", "Entry");
    ck_assert(at != 0 && fold->frames[at].bytes == 7 && fold->frames[FOLD_UNREACHED].bytes == 0);
    fold_destroy(&fold);
    net_free(&n);
}
END_TEST

START_TEST(a_list_of_a_class_is_one_frame_however_long)
{
    struct net n = net_new();
    uint32_t last = net_object(&n, "Node", 16);
    struct fold *fold;
    struct tree t;

    net_root(&n, last);
    for (int i = 1; i < 100000; i++) {
        uint32_t next = net_object(&n, "Node", 16);

        net_link(&n, last, next);
        last = next;
    }
    t = net_freeze(&n);
    fold = fold_of(&n, t);
    check_fold(fold, t);
    ck_assert_uint_eq(fold->frames[FRAME(fold, &n, 0, "(Named roots)", "Node")].objects, 100000);
    fold_destroy(&fold);
    net_free(&n);
}
END_TEST

START_TEST(what_is_too_deep_stays_above)
{
    struct net n = net_new();
    uint32_t last = net_object(&n, "A", 16);
    struct fold *fold;
    struct tree t;
    uint32_t deepest = 0;

    net_root(&n, last);
    for (int i = 1; i < 1000; i++) {
        uint32_t next = net_object(&n, i % 2 == 0 ? "A" : "B", 16);

        net_link(&n, last, next);
        last = next;
    }
    t = net_freeze(&n);
    fold = fold_of(&n, t);
    check_fold(fold, t);
    for (uint32_t i = 0; i < fold->count; i++)
        deepest = fold->frames[i].depth > deepest ? fold->frames[i].depth : deepest;
    ck_assert_uint_eq(deepest, FOLD_DEPTH_MAX);
    fold_destroy(&fold);
    net_free(&n);
}
END_TEST

START_TEST(what_nothing_reaches_is_told_apart)
{
    struct net n = net_new();
    uint32_t a = net_object(&n, "Left", 30), b = net_object(&n, "Right", 40);
    struct fold *fold;
    struct tree t;

    net_link(&n, a, b);
    net_link(&n, b, a);
    t = net_freeze(&n);
    fold = fold_of(&n, t);
    check_fold(fold, t);
    ck_assert_uint_eq(fold->frames[FRAME(fold, &n, FOLD_UNREACHED, "Left")].bytes, 30);
    ck_assert_uint_eq(fold->frames[FRAME(fold, &n, FOLD_UNREACHED, "Right")].bytes, 40);
    fold_destroy(&fold);
    net_free(&n);
}
END_TEST

/* A random tree of 40 classes: as many frames as there may be, within the memory that was announced. */
START_TEST(there_are_never_too_many_frames)
{
    struct net n = net_new();
    uint64_t seed = unit_seed(_i);
    struct fold *fold;
    struct tree t;

    net_root(&n, net_object(&n, "class 0", 8));
    for (uint32_t i = 1; i < 200000; i++) {
        char class[16];

        snprintf(class, sizeof class, "class %u", unit_rand_below(&seed, 40));
        net_link(&n, 1 + unit_rand_below(&seed, i), net_object(&n, class, 8));
    }
    t = net_freeze(&n);
    n.mem.max_bytes = n.mem.used_bytes + fold_bytes(t.f);
    fold = fold_of(&n, t);
    check_fold(fold, t);
    ck_assert_uint_eq(fold->count, FOLD_FRAMES_MAX);
    fold_destroy(&fold);
    net_free(&n);
}
END_TEST

START_TEST(without_memory_there_is_no_fold_and_nothing_is_left)
{
    struct net n = net_new();
    struct tree t;
    size_t before;
    enum err e = ERR_NOMEM;

    for (int i = 0; i < 50; i++)
        net_root(&n, net_object(&n, i % 2 == 0 ? "Even" : "Odd", 8));
    t = net_freeze(&n);
    before = n.mem.used_bytes;
    for (uint64_t nth = 1; e != ERR_OK; nth++) {
        struct fold *fold = NULL;

        n.mem.fail_at = n.mem.request_count + nth;
        e = fold_create(&n.mem, t.f, t.d, 7, &fold, NULL);
        ck_assert((e == ERR_OK) == (fold != NULL) && (e == ERR_OK ? nth > 4 : nth < 50));
        fold_destroy(&fold);
        ck_assert_uint_eq(n.mem.used_bytes, before);
    }
    net_free(&n);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_lies_in_the_same_place_is_one_frame),
        TEST(a_list_of_a_class_is_one_frame_however_long),
        TEST(what_is_too_deep_stays_above),
        TEST(what_nothing_reaches_is_told_apart),
        TEST(there_are_never_too_many_frames, .rounds = 2),
        TEST(without_memory_there_is_no_fold_and_nothing_is_left),
    };
    return unit_main(argc, argv, "fold", tests, ARRAY_LEN(tests));
}
