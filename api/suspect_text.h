/*
 * suspect_text.h - what a suspect is called, and what is said of it.
 */
#pragma once
#include "api/api_impl.h"

#define SUSPECT_TEXT_MAX 2048 /* two names of 255 bytes, each of them written as %XX, and words */

/* What it is, as long as the heap does not change. */
struct suspect_name {
    struct slice name;   /* of a site, class, root; a session's label */
    struct slice field;  /* of the root's object, in which the container is; empty: it is that object */
    enum heap_kind kind; /* of the container */
};

/* False: it is gone. */
bool suspect_find(const struct api *api, enum growth_kind kind, const struct grower *r, struct suspect_name *ret);

/* One sentence for somebody who is tired; NUL-terminated. */
void suspect_sentence(enum growth_kind kind, const struct grower *r, const struct suspect_name *n, char out[SUSPECT_TEXT_MAX]);
/* A path and query that shows more of it. */
void suspect_path(enum growth_kind kind, const struct grower *r, const struct suspect_name *n, char out[SUSPECT_TEXT_MAX]);
