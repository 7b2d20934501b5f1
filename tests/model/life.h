/*
 * life.h - a random life, lived by the real heap and the naive one at the same time.
 *
 * The first decisions of the dice choose what kind of life it is: how many objects, how long lists get, whether
 * collections start by themselves, whether memory is refused now and then. The mode says what happens between
 * two operations:
 *
 *     LIFE_UNIT   a few steps of the collector of one unit each,
 *     LIFE_SLICE  a step of about a thousand,
 *     LIFE_STOP   the collector finishes, and everything that is asked for is done at once.
 *
 * In the first two, what nothing reaches may be dead or not; the naive heap is told of deaths and objects when
 * one of them was of an object that it still reaches. In LIFE_STOP both know at any time exactly who lives,
 * and what each collection has found. At rest all three agree on everything.
 *
 * A disagreement is printed with the seed and the number of the operation, and the process aborts.
 */
#pragma once
#include "tests/model/dice.h"

enum life_mode { LIFE_UNIT, LIFE_SLICE, LIFE_STOP, LIFE_MODES };

struct life;

/* `name` says how to live it again; it is printed when something is wrong. `paranoid`: validate all the time. */
struct life *life_begin(struct dice dice, enum life_mode mode, bool paranoid, const char *name);
/* One operation, and what the collector does before the next. */
void life_step(struct life *life);
/* Let everything come to rest, and compare it all. */
void life_rest(struct life *life);
/* At any moment. Leaks are noticed. */
void life_end(struct life **life);

bool life_is_over(const struct life *life); /* its dice have no more bytes */
uint64_t life_op(const struct life *life);
