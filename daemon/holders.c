/* holders.c - see holders.h. */
#include "daemon/holders.h"
#include "heap/base/check.h"

void holders_init(struct holders *h)
{
    list_init(&h->line);
    h->bytes = 0;
}

void holding_init(struct holding *one)
{
    list_init(&one->link);
    one->bytes = 0;
}

void holders_note(struct holders *h, struct holding *one, size_t bytes)
{
    CHECK((one->bytes > 0) == !list_empty(&one->link) && h->bytes >= one->bytes);
    if (one->bytes == 0 && bytes > 0)
        list_push(&h->line, &one->link);
    else if (one->bytes > 0 && bytes == 0)
        list_remove(&one->link);
    h->bytes += bytes - one->bytes;
    one->bytes = bytes;
}
