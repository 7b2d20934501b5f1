/*
 * dashboard.h - the page at /, which shows the heap living: files from api/dashboard/, linked in at build.
 *
 * Owns:      which files there are, how each is answered, what the browser must not do with them.
 * Knows not: what the page asks for: it is a client like any other, and says so with each call.
 *
 * The files are the same for everyone and say nothing about this heap. So they are no calls of the API: they need no token, and
 * /openapi.json does not list them. What they show is asked for by calls that do. `/` itself is one; where there are tokens
 * and none came along, a browser is answered the 401 that everybody is, but with the page as its body, which asks for one.
 */
#pragma once
#include "heap/base/err.h"
#include <stdbool.h>
#include <stdint.h>

struct task;

#define DASHBOARD_FILES_MAX 40

/* What the files are by their contents; found when one is first asked for. 0: not yet. */
struct dashboard {
    uint64_t tags[DASHBOARD_FILES_MAX][2]; /* as it is, gzipped */
};

/* It was refused for want of a token: is it a browser that wants to show / to somebody who may have one? */
bool dashboard_may_ask(const struct task *t, const struct why *why);
/* Answer with the page that asks, and the status of that problem. */
void dashboard_ask(struct task *t, const struct why *why);
