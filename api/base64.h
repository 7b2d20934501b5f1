/* base64.h - bytes as text (RFC 4648, section 4): the standard alphabet, padded, without blanks. */
#pragma once
#include "heap/base/slice.h"

/* How many bytes `text` stands for; false if its length or its padding is wrong. */
bool base64_length(struct slice text, size_t *ret);
/* Decode into `out`, which has base64_length() bytes of room; false for a character outside the alphabet, or
 * bits behind the end that are not zero. */
bool base64_decode(struct slice text, char *out);
