/*
 * life_answers.c - what retries are answered, in the life of a store (store_life.h): keys are finished, told of while they run,
 * and forgotten, each with a line in the commit of that time.
 *
 * Few names, so they come again, and few are kept, so the oldest always go. Whoever is found when it is all put back is whom
 * somebody was told of last, and one that was at work is as it was then.
 */
#include "heap/base/check.h"
#include "tests/fault/store_life.h"

#define NAMES 12
#define KEPT_MAX 5
#define UNIX_MS 1700000000000u

static struct idem_hash hash_of(unsigned n)
{
    struct idem_hash h = {{0}};

    h.bytes[0] = (unsigned char)(n + 1);
    h.bytes[IDEM_HASH_BYTES - 1] = 0xff;
    return h;
}

static struct idem_print print_of(unsigned n)
{
    return (struct idem_print){hash_of(n + 100), n % 3 == 0 ? n : IDEM_WHOLE};
}

/* One that nobody gave before. */
static struct idem_answer an_answer(struct life *life)
{
    static const char *const bodies[] = {"{\"id\":7}", "{\"text\":\"\\\\ \\\" \xe6\x97\xa5\"}\n", ""};
    struct idem_answer a = {.status = 200, .has_etag = true, .etag = ++life->last_etag, .content_type = "application/json"};

    a.body = slice_of(bodies[life->last_etag % 3]);
    a.lost = life->last_etag % 7 == 0;
    if (a.lost)
        a.body = SLICE("");
    if (life->last_etag % 2 == 0)
        a.location = SLICE("/v1/objects/7");
    return a;
}

static void tell(struct life *life, unsigned n, struct idem_entry *e, const struct idem_answer *a)
{
    struct idem_hash name = hash_of(n);
    struct idem_print print = print_of(n);

    redo_note_answer(&life->redo, &(struct idem_record){idem_tell(life->answers, e), &name, &print, a}, UNIX_MS);
}

static struct idem_entry *find(const struct life *life, unsigned n)
{
    struct idem_hash name = hash_of(n);

    return idem_find(life->answers, &name);
}

static void finish(struct life *life, unsigned n, struct idem_entry *e)
{
    struct idem_print print = print_of(n);
    struct idem_answer a = an_answer(life);

    idem_finish(life->answers, e, &print, &a, 0);
    tell(life, n, e, &a);
}

/* What runs is told again in every commit, how far it is. */
static void go_on_with(struct life *life, unsigned n, struct idem_entry *e, bool ends)
{
    if (ends) {
        life->at_work = LIFE_IDLE;
        finish(life, n, e);
        return;
    }
    life->at_work = n;
    life->told = an_answer(life);
    tell(life, n, e, &life->told);
}

void life_change_answers(struct life *life, uint32_t dice)
{
    unsigned n = dice % NAMES;
    struct idem_hash name = hash_of(n);
    uint64_t number;

    if (find(life, n) == NULL) {
        struct idem_entry *e = idem_begin(life->answers, &name);

        CHECK(e != NULL);
        if (life->at_work == LIFE_IDLE && dice / NAMES % 3 == 0)
            go_on_with(life, n, e, false);
        else
            finish(life, n, e);
    }
    if (life->at_work != LIFE_IDLE)
        go_on_with(life, life->at_work, find(life, life->at_work), dice / NAMES % 5 == 0);
    if (idem_untold(life->answers, &number) > 0) {
        CHECK(redo_note_answers_gone(&life->redo, number, NULL) == ERR_OK);
        idem_note_told(life->answers, number);
    }
}

static void describe(unsigned n, const struct idem_answer *a, FILE *out)
{
    fprintf(out, "answer %u %d %llu %d %.*s %zu %.*s\n", n, a->status, (unsigned long long)a->etag, a->lost, (int)a->location.len,
            a->location.data, a->body.len, a->body.len > 0 && a->body.data[a->body.len - 1] == '\n' ? (int)a->body.len - 1 : (int)a->body.len,
            a->body.data);
}

void life_describe_answers(const struct life *life, FILE *out)
{
    for (unsigned n = 0; n < NAMES; n++) {
        const struct idem_entry *e = find(life, n);

        if (e != NULL && !idem_is_running(e))
            CHECK(memcmp(idem_print(e)->hash.bytes, hash_of(n + 100).bytes, IDEM_HASH_BYTES) == 0 &&
                  idem_print(e)->body_bytes == print_of(n).body_bytes);
        if (e != NULL)
            describe(n, idem_is_running(e) ? &life->told : idem_answer(e), out);
    }
}

void life_begin_answers(struct life *life)
{
    life->answers = idem_create(&life->mem, life->seed);
    CHECK(life->answers != NULL);
    idem_set_limits(life->answers, idem_no_limits);
    life->at_work = LIFE_IDLE;
}

void life_limit_answers(struct life *life)
{
    CHECK(idem_validate(life->answers) == 0);
    idem_set_limits(life->answers, (struct idem_limits){KEPT_MAX, INT64_MAX, 100});
}

void life_end_answers(struct life *life)
{
    if (life->answers != NULL && life->at_work != LIFE_IDLE)
        idem_finish(life->answers, find(life, life->at_work), &(struct idem_print){.body_bytes = 0}, &life->told, 0);
    life->at_work = LIFE_IDLE;
    idem_destroy(&life->answers);
}
