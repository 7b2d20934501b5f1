/* peers.c - see peers.h. */
#include "daemon/peers.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <netinet/in.h>

#define PREFIX_BYTES 8  /* of an IPv6 address */
#define MAPPED_AT    12 /* in one that stands for an IPv4 address (RFC 4291, 2.5.5.2) */

bool peers_init(struct peers *p, struct mem *mem, uint64_t seed)
{
    *p = (struct peers){.seed = seed, .counts = map_create(mem, seed)};
    return p->counts != NULL;
}

void peers_fini(struct peers *p)
{
    if (p->counts == NULL)
        return;
    CHECK(map_count(p->counts) == 0);
    map_destroy(&p->counts);
}

uint32_t peers_key(const struct peers *p, const struct sockaddr_storage *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

    if (a->ss_family != AF_INET6)
        return (uint32_t)hash_bytes(p->seed, &v4->sin_addr, sizeof v4->sin_addr);
    if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return (uint32_t)hash_bytes(p->seed, &v6->sin6_addr.s6_addr[MAPPED_AT], sizeof v4->sin_addr);
    return (uint32_t)hash_bytes(p->seed, &v6->sin6_addr, PREFIX_BYTES);
}

uint32_t peers_enter(struct peers *p, uint32_t key)
{
    uint32_t entry = map_find(p->counts, key), count;

    if (entry == MAP_NONE)
        return map_add(p->counts, key, 1) ? 1 : PEERS_REFUSED;
    count = map_value(p->counts, entry) + 1;
    map_set_value(p->counts, entry, count);
    return count;
}

void peers_leave(struct peers *p, uint32_t key)
{
    uint32_t entry = map_find(p->counts, key);

    CHECK(entry != MAP_NONE && map_value(p->counts, entry) > 0);
    map_set_value(p->counts, entry, map_value(p->counts, entry) - 1);
    if (map_value(p->counts, entry) == 0)
        map_remove(p->counts, entry);
}
