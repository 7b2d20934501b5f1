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
 * Always true, and checked by idem_validate():
 *   1. Every entry is found under its name.
 *   2. The line has all that are kept and nothing else, by age; with those that run they are all there are.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/mem.h"
#include "heap/base/slice.h"

#define IDEM_HASH_BYTES 32
#define IDEM_WHOLE      UINT64_MAX
#define IDEM_KEYS_MAX   1000000 /* that idem_limits.keys_max may say */

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

/* Put one back that became final age_ms ago, in another life of the table; the oldest first. ERR_NOMEM. */
enum err idem_restore(struct idempotency *t, const struct idem_hash *name, const struct idem_print *print,
                      const struct idem_answer *answer, uint64_t age_ms, uint64_t now_ms);

/* Drop at most `max` that are too old or too many; returns how many. Returning `max` means "call me again soon". */
size_t idem_expire(struct idempotency *t, uint64_t now_ms, size_t max);
/* There is one to drop now. O(1). */
bool idem_has_work(const struct idempotency *t, uint64_t now_ms);

void idem_stats(const struct idempotency *t, struct idem_stats *ret);
/* Number of broken rules; 0 is well. O(n). */
size_t idem_validate(const struct idempotency *t);
