/* base64.c - see base64.h. */
#include "api/base64.h"
#include <stdint.h>

static int digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Without the padding. */
static size_t digit_count(struct slice text)
{
    size_t count = text.len;

    while (count > 0 && text.len - count < 2 && text.data[count - 1] == '=')
        count--;
    return count;
}

bool base64_length(struct slice text, size_t *ret)
{
    if (text.len % 4 != 0)
        return false;
    *ret = digit_count(text) * 3 / 4;
    return true;
}

bool base64_decode(struct slice text, char *out)
{
    size_t count = digit_count(text);
    uint32_t bits = 0;
    unsigned have = 0; /* bits in `bits` that are not yet out */

    for (size_t i = 0; i < count; i++) {
        int digit = digit_of(text.data[i]);

        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            *out++ = (char)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    return bits == 0;
}
