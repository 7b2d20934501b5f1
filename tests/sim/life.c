/* life.c - see world.h: what happens next. */
#include "heap/base/check.h"
#include "heap/heap_gc.h"
#include "tests/fault/vfs_shim.h"
#include "tests/sim/world.h"
#include <stdarg.h>
#include <stdlib.h>

/* About how many turns there are between two of a kind. */
#define TURNS_A_COMPARISON 4000u
#define TURNS_A_REST 9000u
#define TURNS_A_FAULT 1200u

/* ---- last words, and the trace ---- */

void sim_tell(struct sim *s, char who, struct slice what)
{
    char *word = s->last[s->last_count++ % LAST_WORDS];
    size_t len = what.len < LAST_WORD_BYTES - 3 ? what.len : LAST_WORD_BYTES - 3;

    word[0] = who;
    word[1] = ' ';
    memcpy(word + 2, what.data, len);
    while (len > 0 && word[len + 1] == '\n')
        len--;
    word[len + 2] = '\0';
    if (s->tells)
        printf("%" PRIu64 " %s\n", s->op, word);
}

void sim_note(struct sim *s, char who, struct slice what)
{
    uint64_t h = s->trace ^ (unsigned char)who, piece = 0;

    for (size_t i = 0; i + 8 <= what.len; i += 8) {
        memcpy(&piece, what.data + i, 8);
        h = (h ^ piece) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 29;
    }
    piece = what.len;
    memcpy(&piece, what.data + what.len - what.len % 8, what.len % 8);
    h = (h ^ piece) * UINT64_C(0x94d049bb133111eb);
    s->trace = h ^ h >> 32;
    sim_tell(s, who, what);
}

void sim_fail(struct sim *s, const char *format, ...)
{
    va_list args;

    for (uint64_t i = s->last_count > LAST_WORDS ? s->last_count - LAST_WORDS : 0; i < s->last_count; i++)
        fprintf(stderr, "    %s\n", s->last[i % LAST_WORDS]);
    fprintf(stderr, "seed %" PRIu64 ", op %" PRIu64 ": ", s->seed, s->op);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    abort();
}

static void note_number(struct sim *s, char who, const char *what, uint64_t n)
{
    char text[64];

    snprintf(text, sizeof text, "%s %" PRIu64, what, n);
    sim_note(s, who, slice_of(text));
}

/* ---- between requests ---- */

static void keep_house(struct sim *s)
{
    if (api_has_work(s->api))
        (void)api_step(s->api, 1 + roll(s, 100));
    compare_sessions(s);
}

static void tidy(struct sim *s)
{
    heap_tell_time(s->heap, loop_ms());
    if (heap_pack_at_ms(s->heap) == 0)
        (void)heap_pack(s->heap, 1 + roll(s, 200));
    else if (heap_purge_at_ms(s->heap) == 0)
        (void)heap_purge(s->heap, 1 + roll(s, 200));
}

static void pass_time(struct sim *s)
{
    static const uint32_t us[] = {10, 300, 2000, 2000, 2000, 20000, 100000, 600000};

    loop_pass(roll(s, us[roll(s, ARRAY_LEN(us))]));
    if (one_in(s, 300))
        loop_pass(roll(s, 30) * UINT64_C(1000000));
}

static void between(struct sim *s)
{
    if (gc_has_work(s->gc) && one_in(s, 2))
        (void)gc_step(s->gc, 1 + roll(s, 200));
    keep_house(s);
    if (one_in(s, 8))
        tidy(s);
    pass_time(s);
    if (one_in(s, 3))
        loop_turn();
    if (one_in(s, 3))
        store_turn(s->store);
}

/* ---- faults and ends ---- */

static void begin_again(struct sim *s)
{
    s->full = false;
    clients_forget(s);
    note_number(s, '*', "an end after commit", s->durable_number);
}

/* Something will go wrong with the disk soon. */
static void arm_fault(struct sim *s)
{
    static const uint32_t calls[] = {6, 40, 400};
    uint64_t nth = 1 + roll(s, calls[roll(s, ARRAY_LEN(calls))]), seed = s->dice.state;

    switch (roll(s, 6)) {
    case 0:
        shim_fail(nth, SHIM_EIO, false, seed);
        break;
    case 1:
        shim_fail(nth, SHIM_FULL, false, seed);
        break;
    case 2:
        shim_fail(nth, SHIM_NO_ROOM, true, seed);
        s->full = true;
        break;
    default:
        shim_fail(nth, SHIM_CUT, true, seed);
    }
    note_number(s, '*', "a fault in", nth);
}

/* The power goes, or the process is killed. */
static void crash(struct sim *s)
{
    bool keeps_all = one_in(s, 3) || !world_promises(s);

    begin_again(s);
    if (!shim_is_cut())
        shim_cut(s->dice.state);
    world_drop(s);
    if (keeps_all)
        shim_keep_all();
    else
        shim_restart();
    s->crashes++;
    s->cuts += !keeps_all;
    world_start(s);
    if (one_in(s, 4))
        arm_fault(s); /* the beginning is a moment of its own */
}

static void stop(struct sim *s)
{
    begin_again(s);
    world_stop(s);
    s->stops++;
    world_start(s);
    if (one_in(s, 4))
        arm_fault(s);
}

/* The store has failed: the process ends by itself. */
static void end_in_failure(struct sim *s)
{
    begin_again(s);
    world_drop(s);
    (void)shim_heal();
    s->failures++;
    world_start(s);
}

static void heal_some_day(struct sim *s)
{
    if (s->full && one_in(s, 100)) {
        (void)shim_heal();
        s->full = false;
    }
}

/* What has begun comes to its end: by turns, for one may wait for another. */
static bool some_go_on(struct sim *s)
{
    bool some = false;

    for (struct client *c = s->clients; c < s->clients + CLIENTS; c++)
        if (c->task != NULL) {
            client_turn(s, c);
            between(s);
            some = true;
        }
    return some;
}

static void rest(struct sim *s)
{
    while (some_go_on(s) && !s->failed)
        ;
    if (s->failed)
        return;
    compare_at_rest(s);
    compare_all(s);
}

static void something_rare(struct sim *s)
{
    if (one_in(s, TURNS_A_COMPARISON))
        compare_all(s);
    if (one_in(s, TURNS_A_REST))
        rest(s);
    heal_some_day(s);
    if (!s->full && one_in(s, TURNS_A_FAULT))
        arm_fault(s);
    if (one_in(s, 4 * TURNS_A_FAULT))
        crash(s);
    if (one_in(s, 6 * TURNS_A_FAULT))
        stop(s);
}

static void turn(struct sim *s)
{
    client_turn(s, &s->clients[roll(s, CLIENTS)]);
    between(s);
    if (shim_is_cut())
        crash(s);
    else if (s->failed)
        end_in_failure(s);
    else
        something_rare(s);
}

/* ---- all of it ---- */

static struct model *new_model(void)
{
    struct model *m = malloc(sizeof *m);

    CHECK(m != NULL);
    model_init(m);
    return m;
}

static void birth(struct sim *s)
{
    s->dice = dice_of_seed(s->seed);
    s->fake.random = s->seed;
    s->durability = s->seed % 4 != 3 ? DURABILITY_COMMIT : one_in(s, 3) ? DURABILITY_OFF : 1 + roll(s, 1000);
    s->now = new_model();
    s->durable = new_model();
    s->under_way = new_model();
    s->spare = new_model();
    clients_init(s);
    store_dir_make(s->dir);
    s->log_file = fopen("/dev/null", "w");
    CHECK(s->log_file != NULL);
    log_init(&s->log, s->log_file, LOG_ERROR);
    loop_begin(UINT64_C(1000000));
    shim_format(one_in(s, 2) ? 512 : 4096, one_in(s, 2));
}

static void death(struct sim *s)
{
    world_drop(s);
    clients_fini(s);
    store_dir_remove(s->dir);
    fclose(s->log_file);
    free(s->now);
    free(s->durable);
    free(s->under_way);
    free(s->spare);
    ids_fini(&s->ids);
}

void sim_live(struct sim *s)
{
    birth(s);
    world_start(s);
    while (s->op < s->ops_wanted)
        turn(s);
    (void)shim_heal();
    stop(s);
    rest(s);
    clients_forget(s);
    death(s);
}
