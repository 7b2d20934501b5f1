/*
 * base64.h - RFC 4648, section 4: the standard alphabet, with padding.
 */
#pragma once
#include "client/text.h"

void base64_add(struct text *out, const unsigned char *data, size_t length);

/* Append the bytes that `text` stands for; false if it is not base64. */
bool base64_decode(struct text *out, const char *text, size_t length);
