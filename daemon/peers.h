/*
 * peers.h - how many connections each peer has.
 *
 * A peer is an IPv4 address, however it is written, or the first 64 bits of an IPv6 address: the rest a host gives
 * itself as it likes. What is kept is a seeded 32-bit hash of it, so two peers may count as one, once in four billion
 * pairs; nobody can bring that about who does not know the seed.
 */
#pragma once
#include "heap/base/map.h"
#include <stdbool.h>
#include <sys/socket.h>

struct peers {
    uint64_t seed;
    struct map *counts;
};

/* False: memory is refused. */
bool peers_init(struct peers *p, struct mem *mem, uint64_t seed);
void peers_fini(struct peers *p); /* everybody has left; also for one that was never made */

/* The name under which a peer is counted. */
uint32_t peers_key(const struct peers *p, const struct sockaddr_storage *a);
#define PEERS_REFUSED UINT32_MAX
/* One connection more: how many the peer has now. PEERS_REFUSED: memory is refused, and it is not counted. */
uint32_t peers_enter(struct peers *p, uint32_t key);
void peers_leave(struct peers *p, uint32_t key);
