/*
 * num.h - numbers and text: parse them strictly, print them shortest, check UTF-8.
 */
#pragma once
#include "heap/base/slice.h"
#include <stdint.h>

/* All of `text` as a decimal number: digits only, no sign, no blanks, at most `max`. */
bool parse_u64(struct slice text, uint64_t max, uint64_t *ret);

/* Shortest decimal text that reads back as the same double, always with a '.', an 'e' or both, so that
 * 1.0 stays a real; `value` is finite. Returns the length; `out` has NUM_TEXT_MAX bytes. */
#define NUM_TEXT_MAX 32
size_t print_real(double value, char out[NUM_TEXT_MAX]);
size_t print_i64(int64_t value, char out[NUM_TEXT_MAX]);
size_t print_u64(uint64_t value, char out[NUM_TEXT_MAX]);

/* True if `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, at most U+10FFFF). */
bool utf8_valid(struct slice text);

/* Replace in place every byte of NUL-terminated `text` that is not part of well-formed UTF-8, and every
 * control byte, by '?'. */
void utf8_repair(char *text);

/* A seeded 64-bit hash of bytes (SipHash-1-3, Aumasson and Bernstein, https://131002.net/siphash/): an
 * outsider who does not know the seed cannot make keys collide. */
uint64_t hash_bytes(uint64_t seed, const void *data, size_t len);

/* A seeded hash that tells contents apart and costs little: one multiplication for 16 bytes (after Wang Yi's wyhash,
 * https://github.com/wangyi-fudan/wyhash). Not for tables whose keys outsiders choose. */
uint64_t hash_quick(uint64_t seed, const void *data, size_t len);
/* The same for one number more. */
uint64_t hash_more(uint64_t hash, uint64_t number);

/* A seeded hash of one 64-bit number (splitmix64's finalizer over seed ^ key, two rounds). */
uint64_t hash_u64(uint64_t seed, uint64_t key);
