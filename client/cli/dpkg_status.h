/*
 * dpkg_status.h - /var/lib/dpkg/status: stanzas of "Field: value" lines, see deb-control(5).
 */
#pragma once
#include "client/cli/source.h"
#include <jansson.h>

/* All stanzas, an array of objects from field name to text; continuation lines are joined by newlines. NULL
 * and a sentence if the file is not of that format. */
json_t *dpkg_status_read(struct source *source, char sentence[256]);

/* The next word of a relation field such as "libc6:any (>= 2.36), a | b": the name of a package, its
 * architecture ("" if none is asked for), and what stood before it. False at the end. */
enum dpkg_joint { DPKG_NEXT, DPKG_OR }; /* ',' or the beginning; '|' */

struct dpkg_word {
    enum dpkg_joint joint;
    char name[256];
    char arch[64];
};

bool dpkg_relation_next(const char **at, struct dpkg_word *ret_w);
