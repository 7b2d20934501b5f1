/*
 * idempotency.h - what was answered under which Idempotency-Key, so that a retry gets the first answer.
 *
 * Owns:      the entries. One has a name (whose key, and which), a print of the request that came with it first, and
 *            what that was answered.
 * Knows not: HTTP, tasks, how names and prints are hashed (keyed.h), or what time it is; callers pass now_ms
 *            (monotonic).
 *
 *   idem_begin() --> RUNS --idem_finish()--> KEPT --for keep_ms, or until keys_max newer ones are--> gone
 *                     '--idem_forget(): nothing was done--> gone
 *
 * What runs is never dropped. What is kept stands in line, the oldest first, and leaves it at that end alone: dropping
 * one is O(1), and who must be dropped is known without looking for it.
 *
 * Whoever keeps entries elsewhere too, so that they outlive this table (keyed.h), tells each with the next number. Since
 * they leave in that order, one number says which are gone: all that were told up to it. One that runs may be told
 * several times, how far it has come: the last counts, and while it runs that is not gone.
 *
 * Always true, and checked by idem_validate():
 *   1. Every entry is found under its name.
 *   2. The line has all that are kept and nothing else, by age and by the numbers they were told with; with those that
 *      run they are all there are.
 *   3. Those that run and were told stand in a line of their own, by their numbers.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/mem.h"
#include "heap/base/slice.h"

#define IDEM_HASH_BYTES 32
#define IDEM_WHOLE      UINT64_MAX
#define IDEM_KEYS_MAX   1000000 /* that idem_limits.keys_max may say */
#define IDEM_NUMBER_MAX (UINT64_C(1) << 53) /* that comes back: new ones come behind it, and no life has so many */

struct idempotency;
struct idem_entry;

/* So strong that what has one hash is one thing. */
struct idem_hash {
    unsigned char bytes[IDEM_HASH_BYTES];
};

/* Which request it was. Of a stream that was cut off: of what had come by then. */
struct idem_print {
    struct idem_hash hash;
    uint64_t body_bytes; /* of the body are in it; IDEM_WHOLE: all */
};

struct idem_answer {
    int status;
    const char *content_type; /* static; NULL: no body */
    bool has_etag;
    uint64_t etag;
    bool lost; /* there was more of a body than is kept; it reads as empty */
    struct slice location, body;
};

/* What is told of an entry. */
struct idem_record {
    uint64_t number; /* from 1, each greater than those before */
    const struct idem_hash *name;
    const struct idem_print *print;
    const struct idem_answer *answer;
};

struct idem_limits {
    uint32_t keys_max; /* 1 .. IDEM_KEYS_MAX, of those that are kept */
    uint64_t keep_ms;
    size_t answer_bytes_max; /* of a body */
};

struct idem_stats {
    uint32_t kept, running;
    uint64_t evicted; /* for newer ones, before their time */
    size_t bytes, untouched_bytes; /* on the account; of them in pages never written */
};

/* `seed` is unguessable. NULL: memory is refused. */
struct idempotency *idem_create(struct mem *mem, uint64_t seed);
/* Nothing runs any more. Sets *t to NULL; a NULL *t is fine. */
void idem_destroy(struct idempotency **t);
/* What is beyond them goes in steps. Until then nothing is kept. */
void idem_set_limits(struct idempotency *t, struct idem_limits limits);
/* For what comes back. */
extern const struct idem_limits idem_no_limits;

/* NULL: no entry has this name. */
struct idem_entry *idem_find(const struct idempotency *t, const struct idem_hash *name);
bool idem_is_running(const struct idem_entry *e);
/* Of one that is kept; good until that is dropped. */
const struct idem_print *idem_print(const struct idem_entry *e);
const struct idem_answer *idem_answer(const struct idem_entry *e);

/* A request with a name that no entry has begins to run. NULL: memory is refused, and nothing has changed. O(1). */
struct idem_entry *idem_begin(struct idempotency *t, const struct idem_hash *name);
/* It was carried out, and this is its answer, from now on final: here, and nowhere else, an entry becomes what must not
 * be forgotten. Texts are copied, a body over answer_bytes_max is lost. Never fails: the account is charged and not
 * asked, and where the system has no memory the answer is lost. O(1), with at most one other entry dropped. */
void idem_finish(struct idempotency *t, struct idem_entry *e, const struct idem_print *print,
                 const struct idem_answer *answer, uint64_t now_ms);
/* It has done nothing after all: its name is free. Sets *e to NULL. */
void idem_forget(struct idempotency *t, struct idem_entry **e);

/* ---- what is told ---- */

/* The number with which it is told now. */
uint64_t idem_tell(struct idempotency *t, struct idem_entry *e);
/* How many numbers are gone and nobody has been told; 0: none. *ret_number: the last of those that are gone. O(1). */
uint64_t idem_untold(const struct idempotency *t, uint64_t *ret_number);
/* They are told. */
void idem_note_told(struct idempotency *t, uint64_t number);

/* Put one back that was told in another life of the table and is age_ms old, by the order of numbers; what has that name
 * already was told before, and goes. Nothing runs, and limits are lifted. None is younger than one before it: its age is
 * that of the younger. ERR_BAD_VALUE: the number is not the highest so far, or over
 * IDEM_NUMBER_MAX; ERR_NOMEM. */
enum err idem_restore(struct idempotency *t, const struct idem_record *r, uint64_t age_ms, uint64_t now_ms);
/* ... and what was told up to a number is gone. ERR_BAD_VALUE: there was no such number yet. O(those that go). */
enum err idem_restore_gone(struct idempotency *t, uint64_t number);

/* Drop at most `max` that are too old or too many; returns how many. Returning `max` means "call me again soon". */
size_t idem_expire(struct idempotency *t, uint64_t now_ms, size_t max);
/* There is one to drop now. O(1). */
bool idem_has_work(const struct idempotency *t, uint64_t now_ms);

void idem_stats(const struct idempotency *t, struct idem_stats *ret);
/* Number of broken rules; 0 is well. O(n). */
size_t idem_validate(const struct idempotency *t);
