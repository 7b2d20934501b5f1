/*
 * asker.h - a connection that asks heapd for one thing after the other and reads each answer to its end; and how long it waited.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct asker {
    int fd;
    uint64_t asked_ns; /* when the request was due; 0: none is under way */
    size_t got, room;
    char *answer;      /* with a zero behind it; until the next is asked */
};

/* Ends the process, with a sentence, if there is no connection. */
void asker_dial(struct asker *a, int port);
void asker_close(struct asker *a);
/* Send a whole request that was due at `due_ns`. */
void asker_ask(struct asker *a, const char *request, size_t bytes, uint64_t due_ns);
/* Read what has come; `waiting`: and until all of it has. True: the answer is whole. Ends the process if it is cut, or if the
 * status is not 2xx. */
bool asker_read(struct asker *a, bool waiting);
/* The body of a whole answer, chunks and all. */
const char *asker_body(const struct asker *a);

/* ---- how long answers took, since the last time that was told ---- */

struct waits {
    size_t count, room;
    uint32_t *us;
};

void waits_add(struct waits *w, uint64_t ns);
/* "p50":..,"p99":..,"p999":..,"max":.. in microseconds; and forget them. */
void waits_tell(struct waits *w);
