/*
 * answer.h - what went wrong, as the client reads it: the only table from an error to a status, a problem
 * type (RFC 9457), a title and a hint.
 *
 * Owns:      statuses, the names under /problems/, the words on their pages.
 * Knows not: tasks, routes, or who found the error. The sentence that says what happened came up with it in
 *            struct why, and is passed on unchanged as `detail`.
 *
 * `name` is for programs and never changes; `title` and `hint` are for people.
 */
#pragma once
#include "api/json_out.h"
#include "heap/base/err.h"

struct problem {
    int status;
    const char *name; /* the type is "/problems/NAME" */
    const char *title;
    const char *about; /* what it means, for its page */
    const char *hint;  /* what to do next */
    unsigned retry_after_s; /* it may be otherwise by then; 0: nobody knows */
};

/* The problem of an error; ERR_OK is none, and a bug. */
const struct problem *problem_of(enum err e);
/* By its name; NULL if there is none. */
const struct problem *problem_named(struct slice name);

/* Add {"type","title","status","detail","hint"} to `out`, and "limit":{"name","value"} if *why names one. */
void problem_write(struct buf *out, const struct why *why);
/* The same members, into an object that is open. */
void problem_write_members(struct out *o, const struct why *why);

/* Add the page that /problems/NAME serves: HTML without script, style or anything fetched. */
void problem_write_page(struct buf *out, const struct problem *p);
