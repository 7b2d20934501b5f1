/* accept.c - see accept.h. What of a list cannot be understood takes nothing. */
#include "api/accept.h"

enum { TAKES_NOT, TAKES_ALL, TAKES_SUBTYPES, TAKES_TYPE }; /* the more specific, the higher */

/* Cut *rest at the first `mark`: what stands before it, without blanks around it. */
static struct slice cut(struct slice *rest, char mark)
{
    return slice_trim(slice_cut(rest, mark));
}

/* How specific the range is that `type` falls under; TAKES_NOT if it does not. */
static int match(struct slice range, struct slice type)
{
    const char *slash = memchr(type.data, '/', type.len);
    size_t head = (size_t)(slash - type.data) + 1;

    if (slice_eq_nocase(range, type))
        return TAKES_TYPE;
    if (slice_is(range, "*/*"))
        return TAKES_ALL;
    if (range.len == head + 1 && range.data[head] == '*' &&
        slice_eq_nocase((struct slice){range.data, head}, (struct slice){type.data, head}))
        return TAKES_SUBTYPES;
    return TAKES_NOT;
}

/* "0", "0.", "0.000" */
static bool is_zero(struct slice number)
{
    for (size_t i = 0; i < number.len; i++) {
        if (number.data[i] != '0' && number.data[i] != '.')
            return false;
    }
    return number.len > 0;
}

/* Is there a weight of 0 among the parameters: "q=0", "q=0.000"? */
static bool weighs_nothing(struct slice params)
{
    while (params.len > 0) {
        struct slice value = cut(&params, ';'), name = cut(&value, '=');

        if (slice_is_nocase(name, "q"))
            return is_zero(value);
    }
    return false;
}

bool accept_takes(struct slice accept, const char *type)
{
    bool empty = slice_trim(accept).len == 0, takes = empty;
    int best = TAKES_NOT;

    while (accept.len > 0) {
        struct slice params = cut(&accept, ','), range = cut(&params, ';');
        int found = match(range, slice_of(type));

        if (found == TAKES_NOT || found < best)
            continue;
        takes = (found == best && takes) || !weighs_nothing(params);
        best = found;
    }
    return takes;
}
