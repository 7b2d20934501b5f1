/*
 * err.h - what the world can do to us: one list of errors, and the sentence that goes with one.
 *
 * The deepest layer that knows writes the sentence with why_set(); layers above pass it on. After an
 * error nothing has changed, unless the header of the function says what has. api/answer.c is the only
 * place that turns an error into a status and a problem document.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define ERR_LIST(X)                                                                                          \
    X(OK)                /* 0: no error */                                                                   \
    X(BAD_JSON)          /* not JSON, or JSON we refuse (duplicate keys, too deep, bad UTF-8) */             \
    X(BAD_REQUEST)       /* well-formed HTTP or JSON that is not a request of ours */                        \
    X(UNAUTHORIZED)      /* no token */                                                                      \
    X(FORBIDDEN)         /* token too weak, foreign Host or Origin */                                        \
    X(NO_OBJECT)         /* this id never was an object */                                                   \
    X(NO_NAME)           /* no such field, item, root, weak name, session, route */                          \
    X(METHOD)            /* the route exists, the method does not */                                         \
    X(NOT_ACCEPTABLE)                                                                                        \
    X(TIMEOUT)           /* the request did not arrive in time */                                            \
    X(NOT_HELD)          /* the session does not hold this object */                                         \
    X(SESSION_ENDED)                                                                                         \
    X(BUSY)                                                                                                  \
    X(NOT_KEPT)          /* done before, and what it was answered is lost */                                 \
    X(COLLECTED)         /* this id was an object once; it is dead */                                        \
    X(LENGTH_REQUIRED)                                                                                       \
    X(CHANGED)           /* If-Match, or `is` in a batch */                                                  \
    X(OTHER_INSTANCE)    /* If-Heapd-Instance */                                                             \
    X(TOO_LARGE)         /* body or line over its limit */                                                   \
    X(URI_TOO_LONG)                                                                                          \
    X(MEDIA_TYPE)                                                                                            \
    X(RANGE)             /* a Range that selects nothing */                                                  \
    X(EXPECTATION)                                                                                           \
    X(BAD_VALUE)         /* well-formed but meaningless */                                                   \
    X(DANGLING)          /* an unknown or dead id inside a value */                                          \
    X(WRONG_KIND)        /* fields of a list, items of a record */                                           \
    X(TOO_MANY)          /* too many requests, connections, sessions */                                      \
    X(HEADERS_TOO_LARGE)                                                                                     \
    X(NOT_IMPLEMENTED)                                                                                       \
    X(NOT_READY)         /* starting or draining */                                                          \
    X(VERSION)           /* HTTP version */                                                                  \
    X(NOMEM)             /* memory is refused: the account's limit, or the system's */                       \
    X(STORE)             /* what was to be durable may not be: a write failed, or what was kept has rotted */      \
    X(DISK_FULL)                                                                                             \
    X(LIMIT)             /* a named limit of the heap (see why.limit_name) */

enum err {
#define X(name) ERR_##name,
    ERR_LIST(X)
#undef X
    ERR_COUNT_
};

#define WHY_TEXT_MAX 240

/* Why an operation refused. Callers zero it (or why_init() it) once and hand it down; a NULL `struct why *` is fine. */
struct why {
    enum err err;
    const char *limit_name;  /* static string, or NULL: the limit that was hit, as /v1/config names it */
    uint64_t limit_value;
    char text[WHY_TEXT_MAX]; /* one sentence, UTF-8, NUL-terminated, cut at the end if too long */
};

/* No refusal yet. The same as zeroing it, without the text: a request hands down half a dozen. */
static inline void why_init(struct why *why)
{
    why->err = ERR_OK;
    why->limit_name = NULL;
    why->limit_value = 0;
    why->text[0] = '\0';
}

/* Set *why (if not NULL) and return `err`, so that a refusal is one line. The text is cut at a UTF-8
 * boundary, and bytes that are not UTF-8 are shown as '?'. */
enum err why_set(struct why *why, enum err err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same for a limit; `name` must be static. */
enum err why_limit(struct why *why, enum err err, const char *name, uint64_t value, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* "NO_OBJECT" for ERR_NO_OBJECT; for logs and tests. */
const char *err_name(enum err err);
