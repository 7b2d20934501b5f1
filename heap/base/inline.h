/*
 * inline.h - what is inlined whatever the compiler thinks of the size.
 *
 * Linking with LTO, gcc sees each `static inline` function of a header once for every unit it is in, and weighs all of them
 * against one allowance for growth: it then calls what a plain build inlines. The steps from a slot to its cell, taken
 * at every look at an object, must not become calls: that cost 10 % of making and collecting cyclic garbage.
 */
#pragma once

#define ALWAYS_INLINE static inline __attribute__((always_inline))
