/* holders.c - see holders.h. */
#include "daemon/holders.h"
#include "heap/base/check.h"

void holders_init(struct holders *h)
{
    list_init(&h->line);
    h->bytes = h->for_peers = 0;
}

void holding_init(struct holding *one)
{
    list_init(&one->link);
    one->bytes = 0;
    one->for_peer = false;
    one->moved = 0;
}

void holders_note(struct holders *h, struct holding *one, size_t bytes, bool for_peer)
{
    CHECK((one->bytes > 0) == !list_empty(&one->link) && h->bytes >= one->bytes);
    if (one->bytes == 0 && bytes > 0)
        list_push(&h->line, &one->link);
    else if (one->bytes > 0 && bytes == 0)
        list_remove(&one->link);
    if (bytes > one->bytes)
        one->moved += bytes - one->bytes;
    h->bytes += bytes - one->bytes;
    h->for_peers -= one->for_peer ? one->bytes : 0;
    h->for_peers += for_peer ? bytes : 0;
    one->bytes = bytes;
    one->for_peer = for_peer;
}

bool holders_are_over(const struct holders *h, uint64_t max)
{
    bool one_alone = h->line.next == h->line.prev;

    return h->bytes > max && h->for_peers > max / 2 && !one_alone;
}

struct holding *holders_first(const struct holders *h)
{
    return list_empty(&h->line) ? NULL : LIST_OWNER(h->line.next, struct holding, link);
}

void holders_pass_first(struct holders *h)
{
    struct list *first = h->line.next;

    list_remove(first);
    list_push(&h->line, first);
}

void holding_look(struct holding *one)
{
    one->moved /= 2;
}

static double slowness(const struct holding *one)
{
    return (double)one->bytes / ((double)one->moved + HOLDING_FREE_BYTES);
}

bool holding_is_slower(const struct holding *a, const struct holding *b)
{
    return slowness(a) > slowness(b);
}
