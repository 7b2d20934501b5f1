/*
 * memory_probe.c - what this machine's memory takes, without heapd: the floor under the collector's figures.
 *
 *   memory_probe COUNT     COUNT cells of 20 bytes, as large as the benchmark's record; one line of JSON
 *
 * page_ns     a cell's share of pages that the system gives, asked for as pools do: five at once
 * scatter_ns  add one to a random cell, each known beforehand: what a link does to its target, misses overlapping
 * chase_ns    go from a random cell to the one that it names: a miss that nothing overlaps, as in a chain
 */
#include "heap/base/check.h"
#include "noise.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define CELL_WORDS 5u
#define PIECE_BYTES (5u * 4096)
#define SEED 4327u

/* xorshift64* (Vigna 2016), scaled to [0, below). */
static uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(((*state * 2685821657736338717u >> 32) * below) >> 32);
}

/* A permutation, shuffled while it is made (Fisher and Yates, inside out). */
static uint32_t *random_order(uint32_t count)
{
    uint32_t *order = calloc(count, sizeof *order);
    uint64_t state = SEED;

    CHECK(order != NULL);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t j = random_below(&state, i + 1);

        order[i] = order[j];
        order[j] = i;
    }
    return order;
}

static uint64_t fetch_pages(char *cells, size_t bytes)
{
    uint64_t began = thread_ns();

    for (size_t at = 0; at < bytes; at += PIECE_BYTES)
        CHECK(madvise(cells + at, bytes - at < PIECE_BYTES ? bytes - at : PIECE_BYTES, MADV_POPULATE_WRITE) == 0);
    return thread_ns() - began;
}

static uint64_t scatter(uint32_t *cells, const uint32_t *order, uint32_t count)
{
    uint64_t began = thread_ns();

    for (uint32_t i = 0; i < count; i++)
        cells[(size_t)order[i] * CELL_WORDS]++;
    return thread_ns() - began;
}

static void link_chain(uint32_t *cells, const uint32_t *order, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        cells[(size_t)order[i] * CELL_WORDS + 1] = order[(i + 1) % count];
}

static uint64_t chase(const uint32_t *cells, uint32_t count)
{
    uint64_t began = thread_ns();
    uint32_t at = 0;

    for (uint32_t i = 0; i < count; i++)
        at = cells[(size_t)at * CELL_WORDS + 1];
    CHECK(at == 0); /* all round, and used, so that it is done */
    return thread_ns() - began;
}

int main(int argc, char **argv)
{
    uint32_t count = argc == 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, *order, *cells;
    size_t bytes = (size_t)count * CELL_WORDS * sizeof *cells;
    uint64_t pages_ns, scatter_ns;

    if (count == 0) {
        fprintf(stderr, "usage: memory_probe COUNT\n");
        return 2;
    }
    order = random_order(count);
    cells = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(cells != MAP_FAILED);
    pages_ns = fetch_pages((char *)cells, bytes);
    scatter_ns = scatter(cells, order, count);
    link_chain(cells, order, count);
    printf("{\"page_ns\":%.2f,\"scatter_ns\":%.2f,\"chase_ns\":%.2f}\n", (double)pages_ns / count, (double)scatter_ns / count,
           (double)chase(cells, count) / count);
    munmap(cells, bytes);
    free(order);
    return 0;
}
