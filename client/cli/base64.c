/*
 * base64.c - see base64.h.
 */
#include "client/cli/base64.h"
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_add(struct text *out, const unsigned char *data, size_t length)
{
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned long bits = (unsigned long)data[i] << 16 | (left > 1 ? (unsigned long)data[i + 1] << 8 : 0) |
                             (left > 2 ? data[i + 2] : 0);
        const char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                               left > 1 ? alphabet[bits >> 6 & 63] : '=',
                               left > 2 ? alphabet[bits & 63] : '='};

        text_add(out, group, sizeof group);
    }
}

bool base64_decode(struct text *out, const char *text, size_t length)
{
    unsigned long bits = 0;
    size_t digits = length;

    while (digits > 0 && length - digits < 2 && text[digits - 1] == '=')
        digits--;
    if (length % 4 != 0)
        return false;
    for (size_t i = 0; i < digits; i++) {
        const char *digit = text[i] != '\0' ? strchr(alphabet, text[i]) : NULL;

        if (digit == NULL)
            return false;
        bits = bits << 6 | (unsigned long)(digit - alphabet);
        if (i % 4 != 0)
            text_add_byte(out, (char)(bits >> (6 - 2 * (i % 4)) & 0xff));
    }
    return !out->failed;
}
