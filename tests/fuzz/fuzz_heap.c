/*
 * fuzz_heap.c - bytes decide a life of the heap: every operation, every step of the collector in between. The naive heap
 * of tests/model/ lives it too, so that wrong answers are found, not only crashes.
 *
 *     byte 0: mode of the life, and whether every rule is checked after every operation; the rest are its dice.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/model/life.h"

#define OPS_MAX 3000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct life *life;

    if (size < 2)
        return 0;
    life = life_begin(dice_of_bytes(data + 1, size - 1), (enum life_mode)(data[0] % LIFE_MODES), data[0] >= 0x80,
                      "a life of fuzzed bytes");
    for (int op = 0; op < OPS_MAX && !life_is_over(life); op++)
        life_step(life);
    life_rest(life);
    life_end(&life);
    return 0;
}
