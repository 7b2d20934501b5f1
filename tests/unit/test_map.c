/* test_map.c - the hash table against what its header promises, and against an array that is searched. */
#include "heap/base/map.h"
#include "tests/unit/unit.h"

struct world {
    struct mem mem;
    struct map *map;
};

static void world_init(struct world *w)
{
    mem_init(&w->mem, 0);
    w->map = map_create(&w->mem, 12345);
    ck_assert_ptr_nonnull(w->map);
}

static void world_fini(struct world *w)
{
    ck_assert_uint_eq(map_validate(w->map), 0);
    ck_assert_uint_eq(map_bytes(w->map), w->mem.used_bytes);
    map_destroy(&w->map);
    ck_assert_ptr_null(w->map);
    mem_fini(&w->mem);
}

/* Keys 0 .. n-1, each with itself times 3 as its value. */
static void world_fill(struct world *w, uint32_t n)
{
    for (uint32_t key = 0; key < n; key++)
        MUST(map_add(w->map, key, key * 3));
}

static void world_shrink_to(struct world *w, uint32_t n)
{
    while (map_count(w->map) > n)
        map_remove(w->map, map_count(w->map) - 1);
}

/* Refuse all memory from the nth request on, counted from now. */
static void world_starve(struct world *w, uint64_t n)
{
    w->mem.fail_at = w->mem.request_count + n;
    w->mem.fail_on = true;
}

static void world_feed(struct world *w)
{
    w->mem.fail_at = 0;
}

static uint32_t count_of_key(const struct map *m, uint32_t key)
{
    uint32_t n = 0;

    for (uint32_t e = map_find(m, key); e != MAP_NONE; e = map_next(m, e)) {
        MUST(map_key(m, e) == key);
        n++;
    }
    return n;
}

START_TEST(a_key_that_was_added_is_found_with_its_value)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 10000);
    for (uint32_t key = 0; key < 10000; key++) {
        uint32_t e = map_find(w.map, key);

        MUST(e != MAP_NONE);
        MUST(map_key(w.map, e) == key);
        MUST(map_value(w.map, e) == key * 3);
        MUST(map_next(w.map, e) == MAP_NONE);
    }
    world_fini(&w);
}
END_TEST

START_TEST(a_key_that_was_not_added_is_not_found)
{
    struct world w;

    world_init(&w);
    ck_assert_uint_eq(map_find(w.map, 0), MAP_NONE);
    ck_assert_uint_eq(map_find(w.map, UINT32_MAX), MAP_NONE);
    world_fill(&w, 1000);
    for (uint32_t key = 1000; key < 10000; key++)
        MUST(map_find(w.map, key) == MAP_NONE);
    world_fini(&w);
}
END_TEST

START_TEST(entries_are_numbered_in_the_order_they_come)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 1000);
    for (uint32_t e = 0; e < 1000; e++)
        ck_assert_uint_eq(map_key(w.map, e), e);
    world_fini(&w);
}
END_TEST

START_TEST(every_entry_of_a_key_is_walked_once)
{
    struct world w;
    uint64_t seen = 0;

    world_init(&w);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert(map_add(w.map, 7, i));
        ck_assert(map_add(w.map, 1000 + i, 0));
    }
    for (uint32_t e = map_find(w.map, 7); e != MAP_NONE; e = map_next(w.map, e)) {
        ck_assert_uint_eq(seen >> map_value(w.map, e) & 1, 0);
        seen |= UINT64_C(1) << map_value(w.map, e);
    }
    ck_assert_uint_eq(seen, UINT64_MAX);
    world_fini(&w);
}
END_TEST

START_TEST(a_value_may_be_set)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 100);
    map_set_value(w.map, map_find(w.map, 50), 1);
    ck_assert_uint_eq(map_value(w.map, map_find(w.map, 50)), 1);
    ck_assert_uint_eq(map_value(w.map, map_find(w.map, 51)), 153);
    world_fini(&w);
}
END_TEST

START_TEST(the_last_entry_takes_the_number_of_the_removed_one)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 100);
    map_remove(w.map, 10);
    ck_assert_uint_eq(map_count(w.map), 99);
    ck_assert_uint_eq(map_find(w.map, 10), MAP_NONE);
    ck_assert_uint_eq(map_find(w.map, 99), 10);
    for (uint32_t e = 0; e < 99; e++)
        ck_assert_uint_eq(map_key(w.map, e), e == 10 ? 99 : e);
    world_fini(&w);
}
END_TEST

START_TEST(walking_down_while_removing_misses_nothing)
{
    struct world w;
    uint32_t walked = 0;

    world_init(&w);
    world_fill(&w, 1000);
    for (uint32_t e = map_count(w.map); e-- > 0; walked++) {
        if (map_key(w.map, e) % 3 == 0)
            map_remove(w.map, e);
    }
    ck_assert_uint_eq(walked, 1000);
    for (uint32_t key = 0; key < 1000; key++)
        ck_assert_uint_eq(count_of_key(w.map, key), key % 3 == 0 ? 0 : 1);
    world_fini(&w);
}
END_TEST

START_TEST(one_of_many_entries_of_a_key_is_removed_alone)
{
    struct world w;

    world_init(&w);
    for (uint32_t i = 0; i < 50; i++)
        ck_assert(map_add(w.map, 7, i));
    for (uint32_t left = 50; left > 0; left--) {
        ck_assert_uint_eq(count_of_key(w.map, 7), left);
        map_remove(w.map, left / 2);
        ck_assert_uint_eq(map_validate(w.map), 0);
    }
    ck_assert_uint_eq(map_find(w.map, 7), MAP_NONE);
    world_fini(&w);
}
END_TEST

/* What it costs. */

START_TEST(a_map_of_eight_is_one_block_of_less_than_200_bytes)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 8);
    ck_assert_uint_eq(w.mem.request_count, 1);
    ck_assert_uint_lt(map_bytes(w.map), 200);
    world_fini(&w);
}
END_TEST

START_TEST(an_entry_costs_16_bytes_in_a_full_map)
{
    struct world w;
    uint32_t n = 1u << 20;

    world_init(&w);
    world_fill(&w, n);
    ck_assert_uint_lt(map_bytes(w.map), 16 * (size_t)n + 512);
    world_fini(&w);
}
END_TEST

/* A segment, and once in a map's life the directory of segments. */
START_TEST(an_addition_asks_for_memory_twice_at_most_and_hardly_ever)
{
    struct world w;

    world_init(&w);
    for (uint32_t key = 0; key < 1u << 16; key++) {
        uint64_t before = w.mem.request_count;

        MUST(map_add(w.map, key, 0));
        MUST(w.mem.request_count - before <= (key == 8 ? 2 : 1));
    }
    ck_assert_uint_le(w.mem.request_count, 16);
    world_fini(&w);
}
END_TEST

START_TEST(an_emptied_map_is_as_small_as_a_new_one)
{
    struct world w;

    world_init(&w);

    size_t new_bytes = map_bytes(w.map);

    world_fill(&w, 100000);
    world_shrink_to(&w, 0);
    ck_assert_uint_eq(map_bytes(w.map), new_bytes);
    world_fini(&w);
}
END_TEST

START_TEST(a_shrinking_map_keeps_at_most_four_times_what_it_needs)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 100000);
    for (uint32_t n = 100000; n > 100; n = n * 9 / 10) {
        world_shrink_to(&w, n);
        ck_assert_uint_le(map_bytes(w.map), 4 * 16 * (size_t)n + 512);
    }
    world_fini(&w);
}
END_TEST

/* At every size near a power of two, where a segment begins: go up and down across it. */
START_TEST(going_up_and_down_around_a_size_asks_for_no_memory)
{
    for (uint32_t n = 8; n <= 1u << 14; n *= 2) {
        struct world w;

        world_init(&w);
        world_fill(&w, n + 1);

        uint64_t before = w.mem.request_count;
        size_t bytes = map_bytes(w.map);

        for (int i = 0; i < 10; i++) {
            world_shrink_to(&w, n - 2);
            ck_assert_uint_eq(map_bytes(w.map), bytes);
            for (uint32_t key = 0; key < 3; key++)
                ck_assert(map_add(w.map, key, key));
        }
        ck_assert_uint_eq(w.mem.request_count, before);
        world_fini(&w);
    }
}
END_TEST

/* Large enough that pages are given back while it shrinks: none of them may have been in use. */
START_TEST(what_stays_in_a_large_shrinking_map_stays_whole)
{
    struct world w;
    uint32_t n = 100000;

    world_init(&w);
    world_fill(&w, n);
    for (uint32_t key = 0; key < n; key += 2) {
        map_remove(w.map, map_find(w.map, key));
        if (key % 9973 == 0)
            ck_assert_uint_eq(map_validate(w.map), 0);
    }
    for (uint32_t key = 0; key < n; key++)
        MUST(count_of_key(w.map, key) == key % 2);
    world_fill(&w, n);
    for (uint32_t key = 0; key < n; key++)
        MUST(count_of_key(w.map, key) == 1 + key % 2);
    world_fini(&w);
}
END_TEST

static size_t resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    size_t pages;

    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%*u %zu", &pages), 1);
    fclose(statm);
    return pages * MEM_PAGE_BYTES;
}

/* Not all at once when a segment is freed: just above a quarter, none has been yet. */
START_TEST(pages_go_back_to_the_system_while_a_map_shrinks)
{
    struct world w;
    uint32_t n = 1u << 20;

    world_init(&w);
    world_fill(&w, n);

    size_t full_bytes = map_bytes(w.map);
    size_t full_resident = resident_bytes();

    world_shrink_to(&w, n / 4 + 1);
    ck_assert_uint_eq(map_bytes(w.map), full_bytes);
    ck_assert_uint_lt(resident_bytes(), full_resident - full_bytes / 2);
    world_fini(&w);
}
END_TEST

/* When memory is refused. */

START_TEST(no_map_is_made_without_memory)
{
    struct mem mem;

    mem_init(&mem, 0);
    mem.fail_at = 1;
    ck_assert_ptr_null(map_create(&mem, 1));
    mem_fini(&mem);
}
END_TEST

START_TEST(a_refused_addition_changes_nothing)
{
    for (uint32_t n = 8; n <= 1u << 13; n *= 2) {
        for (uint64_t nth = 1; nth <= 2; nth++) {
            struct world w;

            world_init(&w);
            world_fill(&w, n);

            size_t bytes = map_bytes(w.map);

            world_starve(&w, nth);
            if (!map_add(w.map, n, n)) {
                ck_assert_uint_eq(map_count(w.map), n);
                ck_assert_uint_eq(map_bytes(w.map), bytes);
                ck_assert_uint_eq(w.mem.used_bytes, bytes);
                ck_assert_uint_eq(map_find(w.map, n), MAP_NONE);
                ck_assert_uint_eq(map_validate(w.map), 0);
            } else {
                ck_assert(nth == 2 && n > 8); /* the directory of segments was there */
            }
            world_feed(&w);
            ck_assert(map_add(w.map, n, n));
            world_fini(&w);
        }
    }
}
END_TEST

START_TEST(a_refused_reserve_changes_nothing)
{
    uint64_t nth = 1;
    bool reserved = false;

    for (; !reserved; nth++) {
        struct world w;

        world_init(&w);
        world_fill(&w, 5);

        size_t bytes = map_bytes(w.map);

        world_starve(&w, nth);
        reserved = map_reserve(w.map, 100000);
        if (!reserved)
            ck_assert_uint_eq(map_bytes(w.map), bytes);
        ck_assert_uint_eq(map_count(w.map), 5);
        world_fini(&w);
    }
    ck_assert_uint_gt(nth, 10); /* it did fail in many places */
}
END_TEST

START_TEST(as_many_additions_as_were_reserved_cannot_fail)
{
    static const uint32_t sizes[] = {0, 1, 3, 8, 9, 100, 5000, 70000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (uint32_t already = 0; already < 20; already += 4) {
            struct world w;

            world_init(&w);
            world_fill(&w, already);
            ck_assert(map_reserve(w.map, sizes[i]));
            world_starve(&w, 1);
            world_fill(&w, sizes[i]);
            ck_assert_uint_eq(map_count(w.map), already + sizes[i]);
            world_fini(&w);
        }
    }
}
END_TEST

START_TEST(more_than_there_are_numbers_cannot_be_reserved)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 1);
    ck_assert(!map_reserve(w.map, UINT32_MAX));
    ck_assert_uint_eq(w.mem.request_count, 1);
    world_fini(&w);
}
END_TEST

START_TEST(reserved_additions_cannot_fail_whatever_is_removed_meanwhile)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 5000);
    ck_assert(map_reserve(w.map, 70000));
    world_starve(&w, 1);
    world_shrink_to(&w, 3);
    world_fill(&w, 70000);
    world_feed(&w);
    ck_assert_uint_eq(map_count(w.map), 70003);
    world_shrink_to(&w, 3);
    ck_assert_uint_lt(map_bytes(w.map), 1000); /* the promise is kept: it shrinks again */
    world_fini(&w);
}
END_TEST

START_TEST(removing_gives_back_what_was_reserved_and_is_not_wanted)
{
    struct world w;

    world_init(&w);

    size_t new_bytes = map_bytes(w.map);

    ck_assert(map_reserve(w.map, 100000));
    ck_assert(map_reserve(w.map, 0));
    for (int i = 0; i < 100; i++) {
        ck_assert(map_add(w.map, 1, 1));
        map_remove(w.map, 0);
    }
    ck_assert_uint_eq(map_bytes(w.map), new_bytes);
    world_fini(&w);
}
END_TEST

START_TEST(removing_needs_no_memory)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 10000);
    world_starve(&w, 1);
    while (map_count(w.map) > 0)
        map_remove(w.map, 0);
    world_fini(&w);
}
END_TEST

/* Down to nothing, and back in the opposite order, without a byte. */
START_TEST(what_was_removed_is_put_back_under_its_number_without_memory)
{
    enum { ENTRIES = 5000 };
    struct world w;
    uint32_t removed[ENTRIES][2];
    uint64_t seed = unit_seed(_i);
    size_t full;

    world_init(&w);
    world_fill(&w, ENTRIES);
    full = map_bytes(w.map);
    for (uint32_t n = 0; n < ENTRIES; n++) {
        removed[n][0] = unit_rand_below(&seed, map_count(w.map));
        removed[n][1] = map_key(w.map, removed[n][0]);
        map_keep_rows(w.map);
        map_remove(w.map, removed[n][0]);
    }
    ck_assert_uint_eq(map_bytes(w.map), full);
    world_starve(&w, 1);
    for (uint32_t n = ENTRIES; n-- > 0;) {
        map_put_back(w.map, removed[n][0], removed[n][1], removed[n][1] * 3);
        MUST(n % 500 != 0 || map_validate(w.map) == 0);
    }
    world_feed(&w);
    for (uint32_t e = 0; e < ENTRIES; e++)
        MUST(map_key(w.map, e) == e && map_value(w.map, e) == 3 * e && map_find(w.map, e) == e);
    for (uint32_t n = 0; n < ENTRIES; n++)
        map_let_rows_go(w.map);
    world_fini(&w);
}
END_TEST

START_TEST(rows_that_were_kept_go_when_nobody_wants_them_any_more)
{
    struct world w;
    size_t empty;

    world_init(&w);
    empty = map_bytes(w.map);
    world_fill(&w, 10000);
    map_keep_rows(w.map);
    map_keep_rows(w.map);
    world_shrink_to(&w, 0);
    map_let_rows_go(w.map);
    ck_assert_uint_gt(map_bytes(w.map), empty);
    map_let_rows_go(w.map);
    ck_assert_uint_eq(map_bytes(w.map), empty);
    world_fini(&w);
}
END_TEST

START_TEST(destroying_nothing_is_fine)
{
    struct map *none = NULL;

    map_destroy(&none);
}
END_TEST

/* What must stop. */

START_TEST(removing_an_entry_that_is_not_there_stops_the_process)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 3);
    map_remove(w.map, 3);
}
END_TEST

START_TEST(reading_an_entry_that_is_not_there_stops_the_process)
{
    struct world w;

    world_init(&w);
    map_value(w.map, MAP_NONE);
}
END_TEST

/* A random life, and the same life in an array. The array is not only a set of pairs: it knows the number of
 * every entry, because appending and moving the last into the hole is all that ever happens to numbers. */

#define LIFE_STEPS 100000

struct pair {
    uint32_t key;
    uint32_t value;
};

struct life {
    struct world real;
    struct pair *naive;
    uint32_t count;
    uint32_t size; /* the life goes up to about this many entries, down to none, and up again */
    bool growing;
    uint64_t seed;
    uint64_t random;
};

#define LIFE_MUST(life, claim)                                                                               \
    do {                                                                                                     \
        if (!(claim))                                                                                        \
            ck_abort_msg("%s; replay with --seed %" PRIu64, #claim, (life)->seed);                           \
    } while (0)

static void life_begin(struct life *l, uint64_t seed, uint32_t size)
{
    *l = (struct life){.size = size, .growing = true, .seed = seed, .random = seed};
    l->naive = calloc(size, sizeof *l->naive);
    ck_assert_ptr_nonnull(l->naive);
    mem_init(&l->real.mem, 0);
    l->real.map = map_create(&l->real.mem, unit_rand(&l->random));
}

static void life_end(struct life *l)
{
    free(l->naive);
    world_fini(&l->real);
}

/* Half as many keys as entries, so that most are shared. */
static uint32_t life_random_key(struct life *l)
{
    return unit_rand_below(&l->random, l->size / 2);
}

/* Now and then the next request for memory is refused; the second try is not. */
static void life_add(struct life *l)
{
    struct pair p = {life_random_key(l), (uint32_t)unit_rand(&l->random)};

    if (unit_rand_below(&l->random, 4) == 0)
        l->real.mem.fail_at = l->real.mem.request_count + 1 + unit_rand_below(&l->random, 2);
    if (!map_add(l->real.map, p.key, p.value)) {
        LIFE_MUST(l, map_count(l->real.map) == l->count);
        LIFE_MUST(l, map_add(l->real.map, p.key, p.value));
    }
    l->real.mem.fail_at = 0;
    l->naive[l->count++] = p;
}

static void life_remove(struct life *l)
{
    uint32_t e = unit_rand_below(&l->random, l->count);

    map_remove(l->real.map, e);
    l->naive[e] = l->naive[--l->count];
    if (e < l->count)
        LIFE_MUST(l, map_value(l->real.map, e) == l->naive[e].value);
}

static void life_set_value(struct life *l)
{
    uint32_t e = unit_rand_below(&l->random, l->count);

    l->naive[e].value = (uint32_t)unit_rand(&l->random);
    map_set_value(l->real.map, e, l->naive[e].value);
}

static void life_reserve(struct life *l)
{
    LIFE_MUST(l, map_reserve(l->real.map, unit_rand_below(&l->random, l->size)));
}

/* The real map walks exactly the entries of a key that searching the array finds. */
static void life_look_up(struct life *l)
{
    uint32_t key = life_random_key(l);
    uint32_t naive_count = 0;

    for (uint32_t e = 0; e < l->count; e++)
        naive_count += l->naive[e].key == key;
    LIFE_MUST(l, count_of_key(l->real.map, key) == naive_count);
}

static void life_compare_all(struct life *l)
{
    LIFE_MUST(l, map_validate(l->real.map) == 0);
    LIFE_MUST(l, map_count(l->real.map) == l->count);
    LIFE_MUST(l, map_bytes(l->real.map) == l->real.mem.used_bytes);
    for (uint32_t e = 0; e < l->count; e++) {
        LIFE_MUST(l, map_key(l->real.map, e) == l->naive[e].key);
        LIFE_MUST(l, map_value(l->real.map, e) == l->naive[e].value);
    }
}

static void life_random_step(struct life *l)
{
    uint32_t dice = unit_rand_below(&l->random, 100);

    if (l->count == l->size)
        l->growing = false;
    if (l->count == 0)
        l->growing = true;
    if (l->count == 0 || (l->count < l->size && dice < (l->growing ? 70 : 10)))
        life_add(l);
    else if (dice < 80)
        life_remove(l);
    else if (dice < 98)
        life_set_value(l);
    else if (dice < 99)
        life_look_up(l);
    else if (unit_rand_below(&l->random, 16) == 0)
        life_reserve(l);
}

START_TEST(the_map_agrees_with_a_naive_array)
{
    static const uint32_t sizes[] = {6, 40, 700, 9000, 30000};
    struct life life;

    life_begin(&life, unit_seed(_i), sizes[_i]);
    for (uint32_t n = 0; n < LIFE_STEPS; n++) {
        life_random_step(&life);
        if (n % 1009 == 0 || life.count < 20)
            life_compare_all(&life);
    }
    life_compare_all(&life);
    life_end(&life);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_key_that_was_added_is_found_with_its_value),
        TEST(a_key_that_was_not_added_is_not_found),
        TEST(entries_are_numbered_in_the_order_they_come),
        TEST(every_entry_of_a_key_is_walked_once),
        TEST(a_value_may_be_set),
        TEST(the_last_entry_takes_the_number_of_the_removed_one),
        TEST(walking_down_while_removing_misses_nothing),
        TEST(one_of_many_entries_of_a_key_is_removed_alone),
        TEST(a_map_of_eight_is_one_block_of_less_than_200_bytes),
        TEST(an_entry_costs_16_bytes_in_a_full_map),
        TEST(an_addition_asks_for_memory_twice_at_most_and_hardly_ever),
        TEST(an_emptied_map_is_as_small_as_a_new_one),
        TEST(a_shrinking_map_keeps_at_most_four_times_what_it_needs),
        TEST(going_up_and_down_around_a_size_asks_for_no_memory),
        TEST(what_stays_in_a_large_shrinking_map_stays_whole),
        TEST(pages_go_back_to_the_system_while_a_map_shrinks),
        TEST(no_map_is_made_without_memory),
        TEST(a_refused_addition_changes_nothing),
        TEST(a_refused_reserve_changes_nothing),
        TEST(as_many_additions_as_were_reserved_cannot_fail),
        TEST(more_than_there_are_numbers_cannot_be_reserved),
        TEST(reserved_additions_cannot_fail_whatever_is_removed_meanwhile),
        TEST(removing_gives_back_what_was_reserved_and_is_not_wanted),
        TEST(removing_needs_no_memory),
        TEST(what_was_removed_is_put_back_under_its_number_without_memory, .rounds = 3),
        TEST(rows_that_were_kept_go_when_nobody_wants_them_any_more),
        TEST(destroying_nothing_is_fine),
        TEST(removing_an_entry_that_is_not_there_stops_the_process, .aborts = true),
        TEST(reading_an_entry_that_is_not_there_stops_the_process, .aborts = true),
        TEST(the_map_agrees_with_a_naive_array, .rounds = 5),
    };
    return unit_main(argc, argv, "map", tests, ARRAY_LEN(tests));
}
