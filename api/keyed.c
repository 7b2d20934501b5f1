/*
 * keyed.c - see keyed.h.
 *
 * Names and prints are BLAKE2b hashes of 256 bits: what has the same hash is the same, so no text is kept to compare,
 * and a body is hashed as it comes. Parts of what is hashed have their lengths before them, so that none can pass for
 * the end of another.
 */
#include "api/keyed.h"
#include "api/admit.h"
#include "api/idempotency.h"
#include "heap/base/check.h"
#include <sodium.h>

#define KEY_BYTES_MAX 255
#define STATE_ALIGN   64 /* of sodium's; an allocation has less */
#define RETRY_AFTER_S 1

struct keyed {
    struct idem_hash name;
    struct idem_entry *entry;   /* of the first, which this is, while it runs */
    bool again;                 /* or it has been answered, and the reply is that answer ... */
    bool lost;                  /* ... without its body ... */
    struct idem_hash first;     /* ... if this was asked */
    uint64_t body_left;         /* bytes of the body that are still to be hashed */
    unsigned char state[sizeof(crypto_generichash_state) + STATE_ALIGN - 1];
};

/* ---- hashes ---- */

static crypto_generichash_state *state_of(struct keyed *k)
{
    uintptr_t at = (uintptr_t)k->state + STATE_ALIGN - 1;

    return (crypto_generichash_state *)(at - at % STATE_ALIGN);
}

static void hash_begin(struct keyed *k)
{
    CHECK(crypto_generichash_init(state_of(k), NULL, 0, IDEM_HASH_BYTES) == 0);
}

static void hash_add(struct keyed *k, const void *data, size_t len)
{
    CHECK(crypto_generichash_update(state_of(k), data, len) == 0);
}

static void hash_part(struct keyed *k, struct slice part)
{
    uint64_t len = part.len;

    hash_add(k, &len, sizeof len);
    hash_add(k, part.data, part.len);
}

static struct idem_hash hash_end(struct keyed *k)
{
    struct idem_hash h;

    CHECK(crypto_generichash_final(state_of(k), h.bytes, sizeof h.bytes) == 0);
    return h;
}

/* ... of what has come so far: more may follow. */
static struct idem_hash hash_so_far(struct keyed *k)
{
    struct keyed copy;

    memcpy(state_of(&copy), state_of(k), sizeof(crypto_generichash_state)); /* each where it is aligned */
    return hash_end(&copy);
}

/* Whose key, and which. People are known by the label of their token: it stays when the token is replaced. */
static void hash_name(struct task *t, struct slice label)
{
    struct keyed *k = t->keyed;

    hash_begin(k);
    hash_part(k, label);
    hash_add(k, &t->session, sizeof t->session);
    hash_part(k, t->headers.idempotency_key);
    k->name = hash_end(k);
}

/* What is asked, but for its body. */
static void begin_print(struct task *t, const struct request *r)
{
    struct keyed *k = t->keyed;

    hash_begin(k);
    hash_part(k, r->path);
    hash_part(k, r->query);
    hash_part(k, t->body_is_bytes ? SLICE("bytes") : SLICE("json"));
    k->body_left = IDEM_WHOLE;
}

void keyed_feed(struct task *t, struct slice bytes)
{
    struct keyed *k = t->keyed;
    size_t len = bytes.len < k->body_left ? bytes.len : (size_t)k->body_left;

    if (len == 0)
        return;
    hash_add(k, bytes.data, len);
    k->body_left -= len;
}

/* ---- the head ---- */

static bool is_printable(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < ' ' || s.data[i] > '~')
            return false;
    }
    return true;
}

/* The draft puts it in quotes, most clients do not: it is taken as it is. But nobody means "" for a key. */
static enum err check_key(struct slice key, struct why *why)
{
    if (key.len > 0 && key.len <= KEY_BYTES_MAX && is_printable(key) && !slice_is(key, "\"\""))
        return ERR_OK;
    return why_set(why, ERR_BAD_REQUEST, "an Idempotency-Key is 1 to %d printable ASCII characters", KEY_BYTES_MAX);
}

/* Answers that leave line by line cannot be kept; these come in one piece, at the end. */
static enum err check_stream(const struct task *t, struct why *why)
{
    struct slice reply;

    if (!task_is_stream(t) || query_is_true(t, "atomic") ||
        (query_get(t, "reply", &reply) && slice_is(reply, "summary")))
        return ERR_OK;
    return why_set(why, ERR_BAD_VALUE,
                   "an Idempotency-Key is for a batch with ?atomic=true or ?reply=summary: an answer that is sent "
                   "line by line is not kept");
}

enum err keyed_admit(struct task *t, const struct request *r, struct why *why)
{
    enum err e;

    if ((e = check_key(t->headers.idempotency_key, why)) || (e = check_stream(t, why)))
        return e;
    t->keyed = mem_zalloc(t->api->mem, sizeof *t->keyed);
    if (t->keyed == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a request with a key");
    hash_name(t, r->grant.label);
    begin_print(t, r);
    return task_is_stream(t) ? keyed_begin(t, why) : ERR_OK;
}

/* ---- first, or again? ---- */

/* Take the answer now: it may be dropped before the body is whole. */
static void take_answer(struct task *t, const struct idem_entry *first)
{
    const struct idem_answer *a = idem_answer(first);
    struct keyed *k = t->keyed;
    struct reply *r = &t->reply;

    k->again = true;
    k->lost = a->lost;
    k->first = idem_print(first)->hash;
    k->body_left = idem_print(first)->body_bytes;
    r->status = a->status;
    r->content_type = a->content_type;
    r->has_etag = a->has_etag;
    r->etag = a->etag;
    CHECK(a->location.len < sizeof r->location);
    *slice_copy(r->location, a->location) = '\0';
    buf_add_slice(&r->body, a->body);
    t->state = TASK_DISCARD;
}

enum err keyed_begin(struct task *t, struct why *why)
{
    struct keyed *k = t->keyed;
    struct idem_entry *first = idem_find(t->api->idempotency, &k->name);

    if (first == NULL) {
        k->entry = idem_begin(t->api->idempotency, &k->name);
        return k->entry != NULL ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to remember an Idempotency-Key");
    }
    if (idem_is_running(first)) {
        t->reply.retry_after_s = RETRY_AFTER_S;
        return why_set(why, ERR_BUSY, "the first request with this Idempotency-Key is still being carried out");
    }
    take_answer(t, first);
    return ERR_OK;
}

/* ---- the end ---- */

static void end(struct task *t)
{
    CHECK(t->keyed->entry == NULL);
    mem_free(t->api->mem, t->keyed, sizeof *t->keyed);
    t->keyed = NULL;
}

void keyed_forget(struct task *t)
{
    if (t->keyed->entry != NULL)
        idem_forget(t->api->idempotency, &t->keyed->entry);
    end(t);
}

static struct idem_answer answer_of(const struct reply *r)
{
    CHECK(r->payload == NULL && !r->streaming); /* else a part of it is not in the body */
    return (struct idem_answer){
        .status = r->status,
        .content_type = r->content_type,
        .has_etag = r->has_etag,
        .etag = r->etag,
        .lost = r->body.failed,
        .location = slice_of(r->location),
        .body = r->body.failed ? SLICE("") : buf_slice(&r->body),
    };
}

static struct idem_print print_of(const struct task *t, struct idem_hash hash)
{
    return (struct idem_print){hash, t->body_whole ? IDEM_WHOLE : t->body_seen};
}

/* Whoever keeps answers shall keep this one. */
static void hand_over(struct task *t, const struct idem_print *print, const struct idem_answer *answer)
{
    const struct api_answers *keeper = &t->api->world.answers;
    struct keyed *k = t->keyed;

    if (keeper->keep == NULL)
        return;
    struct idem_record r = {idem_tell(t->api->idempotency, k->entry), &k->name, print, answer};

    keeper->keep(keeper->ctx, &r);
}

enum err keyed_prepare(struct task *t, struct why *why)
{
    const struct api_answers *keeper = &t->api->world.answers;

    return t->keyed == NULL || keeper->prepare == NULL ? ERR_OK : keeper->prepare(keeper->ctx, why);
}

void keyed_tell(struct task *t)
{
    struct idem_print print = print_of(t, hash_so_far(t->keyed));
    struct idem_answer answer = answer_of(&t->reply);

    if (answer.body.len > t->api->settings->idempotency_answer_bytes_max) {
        answer.body = SLICE("");
        answer.lost = true;
    }
    hand_over(t, &print, &answer);
}

void keyed_keep(struct task *t)
{
    struct keyed *k = t->keyed;
    struct idem_print print = print_of(t, hash_end(k));
    struct idem_answer answer = answer_of(&t->reply);

    idem_finish(t->api->idempotency, k->entry, &print, &answer, api_now_ms(t->api));
    hand_over(t, idem_print(k->entry), idem_answer(k->entry));
    k->entry = NULL;
    end(t);
}

static enum err check_again(struct task *t, struct why *why)
{
    struct keyed *k = t->keyed;
    struct idem_hash now = hash_end(k);
    uint64_t max = t->api->settings->idempotency_answer_bytes_max;

    if (memcmp(now.bytes, k->first.bytes, sizeof now.bytes) != 0)
        return why_set(why, ERR_BAD_VALUE,
                       "this Idempotency-Key came with another path, query or body before: what is new needs a new key");
    if (k->lost)
        return why_limit(why, ERR_NOT_KEPT, "idempotency_answer_bytes_max", max,
                         "this was done, and answered with %d, before; the answer was too long to be kept",
                         t->reply.status);
    return t->reply.body.failed ? why_set(why, ERR_NOMEM, "no memory for the answer") : ERR_OK;
}

/* Its body is whole. */
static void answer_again(struct task *t)
{
    char location[REPLY_LOCATION_MAX];
    struct why why;

    why_init(&why);
    if (check_again(t, &why) == ERR_OK) {
        t->reply.replayed = true;
        t->api->counters.replays++;
        return;
    }
    memcpy(location, t->reply.location, sizeof location);
    reply_problem(t, &why);
    if (why.err == ERR_NOT_KEPT)
        memcpy(t->reply.location, location, sizeof location); /* it leads to what was made */
}

bool keyed_is_final(int status)
{
    return status < 500 && status != 429;
}

void keyed_finish(struct task *t)
{
    struct keyed *k = t->keyed;

    if (k->entry != NULL && keyed_is_final(t->reply.status)) {
        keyed_keep(t);
        return;
    }
    if (k->again)
        answer_again(t);
    keyed_forget(t);
}
