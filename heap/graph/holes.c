/* holes.c - see holes.h. */
#include "heap/graph/holes.h"
#include "heap/base/bits.h"
#include "heap/base/check.h"

#define BLOCK_BITS 512u
#define BLOCK_WORDS (BLOCK_BITS / 64)

struct holes {
    struct mem *mem;
    uint32_t n;
    uint32_t blocks;
    uint32_t top;      /* the largest power of two that is no larger than `blocks` */
    uint64_t *out;     /* by number */
    uint64_t *marked;  /* by number */
    uint32_t tree[];   /* [blocks + 1], from 1: how many are out in the blocks below, down to where the lowest bit says */
};

static size_t set_bytes(const struct holes *h)
{
    return (size_t)h->blocks * BLOCK_WORDS * sizeof(uint64_t);
}

static size_t own_bytes(uint32_t blocks)
{
    return sizeof(struct holes) + ((size_t)blocks + 1) * sizeof(uint32_t);
}

struct holes *holes_create(struct mem *mem, uint32_t n)
{
    uint32_t blocks = n / BLOCK_BITS + 1;
    struct holes *h = mem_zalloc(mem, own_bytes(blocks));

    if (h == NULL)
        return NULL;
    h->mem = mem;
    h->n = n;
    h->blocks = blocks;
    h->top = 1u << (31 - __builtin_clz(blocks));
    h->out = mem_zalloc(mem, set_bytes(h));
    h->marked = h->out != NULL ? mem_zalloc(mem, set_bytes(h)) : NULL;
    if (h->marked == NULL)
        holes_destroy(&h);
    return h;
}

void holes_destroy(struct holes **at)
{
    struct holes *h = *at;

    if (h == NULL)
        return;
    mem_free(h->mem, h->out, h->out != NULL ? set_bytes(h) : 0);
    mem_free(h->mem, h->marked, h->marked != NULL ? set_bytes(h) : 0);
    mem_free(h->mem, h, own_bytes(h->blocks));
    *at = NULL;
}

/* The place-th of the zeroes of a block that are left, if it has so many. */
static uint32_t in_block(const struct holes *h, uint32_t block, uint32_t place)
{
    for (uint32_t w = block * BLOCK_WORDS; w < (block + 1) * BLOCK_WORDS; w++) {
        uint64_t here = ~h->out[w];
        uint32_t count = (uint32_t)__builtin_popcountll(here);

        if (place >= count) {
            place -= count;
            continue;
        }
        for (; place > 0; place--)
            here &= here - 1;
        return w * 64 + (uint32_t)__builtin_ctzll(here);
    }
    return h->n;
}

uint32_t holes_number_at(const struct holes *h, uint32_t place)
{
    uint32_t block = 0;

    for (uint32_t step = h->top; step > 0; step /= 2) {
        uint64_t stay;

        if (block + step > h->blocks)
            continue;
        stay = (uint64_t)step * BLOCK_BITS - h->tree[block + step];
        if (stay > place)
            continue;
        place -= (uint32_t)stay;
        block += step;
    }
    return block < h->blocks ? in_block(h, block, place) : h->n;
}

void holes_take_out(struct holes *h, uint32_t number)
{
    CHECK(number < h->n && !bits_has(h->out, number));
    bits_add(h->out, number);
    for (uint32_t b = number / BLOCK_BITS + 1; b <= h->blocks; b += b & (0u - b))
        h->tree[b]++;
}

bool holes_is_marked(const struct holes *h, uint32_t number)
{
    return bits_has(h->marked, number);
}

void holes_mark(struct holes *h, uint32_t number)
{
    CHECK(number < h->n);
    bits_add(h->marked, number);
}
