/*
 * json_size.h - how much memory JSON may take once it is decoded, from its text.
 *
 * Never less than jansson takes in a region (json_mem.h), where nothing goes back before all does; about half as much
 * again for what is made of many small values. What is not JSON may be counted wrong: jansson does not get far with it.
 */
#pragma once
#include "heap/base/slice.h"
#include <stdint.h>

/* Zero it to begin. */
struct json_size {
    enum { SIZE_BETWEEN, SIZE_IN_STRING, SIZE_ESCAPED, SIZE_IN_SCALAR } state;
    size_t arrays, objects, commas, colons, strings, scalars;
    size_t string_bytes; /* of all, quotes too */
    size_t token, longest_token;
};

/* Look at the next piece of the text: about 1 ns a byte. */
void json_size_add(struct json_size *s, struct slice text);
/* What all that was looked at may take. */
size_t json_size_bytes(const struct json_size *s);
