/*
 * json_text.c - see json_text.h.
 */
#include "client/cli/json_text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool must_escape(unsigned char c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void add_escaped(struct text *out, unsigned char c)
{
    switch (c) {
    case '"':
        text_add_string(out, "\\\"");
        break;
    case '\\':
        text_add_string(out, "\\\\");
        break;
    case '\n':
        text_add_string(out, "\\n");
        break;
    case '\t':
        text_add_string(out, "\\t");
        break;
    default:
        text_printf(out, "\\u%04x", c);
        break;
    }
}

void json_text_string(struct text *out, const char *data, size_t length)
{
    size_t plain = 0; /* from here on nothing had to be escaped */

    text_add_byte(out, '"');
    for (size_t i = 0; i < length; i++) {
        if (!must_escape((unsigned char)data[i]))
            continue;
        text_add(out, data + plain, i - plain);
        add_escaped(out, (unsigned char)data[i]);
        plain = i + 1;
    }
    text_add(out, data + plain, length - plain);
    text_add_byte(out, '"');
}

void json_text_real(struct text *out, double value)
{
    char digits[40];

    for (int precision = 15; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    text_add_string(out, digits);
    if (strpbrk(digits, ".e") == NULL)
        text_add_string(out, ".0");
}

static void add_object(struct text *out, json_t *object)
{
    const char *key;
    json_t *member;
    bool first = true;

    text_add_byte(out, '{');
    json_object_foreach(object, key, member) {
        if (!first)
            text_add_byte(out, ',');
        first = false;
        json_text_string(out, key, strlen(key));
        text_add_byte(out, ':');
        json_text_value(out, member);
    }
    text_add_byte(out, '}');
}

static void add_array(struct text *out, json_t *array)
{
    text_add_byte(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            text_add_byte(out, ',');
        json_text_value(out, json_array_get(array, i));
    }
    text_add_byte(out, ']');
}

void json_text_value(struct text *out, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        add_object(out, value);
        break;
    case JSON_ARRAY:
        add_array(out, value);
        break;
    case JSON_STRING:
        json_text_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        text_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        json_text_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        text_add_string(out, "true");
        break;
    case JSON_FALSE:
        text_add_string(out, "false");
        break;
    case JSON_NULL:
        text_add_string(out, "null");
        break;
    }
}
