/*
 * fuzz.h - the one function that libFuzzer, and fuzz_replay.c, call with bytes. Whatever is wrong aborts.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
