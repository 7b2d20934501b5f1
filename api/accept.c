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

/* How well the list fits `type`: the most specific of its ranges, TAKES_NOT if that weighs nothing. */
static int best_match(struct slice accept, struct slice type)
{
    int best = TAKES_NOT;
    bool takes = false;

    while (accept.len > 0) {
        struct slice params = cut(&accept, ','), range = cut(&params, ';');
        int found = match(range, type);

        if (found == TAKES_NOT || found < best)
            continue;
        takes = (found == best && takes) || !weighs_nothing(params);
        best = found;
    }
    return takes ? best : TAKES_NOT;
}

bool accept_takes(struct slice accept, const char *type)
{
    return slice_trim(accept).len == 0 || best_match(accept, slice_of(type)) != TAKES_NOT;
}

bool accept_names(struct slice accept, const char *type)
{
    return best_match(accept, slice_of(type)) == TAKES_TYPE;
}

bool accept_takes_coding(struct slice accept, const char *coding)
{
    bool takes = false;

    while (accept.len > 0) {
        struct slice params = cut(&accept, ','), name = cut(&params, ';');

        if (slice_eq_nocase(name, slice_of(coding)))
            return !weighs_nothing(params);
        if (slice_is(name, "*"))
            takes = !weighs_nothing(params);
    }
    return takes;
}
