/*
 * news.h - what of all that happens is told to those who listen (events.h).
 *
 * Owns:      which facts become events, and what each event says.
 * Knows not: how an event is written, kept and sent.
 *
 *     gc       a collection starts, a collection stops: CPython's gc.callbacks, and what it cost
 *     death    an object with a weak name has died, and all that died with it reads dead already
 *     lease    a session is created, is over and still has what it held (`ended`, `expired`, `emptied`), has let go of it
 *     config   somebody has changed settings, frozen the heap, had memory given back
 *     alert    something has begun to look like a leak, or does so no more (alerts.h)
 *
 * heap/ and gc/ only keep facts. Those of the collector and of deaths are looked up between requests (news_step()), each once
 * and in their order; in between nobody could tell them apart.
 */
#pragma once
#include "api/events.h"
#include "heap/session.h"

struct api;

struct news {
    struct events *events;
    uint64_t gc_begun, gc_ended; /* collections that have been told of */
    size_t listeners;
    uint64_t sent, gaps;         /* events handed out, to each listener; gaps told */
    struct session_watch sessions;
};

enum err news_init(struct api *api);
void news_fini(struct api *api);

/* Tell of something now: write its members into the object that is open, and end it. What it shows has happened already.
 * False: there was no memory for it, and nobody will hear of it. */
struct out *news_begin(struct api *api, enum event_type type);
bool news_end(struct api *api);

/* The same, of a change that somebody (the label of a token, or empty) has made: "config", "gc", "freeze" ... */
struct out *news_begin_config(struct api *api, const char *what, struct slice by);

/* Before a weak name is used again: of the death of what it named, nobody would hear any more. */
void news_flush_name(struct api *api, struct slice name);

/* Tell what has happened since, at most `units` of it; returns the units left over, 0: there may be more. */
size_t news_step(struct api *api, size_t units);
/* There is something. O(1). */
bool news_waits(const struct api *api);
