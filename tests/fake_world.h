/*
 * fake_world.h - what api/ asks of the world, answered without one: a clock that its owner moves, chance that is the same
 * every time, work for another thread done at once, and nothing to tell of the process.
 */
#pragma once
#include "api/api.h"

struct fake_world {
    const uint64_t *now_ms;
    uint64_t random;
};

static inline uint64_t fake_now(void *ctx)
{
    return *((struct fake_world *)ctx)->now_ms;
}

static inline uint64_t fake_unix(void *ctx)
{
    return 1000000000000 + 1000 * fake_now(ctx);
}

/* Knuth's, of which the upper bits are the better ones. */
static inline void fake_random(void *ctx, void *out, size_t n)
{
    struct fake_world *fake = ctx;

    for (size_t i = 0; i < n; i++) {
        fake->random = fake->random * 6364136223846793005u + 1442695040888963407u;
        ((unsigned char *)out)[i] = (unsigned char)(fake->random >> 40);
    }
}

static inline uint64_t fake_rss(void *ctx)
{
    (void)ctx;
    return 1 << 20;
}

static inline void fake_memory(void *ctx, struct api_memory *ret)
{
    (void)ctx;
    *ret = (struct api_memory){.rss_bytes = 1 << 20};
}

static inline void fake_pauses(void *ctx, enum pause what, enum pause_clock clock, struct api_pauses *ret)
{
    (void)ctx;
    (void)what;
    (void)clock;
    *ret = (struct api_pauses){0};
}

static inline void fake_settings_changed(void *ctx)
{
    (void)ctx;
}

static inline bool fake_ready(void *ctx, struct slice *ret_why_not)
{
    (void)ctx;
    (void)ret_why_not;
    return true;
}

static inline void fake_meters(void *ctx, struct api_meters *ret)
{
    (void)ctx;
    *ret = (struct api_meters){0};
}

static inline void fake_process(void *ctx, struct api_process *ret)
{
    (void)ctx;
    *ret = (struct api_process){0};
}

static inline void fake_run_aside(void *ctx, struct aside *a)
{
    (void)ctx;
    a->run(a);
    a->done(a);
}

/* For api_create(); *fake and the clock outlive the api. Who needs another answer puts its own function there. */
static inline struct api_world fake_world_begin(struct fake_world *fake, const uint64_t *now_ms)
{
    *fake = (struct fake_world){.now_ms = now_ms};
    return (struct api_world){
        .ctx = fake,
        .now_ms = fake_now,
        .unix_us = fake_unix,
        .random_bytes = fake_random,
        .rss_bytes = fake_rss,
        .memory = fake_memory,
        .pauses = fake_pauses,
        .settings_changed = fake_settings_changed,
        .ready = fake_ready,
        .process = fake_process,
        .meters = fake_meters,
        .run_aside = fake_run_aside,
    };
}
