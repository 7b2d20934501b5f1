/*
 * idempotency.c - see idempotency.h.
 *
 * The map finds the number of an entry by the hash of its name, and the table the entry by its number. The table is
 * address space that is reserved once, so it grows without ever being copied; a number that is free says in it which is
 * free next. An entry is two blocks: itself, and, once it is kept, the texts of its answer.
 */
#include "api/idempotency.h"
#include "heap/base/check.h"
#include "heap/base/map.h"
#include "heap/base/num.h"

#define IDEM_MAGIC  0x1de30001u
#define NUMBERS_MAX (1u << 21) /* of entries that are kept or run; as many run as there are requests */
#define NO_NUMBER   UINT32_MAX

struct idem_entry {
    struct idem_hash name;
    uint32_t number;
    bool kept; /* else it runs, and what follows is empty */
    struct idem_print print;
    struct idem_answer answer; /* its location and body lie in `text` */
    char *text;
    uint64_t since_ms; /* it is kept; before the clock began: below 0, and wrapped */
    uint64_t told;     /* the number; 0: it was not */
    struct idem_entry *older, *newer; /* in the line where it stands */
};

/* By the order in which they came to it. */
struct line {
    struct idem_entry *oldest, *newest;
};

union number {
    struct idem_entry *entry;
    uint32_t next_free;
};

struct idempotency {
    uint32_t magic;
    struct mem *mem;
    uint64_t seed;
    struct idem_limits limits;
    struct map *by_name; /* hash of a name -> number */
    union number *table;
    uint32_t table_end; /* numbers below it have been used */
    uint32_t free;      /* one of them, or NO_NUMBER */
    uint32_t kept, running;
    struct line line;    /* of those that are kept */
    struct line in_work; /* ... and of those that run and were told */
    uint64_t last_told;  /* number */
    uint64_t gone_told;  /* so many of the first are gone, and it has been told */
    uint64_t evicted;
    size_t text_bytes; /* of all */
};

/* ---- life of the table ---- */

struct idempotency *idem_create(struct mem *mem, uint64_t seed)
{
    struct idempotency *t = mem_zalloc(mem, sizeof *t);

    if (t == NULL)
        return NULL;
    t->magic = IDEM_MAGIC;
    t->mem = mem;
    t->seed = seed;
    t->free = NO_NUMBER;
    t->by_name = map_create(mem, seed);
    t->table = mem_reserve(mem, NUMBERS_MAX * sizeof *t->table);
    if (t->by_name == NULL || t->table == NULL)
        idem_destroy(&t);
    return t;
}

static void drop_oldest(struct idempotency *t);

const struct idem_limits idem_no_limits = {.keys_max = IDEM_KEYS_MAX, .keep_ms = INT64_MAX, .answer_bytes_max = SIZE_MAX};

void idem_destroy(struct idempotency **at)
{
    struct idempotency *t = *at;

    *at = NULL;
    if (t == NULL)
        return;
    CHECK_IS(t, IDEM_MAGIC);
    CHECK(t->running == 0);
    while (t->line.oldest != NULL)
        drop_oldest(t);
    map_destroy(&t->by_name);
    if (t->table_end > 0)
        mem_uncharge(t->mem, t->table_end * sizeof *t->table);
    mem_unreserve(t->mem, t->table, NUMBERS_MAX * sizeof *t->table);
    t->magic = 0;
    mem_free(t->mem, t, sizeof *t);
}

void idem_set_limits(struct idempotency *t, struct idem_limits limits)
{
    CHECK_IS(t, IDEM_MAGIC);
    CHECK(limits.keys_max > 0 && limits.keys_max <= IDEM_KEYS_MAX);
    t->limits = limits;
}

/* ---- names and numbers ---- */

static uint32_t key_of(const struct idempotency *t, const struct idem_hash *name)
{
    return (uint32_t)hash_bytes(t->seed, name->bytes, sizeof name->bytes);
}

/* Its place in the map, or MAP_NONE. */
static uint32_t place_of(const struct idempotency *t, const struct idem_hash *name)
{
    uint32_t at = map_find(t->by_name, key_of(t, name));

    while (at != MAP_NONE) {
        const struct idem_entry *e = t->table[map_value(t->by_name, at)].entry;

        if (memcmp(e->name.bytes, name->bytes, sizeof name->bytes) == 0)
            break;
        at = map_next(t->by_name, at);
    }
    return at;
}

static bool take_number(struct idempotency *t, struct idem_entry *e)
{
    e->number = t->free;
    if (e->number != NO_NUMBER)
        t->free = t->table[e->number].next_free;
    else if (t->table_end < NUMBERS_MAX && mem_charge(t->mem, sizeof *t->table))
        e->number = t->table_end++;
    else
        return false;
    t->table[e->number].entry = e;
    return true;
}

static void return_number(struct idempotency *t, const struct idem_entry *e)
{
    CHECK(t->table[e->number].entry == e);
    t->table[e->number].next_free = t->free;
    t->free = e->number;
}

struct idem_entry *idem_find(const struct idempotency *t, const struct idem_hash *name)
{
    uint32_t at = place_of(t, name);

    CHECK_IS(t, IDEM_MAGIC);
    return at == MAP_NONE ? NULL : t->table[map_value(t->by_name, at)].entry;
}

bool idem_is_running(const struct idem_entry *e)
{
    return !e->kept;
}

const struct idem_print *idem_print(const struct idem_entry *e)
{
    CHECK(e->kept);
    return &e->print;
}

const struct idem_answer *idem_answer(const struct idem_entry *e)
{
    CHECK(e->kept);
    return &e->answer;
}

/* ---- lines ---- */

static void stand_in(struct line *l, struct idem_entry *e)
{
    e->older = l->newest;
    e->newer = NULL;
    *(l->newest != NULL ? &l->newest->newer : &l->oldest) = e;
    l->newest = e;
}

static void leave(struct line *l, struct idem_entry *e)
{
    *(e->older != NULL ? &e->older->newer : &l->oldest) = e->newer;
    *(e->newer != NULL ? &e->newer->older : &l->newest) = e->older;
}

/* ---- life of an entry ---- */

struct idem_entry *idem_begin(struct idempotency *t, const struct idem_hash *name)
{
    struct idem_entry *e = mem_zalloc(t->mem, sizeof *e);

    CHECK_IS(t, IDEM_MAGIC);
    CHECK(place_of(t, name) == MAP_NONE);
    if (e == NULL)
        return NULL;
    e->name = *name;
    if (take_number(t, e)) {
        if (map_add(t->by_name, key_of(t, name), e->number)) {
            t->running++;
            return e;
        }
        return_number(t, e);
    }
    mem_free(t->mem, e, sizeof *e);
    return NULL;
}

static size_t text_bytes(const struct idem_entry *e)
{
    return e->answer.location.len + e->answer.body.len;
}

/* It is in no line any more. */
static void remove_entry(struct idempotency *t, struct idem_entry *e)
{
    map_remove(t->by_name, place_of(t, &e->name));
    return_number(t, e);
    t->text_bytes -= text_bytes(e);
    mem_free(t->mem, e->text, text_bytes(e));
    mem_free(t->mem, e, sizeof *e);
}

void idem_forget(struct idempotency *t, struct idem_entry **at)
{
    struct idem_entry *e = *at;

    *at = NULL;
    CHECK(!e->kept && t->running > 0 && e->told == 0); /* what was told was done */
    t->running--;
    remove_entry(t, e);
}

static void drop(struct idempotency *t, struct idem_entry *e)
{
    CHECK(e->kept && t->kept > 0);
    leave(&t->line, e);
    t->kept--;
    remove_entry(t, e);
}

static void drop_oldest(struct idempotency *t)
{
    t->evicted += t->kept > t->limits.keys_max;
    drop(t, t->line.oldest);
}

static void lose(struct idem_answer *a)
{
    a->lost = true;
    a->body = SLICE("");
}

/* That it is done must be remembered however full the heap is, what it was answered if it can be. */
static void keep_texts(struct idempotency *t, struct idem_entry *e)
{
    struct idem_answer *a = &e->answer;

    if (a->body.len > t->limits.answer_bytes_max)
        lose(a);
    if (text_bytes(e) == 0)
        return;
    e->text = mem_realloc_spent(t->mem, NULL, 0, text_bytes(e));
    if (e->text == NULL) {
        a->location = SLICE("");
        lose(a);
        return;
    }
    (void)slice_copy(slice_copy(e->text, a->location), a->body);
    a->location.data = e->text;
    a->body.data = e->text + a->location.len;
    t->text_bytes += text_bytes(e);
}

void idem_finish(struct idempotency *t, struct idem_entry *e, const struct idem_print *print,
                 const struct idem_answer *answer, uint64_t now_ms)
{
    CHECK_IS(t, IDEM_MAGIC);
    CHECK(!e->kept && t->running > 0);
    e->print = *print;
    e->answer = *answer;
    keep_texts(t, e);
    e->since_ms = now_ms;
    e->kept = true;
    t->running--;
    t->kept++;
    if (e->told != 0)
        leave(&t->in_work, e);
    stand_in(&t->line, e);
    if (t->kept > t->limits.keys_max)
        drop_oldest(t);
}

/* ---- what is told ---- */

uint64_t idem_tell(struct idempotency *t, struct idem_entry *e)
{
    CHECK_IS(t, IDEM_MAGIC);
    CHECK(!e->kept || e == t->line.newest); /* else the line would not be by numbers */
    if (!e->kept && e->told != 0)
        leave(&t->in_work, e);
    if (!e->kept)
        stand_in(&t->in_work, e);
    return e->told = ++t->last_told;
}

/* The first that is not gone; none: one that will come. */
static uint64_t first_told(const struct idempotency *t)
{
    uint64_t first = t->last_told + 1;

    if (t->line.oldest != NULL && t->line.oldest->told < first)
        first = t->line.oldest->told;
    if (t->in_work.oldest != NULL && t->in_work.oldest->told < first)
        first = t->in_work.oldest->told;
    return first;
}

uint64_t idem_untold(const struct idempotency *t, uint64_t *ret_number)
{
    uint64_t first = first_told(t);

    *ret_number = first > 0 ? first - 1 : 0;
    return *ret_number > t->gone_told ? *ret_number - t->gone_told : 0;
}

void idem_note_told(struct idempotency *t, uint64_t number)
{
    CHECK(number >= t->gone_told && number <= t->last_told);
    t->gone_told = number;
}

/* ---- put back ---- */

enum err idem_restore(struct idempotency *t, const struct idem_record *r, uint64_t age_ms, uint64_t now_ms)
{
    struct idem_entry *e = idem_find(t, r->name);
    uint64_t since_ms = now_ms - age_ms;

    CHECK_IS(t, IDEM_MAGIC);
    CHECK(t->running == 0);
    if (r->number <= t->last_told || r->number > IDEM_NUMBER_MAX)
        return ERR_BAD_VALUE;
    if (e != NULL)
        drop(t, e);
    if ((e = idem_begin(t, r->name)) == NULL)
        return ERR_NOMEM;
    if (t->line.newest != NULL && (int64_t)(since_ms - t->line.newest->since_ms) < 0)
        since_ms = t->line.newest->since_ms;
    if (t->line.newest == NULL)
        t->gone_told = r->number - 1;
    t->last_told = r->number - 1;
    idem_finish(t, e, r->print, r->answer, since_ms);
    (void)idem_tell(t, e);
    return ERR_OK;
}

enum err idem_restore_gone(struct idempotency *t, uint64_t number)
{
    if (number > t->last_told)
        return ERR_BAD_VALUE;
    while (t->line.oldest != NULL && t->line.oldest->told <= number)
        drop(t, t->line.oldest);
    t->gone_told = number > t->gone_told ? number : t->gone_told;
    return ERR_OK;
}

/* ---- the end of the oldest ---- */

bool idem_has_work(const struct idempotency *t, uint64_t now_ms)
{
    return t->line.oldest != NULL &&
           (t->kept > t->limits.keys_max || now_ms - t->line.oldest->since_ms >= t->limits.keep_ms);
}

size_t idem_expire(struct idempotency *t, uint64_t now_ms, size_t max)
{
    size_t count = 0;

    CHECK_IS(t, IDEM_MAGIC);
    for (; count < max && idem_has_work(t, now_ms); count++)
        drop_oldest(t);
    return count;
}

/* ---- what there is ---- */

void idem_stats(const struct idempotency *t, struct idem_stats *ret)
{
    *ret = (struct idem_stats){.kept = t->kept, .running = t->running, .evicted = t->evicted};
    ret->bytes = sizeof *t + map_bytes(t->by_name) + t->table_end * sizeof *t->table + t->text_bytes +
                 ((size_t)t->kept + t->running) * sizeof(struct idem_entry);
    ret->untouched_bytes = map_untouched_bytes(t->by_name);
}

static bool is_in_order(const struct idempotency *t, const struct idem_entry *e)
{
    return e->told <= t->last_told && (e->told == 0 || e->newer == NULL || e->newer->told > e->told) &&
           (e->newer == NULL || e->newer->older == e);
}

size_t idem_validate(const struct idempotency *t)
{
    size_t bad = map_validate(t->by_name), bytes = 0;
    uint32_t kept = 0;

    for (const struct idem_entry *e = t->line.oldest; e != NULL; e = e->newer) {
        bad += !e->kept || idem_find(t, &e->name) != e;
        bad += e->newer == NULL ? e != t->line.newest : (int64_t)(e->newer->since_ms - e->since_ms) < 0;
        bad += !is_in_order(t, e);
        bytes += text_bytes(e);
        kept++;
    }
    for (const struct idem_entry *e = t->in_work.oldest; e != NULL; e = e->newer)
        bad += e->kept || e->told == 0 || idem_find(t, &e->name) != e || !is_in_order(t, e);
    bad += kept != t->kept || bytes != t->text_bytes;
    bad += map_count(t->by_name) != (uint64_t)t->kept + t->running;
    return bad;
}
