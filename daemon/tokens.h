/*
 * tokens.h - who may do what: the tokens of --token-file, as hashes.
 *
 * Owns:      the list of them, and how a request's Authorization is looked up in it.
 * Knows not: what a route needs (api/route.c), when the file is read again (main.c).
 *
 * The file has one token a line, `LABEL read|write|admin TOKEN`; empty lines, and those that begin with #, say
 * nothing; the last line needs no end, for secrets are often kept without one. Of a token only a hash is kept (BLAKE2b of libsodium), under a key that is made anew each time and never
 * leaves the process: what is in our memory opens nothing here or elsewhere, and nobody can prepare a token whose
 * hash begins as another's. Every hash is compared, whole, whatever the first bytes say.
 *
 * A token has a number, and keeps it when the file is read again as long as it may do no less: so it is seen that the
 * one by which somebody came in has been taken back.
 */
#pragma once
#include "api/request.h"
#include "heap/base/err.h"
#include <stddef.h>

#define TOKENS_MAX           256 /* each is compared with each request's */
#define TOKEN_LABEL_MAX      64
#define TOKEN_BYTES_MAX      512
#define TOKEN_BYTES_WISE     16 /* shorter ones might be guessed */
#define TOKEN_FILE_BYTES_MAX (64u << 10)
#define TOKEN_HASH_BYTES     32 /* as crypto_verify_32() compares */

struct tokens {
    unsigned char key[TOKEN_HASH_BYTES];
    size_t count;
    size_t short_count;  /* of them, those shorter than TOKEN_BYTES_WISE */
    bool others_read_it; /* the file: its permissions let in more than owner and group */
    uint64_t last_number;
    struct token {
        unsigned char hash[TOKEN_HASH_BYTES];
        enum access access;
        uint64_t number;
        char label[TOKEN_LABEL_MAX + 1];
    } list[TOKENS_MAX];
};

/* Read the file; *t is empty, or what was read before. ERR_BAD_VALUE with a sentence that names the line, and never the token: a file that cannot be read, is
 * not a plain file or larger than TOKEN_FILE_BYTES_MAX, has a line that is none, the same token twice, more than
 * TOKENS_MAX of them or none at all. After an error *t is as it was. */
enum err tokens_read(struct tokens *t, const char *path, struct why *why);

/* What the value of an Authorization header gives: the scope of its token; ACCESS_OPEN if it is no bearer token of
 * ours. `label` is good until *t changes. O(tokens). */
struct grant tokens_grant(const struct tokens *t, struct slice authorization);

/* True if the token with this number still opens what it opened. O(tokens). */
bool tokens_has(const struct tokens *t, uint64_t number);
