/*
 * head.h - the lines above a request's body.
 */
#pragma once
#include "client/load/ask.h"

/* Who asks, where. */
struct identity {
    const char *host;  /* as the url says */
    const char *token; /* "Bearer ..."; NULL: none is needed */
    char session[ASK_SESSION_BYTES]; /* of the run; empty: the default */
};

/* `site` may be NULL. */
void head_write(struct text *out, const struct identity *who, const struct ask *a, const char *site);
