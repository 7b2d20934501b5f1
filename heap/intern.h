/*
 * intern.h - strings: one counted copy of each short one.
 *
 * A string of up to STRING_INLINE_MAX bytes lies in one data cell and is interned: equal strings are the same
 * slot, so names are compared by number. A longer one has its bytes on their own and is not shared.
 *
 * A count that reaches 2^32 - 1 stays there: that string is kept for good. It cannot wrap.
 */
#pragma once
#include "heap/heap.h"

#define STRING_INLINE_MAX 532 /* what fits the largest cell behind its three words */

enum err strings_create(struct heap *h);
void strings_destroy(struct heap *h);

/* A string with these bytes, and one reference for the caller; 0: no memory. */
slot_t string_take(struct heap *h, struct slice text);
/* The interned string with these bytes, without a reference; 0: there is none. */
slot_t string_lookup(const struct heap *h, struct slice text);
void string_hold(struct heap *h, slot_t s);
void string_release(struct heap *h, slot_t s);

/* Its bytes; good until the heap changes. */
struct slice string_slice(const struct heap *h, slot_t s);

/* What it takes: its cell, and its bytes if they are on their own. */
uint64_t string_bytes(const struct heap *h, slot_t s);

/* A seeded hash of its bytes, to tell contents apart; O(1) for a long one, which knows its own. */
uint64_t string_hash(const struct heap *h, slot_t s);

/* ERR_BAD_VALUE unless `name` is 1 to 255 bytes of UTF-8 without NUL; `what` names it in the sentence. */
enum err name_check(struct slice name, const char *what, struct why *why);

size_t strings_validate(const struct heap *h);
