/* test_map_life.c - the hash table against an array that is searched. */
#include "tests/unit/map_world.h"

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
        TEST(the_map_agrees_with_a_naive_array, .rounds = 5),
    };
    return unit_main(argc, argv, "map_life", tests, ARRAY_LEN(tests));
}
