/*
 * outbox.h - what a connection has yet to send: bytes in order, copied, taken over or borrowed.
 *
 * Small text is copied into blocks that all connections share and give back, so that a connection with
 * nothing to say owns nothing. A large body is taken over with its memory; the bytes of a bytes object are
 * sent from where they are, under a reference of their own.
 *
 * A piece stays where it is until outbox_sent() passes it: a write may be under way in its first bytes while
 * text is added behind them.
 *
 * A memory refusal marks the outbox `broken`: the stream of answers has a hole, and the connection can only
 * be cut.
 */
#pragma once
#include "heap/base/buf.h"
#include "heap/heap.h"
#include <sys/uio.h>

#define OUTBOX_BLOCK_BYTES 4096u /* of memory for one block of text */
#define OUTBOX_COPY_MAX    2048u /* up to this, copying beats taking over */
#define OUTBOX_SPARE_MAX   64    /* blocks kept for the next that needs one */

struct piece;

/* The blocks that nobody uses now. */
struct outbox_pool {
    struct mem *mem;
    struct piece *spare;
    size_t spare_count;
};

struct outbox {
    struct outbox_pool *pool;
    struct piece *first, *last;
    size_t bytes;     /* not yet sent */
    size_t held;      /* of memory for them, without what is lent */
    uint32_t lent;    /* pieces that lie in payloads */
    uint32_t answers; /* whole ones among them */
    bool broken;
    bool muted; /* nobody listens: what is added is thrown away */
};

void outbox_pool_init(struct outbox_pool *p, struct mem *mem);
void outbox_pool_fini(struct outbox_pool *p); /* when all outboxes are finished */

void outbox_init(struct outbox *o, struct outbox_pool *pool);
void outbox_fini(struct outbox *o);

/* Room for n <= OUTBOX_COPY_MAX bytes in a row, and how many of them were written. NULL: broken or muted. */
char *outbox_room(struct outbox *o, size_t n);
void outbox_wrote(struct outbox *o, size_t n);

/* Copy. */
void outbox_add(struct outbox *o, struct slice bytes);
/* Take the bytes of *b over; it is empty afterwards and may be used again. */
void outbox_take(struct outbox *o, struct buf *b);
/* `len` bytes of a payload from `from` on; the caller keeps its reference. */
void outbox_lend(struct outbox *o, struct payload *p, size_t from, size_t len);

/* All that belongs to one answer has been added. */
void outbox_end_answer(struct outbox *o);

/* Throw away all but the first n bytes; what goes is of whole answers, or of one that will not end. */
void outbox_keep(struct outbox *o, size_t n);

/* Up to `max` stretches of what is to be sent first, together at most `bytes_max` and at least 1 byte if
 * there is any; *ret_bytes is their length. */
size_t outbox_gather(const struct outbox *o, struct iovec *iov, size_t max, size_t bytes_max,
                     size_t *ret_bytes);
/* The first n bytes have been sent. */
void outbox_sent(struct outbox *o, size_t n);
/* Memory that would not be there without it: a payload counts when no object has it any more, shared among those that
 * still send it. */
size_t outbox_held(const struct outbox *o);
/* Nobody listens any more: throw away what is added from now on, and what there is but for the first `keep` bytes, which a
 * write that is under way may still read. */
void outbox_mute(struct outbox *o, size_t keep);
