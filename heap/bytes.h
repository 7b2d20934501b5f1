/*
 * bytes.h - raw bytes, read by range without copying (Python's memoryview).
 *
 * A bytes object holds one payload, counted and immutable: a reader keeps the one it began with, and replacing
 * the contents puts another in its place.
 */
#pragma once
#include "heap/heap.h"

#define BYTES_OWN_WORDS 3u /* where the payload is, and how often it was replaced */

uint64_t bytes_storage_bytes(const struct heap *h, slot_t slot);
uint64_t bytes_length(const struct heap *h, slot_t slot);
uint32_t bytes_version(const struct heap *h, slot_t slot);
/* Let go of the payload; returns the units left over: 0 means call again. */
size_t bytes_release(struct heap *h, slot_t slot, size_t units);
