/*
 * args.h - the words of a command line: flags taken out, the rest in order.
 *
 * A flag is --name, --name VALUE or --name=VALUE and may stand anywhere before a lone "--".
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct args {
    int count;
    char **words; /* those that are left; borrowed from argv */
    int literal;  /* words[literal] and what follows stood behind "--": no flags */
};

struct flag {
    const char *name;       /* without the dashes */
    bool *ret_given;        /* a flag without a value: set to true; else NULL */
    const char **ret_value; /* a flag with a value; else NULL */
};

/* argv without its first word. */
struct args args_of(int argc, char **argv);

/* Take the flags of the table out of args and leave all others. NULL, or the sentence that says what is wrong
 * with one, good until the next call. */
const char *args_take_some_flags(struct args *args, const struct flag *flags, size_t count);

/* The same, but a flag that is not in the table is wrong. */
const char *args_take_flags(struct args *args, const struct flag *flags, size_t count);

/* Take the first word out; NULL if there is none. */
const char *args_shift(struct args *args);

/* "7" or "@7" as an id of the daemon. */
bool args_read_id(const char *word, uint64_t *ret_id);
