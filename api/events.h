/*
 * events.h - what has happened of late: a ring of events, each written once for all who listen.
 *
 * Owns:      the text of the last events, their ids, and which of them may leave.
 * Knows not: sockets, clocks, who listens (listen.c), what becomes an event (news.h).
 *
 * Whoever has something to tell writes it into the ring:
 *
 *     struct out *o = events_begin(ev, EVENT_ALERT, unix_ms);   ... out_member_...(o) ...   events_end(ev, commit);
 *
 * An event is kept in the form of server-sent events, and its data is one line of JSON, so the form of NDJSON is a part of it:
 *
 *     id: 1795980589123457\nevent: gc\ndata: {"id":1795980589123457,"type":"gc",...}\n\n
 *                                            '---------------- a line ------------'
 *
 * Ids rise by one. They begin at what the caller says, the time of the start in microseconds, so that those of an earlier
 * life of the daemon are smaller (it would have had to make more than one a microsecond) and name no event of this one.
 *
 * What an event shows must be on disk before it leaves, as with any answer: each has the commit that it waits for, and
 * nothing behind it leaves earlier.
 *
 * Always true: the ring holds the events first..last, without a hole; all its memory is on the account; it holds no more than
 * its limits say, but always the last one if there was memory for it.
 */
#pragma once
#include "api/json_out.h"
#include "heap/base/err.h"
#include <stdbool.h>

struct events;

enum event_type { EVENT_GC, EVENT_DEATH, EVENT_LEASE, EVENT_CONFIG, EVENT_ALERT, EVENT_TYPES };
#define EVENT_ALL ((1u << EVENT_TYPES) - 1)

/* In the form of server-sent events, or of NDJSON. */
enum event_form { EVENT_SSE, EVENT_LINES };

#define EVENT_ID_MAX ((UINT64_C(1) << 53) - 1) /* exact in every JSON implementation, till the year 2255 */
#define EVENTS_MAX_DEFAULT 10000
#define EVENTS_BYTES_MAX_DEFAULT (4u << 20)
#define EVENTS_MEMORY_PART 64 /* of memory_bytes_max they have so little at most */

/* The first event will have the id `first`. NULL: memory is refused. */
struct events *events_create(struct mem *mem, uint64_t first);
void events_destroy(struct events **ev);
/* How many events are kept, and how many bytes of text; whichever is over first, the oldest go. */
void events_set_limits(struct events *ev, uint64_t count_max, uint64_t bytes_max);

/* Begin one; the object is open, with "id", "type" and "time". One at a time. */
struct out *events_begin(struct events *ev, enum event_type type, uint64_t unix_ms);
/* It is whole, and may leave when `commit` is on disk; 0: at once. False: there was no memory for it, so it is missing, and
 * with it those before it, so that whoever listens is told of a gap. */
bool events_end(struct events *ev, uint64_t commit);

/* The ids of the oldest that is kept and of the newest; newest + 1 and newest if none is. */
uint64_t events_oldest(const struct events *ev);
uint64_t events_newest(const struct events *ev);
/* The newest that may leave, once `is_kept` has been asked about the commits that they wait for. O(1) each event, once. */
uint64_t events_ready(struct events *ev, bool (*is_kept)(void *ctx, uint64_t commit), void *ctx);
/* How many bytes of text have come after event `after`. */
uint64_t events_bytes_after(const struct events *ev, uint64_t after);

/* What somebody listens to. */
struct event_cursor {
    uint64_t after;       /* has had this one, and all before it */
    uint32_t types;       /* a bit each */
    enum event_form form;
};

/* True if some of what comes next for it is not kept any more, or never was in this life. */
bool events_missed(const struct events *ev, const struct event_cursor *c);
/* True if there is nothing for it: it goes on behind what is of other types. O(1). */
bool events_pass_over(const struct events *ev, struct event_cursor *c);
/* Say so (with the number of all that are missing, of whatever type), and go on with the oldest that is kept.
 * False: it had no place among the events of this life, so that none of them need be missing. */
bool events_write_gap(const struct events *ev, struct event_cursor *c, struct buf *to);
/* Add what comes next, up to event `until`, no more than about `bytes_max` of it. Returns how many events that were. */
size_t events_write(const struct events *ev, struct event_cursor *c, uint64_t until, size_t bytes_max, struct buf *to);
/* Begin an answer: how soon to come again, and from where on. */
void events_write_greeting(const struct event_cursor *c, struct buf *to);
/* Something to say when there is nothing to say. */
void events_write_ping(const struct event_cursor *c, struct buf *to);

const char *event_type_name(enum event_type type);
/* "gc,death" as bits. ERR_BAD_VALUE names those there are. */
enum err event_types_read(struct slice list, uint32_t *ret, struct why *why);
/* An id that a client has kept; 0, which nobody ever had, for what is none. */
uint64_t event_id_read(struct slice text);

size_t events_memory(const struct events *ev);

struct events_stats {
    uint64_t written[EVENT_TYPES]; /* ever */
    uint64_t lost;                 /* of these, for want of memory */
    uint64_t kept, kept_bytes;     /* now, of text */
};
void events_stats(const struct events *ev, struct events_stats *ret);
