/*
 * tokens.c - see tokens.h.
 *
 * The text of the file lies in one array on the stack, which is wiped when its lines have become hashes.
 */
#include "daemon/tokens.h"
#include "api/route.h"
#include "heap/base/check.h"
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

static void hash_token(const struct tokens *t, struct slice text, unsigned char hash[TOKEN_HASH_BYTES])
{
    CHECK(crypto_generichash(hash, TOKEN_HASH_BYTES, (const unsigned char *)text.data, text.len, t->key,
                             sizeof t->key) == 0);
}

/* The token with this hash, or NULL. It takes as long whichever it is, and however much of a hash is the same. */
static const struct token *find(const struct tokens *t, const unsigned char hash[TOKEN_HASH_BYTES])
{
    const struct token *found = NULL;

    for (size_t i = 0; i < t->count; i++) {
        if (crypto_verify_32(t->list[i].hash, hash) == 0) /* in the same time for any two */
            found = &t->list[i];
    }
    return found;
}

/* ---- one line ---- */

static bool read_scope(struct slice word, enum access *ret)
{
    for (enum access a = ACCESS_READ; a <= ACCESS_ADMIN; a++) {
        if (slice_is(word, access_name(a))) {
            *ret = a;
            return true;
        }
    }
    return false;
}

/* A header can carry it as it is: visible ASCII. */
static bool is_visible(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] <= ' ' || s.data[i] > '~')
            return false;
    }
    return true;
}

/* The number that this token had in `before`, if it might do no more there; else a new one. */
static uint64_t number_of(struct tokens *t, const struct tokens *before, enum access access, struct slice text)
{
    unsigned char hash[TOKEN_HASH_BYTES];
    const struct token *same;

    hash_token(before, text, hash);
    same = find(before, hash);
    return same != NULL && same->access <= access ? same->number : ++t->last_number;
}

static enum err add(struct tokens *t, const struct tokens *before, struct slice label, enum access access,
                    struct slice text, struct why *why)
{
    struct token *token = &t->list[t->count];

    if (t->count == TOKENS_MAX)
        return why_set(why, ERR_BAD_VALUE, "there are more than %d tokens", TOKENS_MAX);
    if (label.len > TOKEN_LABEL_MAX || !is_visible(label))
        return why_set(why, ERR_BAD_VALUE, "a label has 1 to %d visible bytes", TOKEN_LABEL_MAX);
    if (text.len > TOKEN_BYTES_MAX || !is_visible(text))
        return why_set(why, ERR_BAD_VALUE, "a token has 1 to %d visible bytes", TOKEN_BYTES_MAX);
    hash_token(t, text, token->hash);
    if (find(t, token->hash) != NULL)
        return why_set(why, ERR_BAD_VALUE, "this token stands in an earlier line too");
    token->access = access;
    token->number = number_of(t, before, access, text);
    memcpy(token->label, label.data, label.len);
    token->label[label.len] = '\0';
    t->short_count += text.len < TOKEN_BYTES_WISE;
    t->count++;
    return ERR_OK;
}

static enum err read_line(struct tokens *t, const struct tokens *before, struct slice line, struct why *why)
{
    struct slice label = slice_word(&line), scope = slice_word(&line), text = slice_word(&line);
    enum access access = ACCESS_OPEN;

    if (label.len == 0 || label.data[0] == '#')
        return ERR_OK;
    if (text.len == 0 || slice_word(&line).len > 0 || !read_scope(scope, &access))
        return why_set(why, ERR_BAD_VALUE, "a line is `LABEL read|write|admin TOKEN`");
    return add(t, before, label, access, text, why);
}

/* ---- the file ---- */

static enum err refuse(struct why *why, const char *path, unsigned line, const char *sentence)
{
    if (line == 0)
        return why_set(why, ERR_BAD_VALUE, "%s: %s", path, sentence);
    return why_set(why, ERR_BAD_VALUE, "%s:%u: %s", path, line, sentence);
}

static enum err read_lines(struct tokens *t, const struct tokens *before, struct slice text, const char *path,
                           struct why *why)
{
    struct why wrong = {0};

    for (unsigned number = 1; text.len > 0; number++) {
        if (read_line(t, before, slice_line(&text), &wrong) != ERR_OK)
            return refuse(why, path, number, wrong.text);
    }
    return t->count > 0 ? ERR_OK : refuse(why, path, 0, "there is no token in it: nobody could come in");
}

/* All of an open file into `text`. */
static enum err read_open(struct tokens *t, int fd, const char *path, char text[TOKEN_FILE_BYTES_MAX],
                          size_t *ret_len, struct why *why)
{
    struct stat s;
    ssize_t got;

    if (fstat(fd, &s) != 0)
        return refuse(why, path, 0, strerror(errno));
    if (!S_ISREG(s.st_mode))
        return refuse(why, path, 0, "this is not a plain file");
    t->others_read_it = (s.st_mode & S_IROTH) != 0;
    while ((got = read(fd, text + *ret_len, TOKEN_FILE_BYTES_MAX - *ret_len)) > 0)
        *ret_len += (size_t)got;
    if (got < 0)
        return refuse(why, path, 0, strerror(errno));
    return *ret_len < TOKEN_FILE_BYTES_MAX ? ERR_OK : refuse(why, path, 0, "it is too large");
}

static enum err read_text(struct tokens *t, const char *path, char text[TOKEN_FILE_BYTES_MAX], size_t *ret_len,
                          struct why *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* nothing that we would wait for */
    enum err e;

    if (fd < 0)
        return refuse(why, path, 0, strerror(errno));
    e = read_open(t, fd, path, text, ret_len, why);
    close(fd);
    return e;
}

enum err tokens_read(struct tokens *t, const char *path, struct why *why)
{
    struct tokens next = {.last_number = t->last_number};
    char text[TOKEN_FILE_BYTES_MAX];
    size_t len = 0;
    enum err e;

    CHECK(sodium_init() >= 0);
    crypto_generichash_keygen(next.key);
    if ((e = read_text(&next, path, text, &len, why)) == ERR_OK)
        e = read_lines(&next, t, (struct slice){text, len}, path, why);
    sodium_memzero(text, len);
    if (e == ERR_OK)
        *t = next;
    return e;
}

/* ---- a request's ---- */

/* The token of `Bearer TOKEN` (RFC 6750, 2.1); false for anything else. */
static bool bearer(struct slice value, struct slice *ret)
{
    struct slice scheme = slice_word(&value);

    *ret = slice_word(&value);
    return slice_is_nocase(scheme, "Bearer") && ret->len > 0 && ret->len <= TOKEN_BYTES_MAX &&
           slice_word(&value).len == 0;
}

struct grant tokens_grant(const struct tokens *t, struct slice authorization)
{
    struct grant g = {.access = ACCESS_OPEN, .shown = authorization.len > 0};
    unsigned char hash[TOKEN_HASH_BYTES];
    const struct token *token;
    struct slice text;

    if (!bearer(authorization, &text))
        return g;
    hash_token(t, text, hash);
    token = find(t, hash);
    if (token != NULL)
        g = (struct grant){token->access, .shown = true, .label = slice_of(token->label), .token = token->number};
    return g;
}

bool tokens_has(const struct tokens *t, uint64_t number)
{
    for (size_t i = 0; i < t->count; i++) {
        if (t->list[i].number == number)
            return true;
    }
    return false;
}
