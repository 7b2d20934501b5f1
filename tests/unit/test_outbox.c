/* test_outbox.c - what goes in comes out, in order, once, and every byte of memory comes back. */
#include "daemon/outbox.h"
#include "tests/unit/unit.h"

#define MODEL_MAX (4u << 20)

struct world {
    struct mem mem;
    struct outbox_pool pool;
    struct outbox out;
};

static void world_init(struct world *w)
{
    mem_init(&w->mem, 0);
    outbox_pool_init(&w->pool, &w->mem);
    outbox_init(&w->out, &w->pool);
}

static void world_fini(struct world *w)
{
    outbox_fini(&w->out);
    outbox_pool_fini(&w->pool);
    mem_fini(&w->mem);
}

/* What is to be sent, put together again. */
static size_t all_of(const struct outbox *o, char *text)
{
    static struct iovec iov[4096];
    size_t bytes, len = 0, n = outbox_gather(o, iov, ARRAY_LEN(iov), SIZE_MAX, &bytes);

    for (size_t i = 0; i < n; i++) {
        memcpy(text + len, iov[i].iov_base, iov[i].iov_len);
        len += iov[i].iov_len;
    }
    ck_assert_uint_eq(len, bytes);
    return len;
}

static void holds(const struct outbox *o, const char *expected)
{
    char text[65536];
    size_t len = all_of(o, text);

    ck_assert(slice_eq((struct slice){text, len}, slice_of(expected)));
}

START_TEST(text_is_sent_in_order_and_the_rest_stays)
{
    struct world w;

    world_init(&w);
    outbox_add(&w.out, SLICE("hello "));
    memcpy(outbox_room(&w.out, 100), "world", 5);
    outbox_wrote(&w.out, 5);
    holds(&w.out, "hello world");
    outbox_sent(&w.out, 8);
    outbox_add(&w.out, SLICE("!"));
    holds(&w.out, "rld!");
    outbox_sent(&w.out, 4);
    ck_assert_ptr_null(w.out.first);
    ck_assert_uint_eq(w.out.bytes, 0);
    world_fini(&w);
}
END_TEST

START_TEST(an_answer_counts_until_its_last_byte_is_sent)
{
    struct world w;

    world_init(&w);
    outbox_end_answer(&w.out); /* nothing of it is left: it does not count */
    ck_assert_uint_eq(w.out.answers, 0);
    outbox_add(&w.out, SLICE("one"));
    outbox_end_answer(&w.out);
    outbox_add(&w.out, SLICE("two"));
    outbox_end_answer(&w.out);
    ck_assert_uint_eq(w.out.answers, 2);
    outbox_sent(&w.out, 5);
    ck_assert_uint_eq(w.out.answers, 2);
    outbox_sent(&w.out, 1);
    ck_assert_uint_eq(w.out.answers, 0);
    world_fini(&w);
}
END_TEST

START_TEST(a_large_buffer_is_taken_over_and_a_payload_is_lent)
{
    struct world w;
    struct buf b;
    struct payload *p;

    world_init(&w);
    buf_init(&b, &w.mem, SIZE_MAX);
    p = payload_create(&w.mem, 10000);
    memset(p->data, 'p', p->len);
    for (int i = 0; i < 3000; i++)
        MUST(buf_add_byte(&b, 'b'));

    const char *bytes = b.data;
    struct iovec iov[3];
    size_t sum;

    outbox_take(&w.out, &b);
    ck_assert_uint_eq(b.len, 0);
    outbox_lend(&w.out, p, 5000, 4000);
    payload_release(&p);
    ck_assert_uint_eq(outbox_gather(&w.out, iov, 3, SIZE_MAX, &sum), 2);
    ck_assert_ptr_eq(iov[0].iov_base, bytes);
    ck_assert_uint_eq(sum, 7000);
    ck_assert_uint_eq(outbox_gather(&w.out, iov, 3, 3500, &sum), 2);
    ck_assert_uint_eq(iov[1].iov_len, 500);
    ck_assert_uint_eq(outbox_gather(&w.out, iov, 1, SIZE_MAX, &sum), 1);
    buf_fini(&b);
    world_fini(&w);
}
END_TEST

START_TEST(a_payload_counts_once_no_object_has_it_shared_among_its_readers)
{
    struct world w;
    struct outbox other;
    struct payload *p;
    size_t own;

    world_init(&w);
    outbox_init(&other, &w.pool);
    p = payload_create(&w.mem, 100000);
    p->in_heap = true;
    outbox_lend(&w.out, p, 0, 3000);
    outbox_lend(&other, p, 50000, 3000);
    own = outbox_held(&w.out);
    ck_assert_uint_lt(own, OUTBOX_BLOCK_BYTES);
    p->in_heap = false;
    payload_release(&p);
    ck_assert_uint_eq(outbox_held(&w.out), own + 50000); /* all of it is kept for the 3000 */
    outbox_fini(&other);
    ck_assert_uint_eq(outbox_held(&w.out), own + 100000);
    outbox_sent(&w.out, 3000);
    ck_assert_uint_eq(outbox_held(&w.out), 0);
    world_fini(&w);
}
END_TEST

START_TEST(what_nobody_hears_is_thrown_away)
{
    struct world w;
    struct buf b;

    world_init(&w);
    buf_init(&b, &w.mem, SIZE_MAX);
    outbox_add(&w.out, SLICE("under way"));
    outbox_mute(&w.out, 9);
    outbox_add(&w.out, SLICE("later"));
    for (int i = 0; i < 3000; i++)
        MUST(buf_add_byte(&b, 'b'));
    outbox_take(&w.out, &b);
    outbox_end_answer(&w.out);
    ck_assert_ptr_null(outbox_room(&w.out, 1));
    holds(&w.out, "under way");
    ck_assert(!w.out.broken);
    buf_fini(&b);
    world_fini(&w);
}
END_TEST

START_TEST(what_nobody_will_hear_is_given_back_but_for_what_is_under_way)
{
    struct world w;
    struct buf b;

    world_init(&w);
    buf_init(&b, &w.mem, SIZE_MAX);
    for (int piece = 0; piece < 3; piece++) {
        for (int i = 0; i < 5000; i++)
            MUST(buf_add_byte(&b, (char)('a' + piece)));
        outbox_take(&w.out, &b);
        outbox_end_answer(&w.out);
    }
    outbox_sent(&w.out, 4999);
    outbox_mute(&w.out, 2); /* the last of the first, and one of the second */
    ck_assert_uint_eq(w.out.bytes, 5001);
    ck_assert_uint_eq(w.out.answers, 2);
    ck_assert_uint_lt(outbox_held(&w.out), 3 * 8192);
    outbox_mute(&w.out, 0);
    ck_assert_uint_eq(w.out.bytes + w.out.answers + outbox_held(&w.out), 0);
    buf_fini(&b);
    world_fini(&w);
}
END_TEST

START_TEST(room_that_a_body_has_not_used_goes_back)
{
    struct world w;
    struct buf b;

    world_init(&w);
    buf_init(&b, &w.mem, SIZE_MAX);
    MUST(buf_reserve(&b, 1 << 20));
    memset(b.data, 'x', 300000);
    b.len = 300000;
    outbox_take(&w.out, &b);
    ck_assert_uint_lt(outbox_held(&w.out), 301000);
    ck_assert_uint_lt(w.mem.used_bytes, 301000 + OUTBOX_BLOCK_BYTES);
    buf_fini(&b);
    world_fini(&w);
}
END_TEST

START_TEST(refused_memory_breaks_it_and_loses_nothing)
{
    struct world w;

    world_init(&w);
    w.mem.fail_at = 1;
    outbox_add(&w.out, SLICE("x"));
    ck_assert(w.out.broken);
    ck_assert_ptr_null(outbox_room(&w.out, 1));
    holds(&w.out, "");
    world_fini(&w);
}
END_TEST

/* One random thing is done to the outbox and to a plain array that says what it should hold. */
static void random_step(struct world *w, char *model, size_t *len, uint64_t *seed)
{
    size_t n = unit_rand_below(seed, unit_rand_below(seed, 4) == 0 ? 20000 : 200) + 1;
    char bytes[20001];
    struct buf b;

    memset(bytes, 'a' + (int)unit_rand_below(seed, 26), sizeof(bytes));
    switch (unit_rand_below(seed, 4)) {
    case 0:
        outbox_add(&w->out, (struct slice){bytes, n});
        break;
    case 1:
        buf_init(&b, &w->mem, SIZE_MAX);
        MUST(buf_add(&b, bytes, n));
        outbox_take(&w->out, &b);
        buf_fini(&b);
        break;
    default:
        n = *len == 0 ? 0 : unit_rand_below(seed, (uint32_t)*len + 1);
        outbox_sent(&w->out, n);
        memmove(model, model + n, *len - n);
        *len -= n;
        return;
    }
    memcpy(model + *len, bytes, n);
    *len += n;
    if (unit_rand_below(seed, 2) == 0)
        outbox_end_answer(&w->out);
}

START_TEST(it_agrees_with_a_plain_array)
{
    struct world w;
    uint64_t seed = unit_seed(_i);
    char *model = malloc(MODEL_MAX), *text = malloc(MODEL_MAX);
    size_t len = 0;

    world_init(&w);
    for (int i = 0; i < 2000; i++) {
        random_step(&w, model, &len, &seed);
        ck_assert_uint_eq(w.out.bytes, len);
        ck_assert_uint_eq(all_of(&w.out, text), len);
        ck_assert_msg(memcmp(text, model, len) == 0, "replay with --seed %" PRIu64, unit_seed(_i));
    }
    free(model);
    free(text);
    world_fini(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(text_is_sent_in_order_and_the_rest_stays),
        TEST(an_answer_counts_until_its_last_byte_is_sent),
        TEST(a_large_buffer_is_taken_over_and_a_payload_is_lent),
        TEST(a_payload_counts_once_no_object_has_it_shared_among_its_readers),
        TEST(what_nobody_hears_is_thrown_away),
        TEST(what_nobody_will_hear_is_given_back_but_for_what_is_under_way),
        TEST(room_that_a_body_has_not_used_goes_back),
        TEST(refused_memory_breaks_it_and_loses_nothing),
        TEST(it_agrees_with_a_plain_array, .rounds = 3),
    };

    return unit_main(argc, argv, "outbox", tests, ARRAY_LEN(tests));
}
