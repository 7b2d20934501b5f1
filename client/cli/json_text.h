/*
 * json_text.h - JSON written into a text: strings escaped, reals shortest.
 *
 * jansson prints 0.1 as 0.10000000000000001; what goes into a file or before people's eyes is written here.
 */
#pragma once
#include "client/text.h"
#include <jansson.h>

/* `length` bytes of UTF-8 as a JSON string; control bytes, NUL among them, are escaped. */
void json_text_string(struct text *out, const char *data, size_t length);

/* The shortest decimal that reads back as `value`, always a real ("1.0"). */
void json_text_real(struct text *out, double value);

/* Any value, compact. Recursive: as deep as jansson's own decoder went. */
void json_text_value(struct text *out, json_t *value);
