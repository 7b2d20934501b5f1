/*
 * scenario_sessions.c - clients that come, open a session, make something, and die without a word.
 *
 * What such a client held lives as long as its lease. With a lease of two seconds heapd cleans up behind it (session-expiry, in
 * which all die so). With one that is longer than the run, which somebody found simpler, they pile up (session-leak: one in ten
 * dies so, fewer in a long run; the others end their session). heapd grants a day at most, so a longer run sees them end.
 */
#include "client/load/scenario.h"
#include <stdlib.h>
#include <string.h>

#define LIVES_AT_ONCE_MAX 512
#define LEFT_MAX          90000 /* sessions that a run leaves behind; heapd takes 100,000 in all */
#define LEFT_WANTED       (LEFT_MAX * 0.9)
#define LEASE_S_MAX       86400 /* that heapd grants */
#define LEASE_S_MORE      3600  /* than the run */
#define OBJECTS_A_LIFE    3
#define ASKS_A_LIFE       (OBJECTS_A_LIFE + 2)
#define DIES_ONE_IN       10 /* or as many as make LEFT_WANTED in the run */

struct sessions_kind {
    unsigned ttl_s; /* 0: longer than the run */
    bool all_die;
};

enum what { OPEN, MAKE, END };

struct life {
    char token[ASK_SESSION_BYTES];
    unsigned made;
};

struct sessions {
    const struct sessions_kind *kind;
    unsigned ttl_s;
    uint64_t dies_one_in;
    struct life lives[LIVES_AT_ONCE_MAX];
    uint32_t ready[LIVES_AT_ONCE_MAX], unused[LIVES_AT_ONCE_MAX]; /* numbers of lives that may go on; that are none */
    uint32_t ready_count, unused_count;
    char (*left)[ASK_SESSION_BYTES]; /* the tokens of those that were left behind and will not end by themselves */
    size_t left_count, left_room;
};

static void set_pace(struct sessions *x, const struct scenario_world *w)
{
    double lease_s = w->duration_s + LEASE_S_MORE, deaths = w->rate * w->duration_s / ASKS_A_LIFE / DIES_ONE_IN;

    x->ttl_s = x->kind->ttl_s != 0 ? x->kind->ttl_s : lease_s < LEASE_S_MAX ? (unsigned)lease_s : LEASE_S_MAX;
    x->dies_one_in = x->kind->all_die ? 1 : DIES_ONE_IN * (deaths > LEFT_WANTED ? (uint64_t)(deaths / LEFT_WANTED) + 1 : 1);
}

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    struct sessions *x = calloc(1, sizeof *x);

    if (x == NULL)
        return NULL;
    x->kind = s->kind;
    set_pace(x, w);
    for (uint32_t i = 0; i < LIVES_AT_ONCE_MAX; i++)
        x->unused[x->unused_count++] = i;
    return x;
}

static void end(void *state)
{
    struct sessions *x = state;

    free(x->left);
    free(x);
}

/* Remember one that is left behind. False: it has to be ended instead. */
static bool leave(struct sessions *x, const struct life *l)
{
    size_t room = x->left_room == 0 ? 64 : x->left_room * 2;
    void *more;

    if (x->kind->all_die)
        return true;
    if (x->left_count == LEFT_MAX)
        return false;
    if (x->left_count == x->left_room) {
        if ((more = realloc(x->left, room * sizeof *x->left)) == NULL)
            return false;
        x->left = more;
        x->left_room = room;
    }
    memcpy(x->left[x->left_count++], l->token, sizeof l->token);
    return true;
}

static void open_session(struct sessions *x, struct ask *a)
{
    ask_begin(a, ASK_SESSION, "POST", OPEN, "/v1/sessions");
    a->tag = x->unused[--x->unused_count];
    text_printf(&a->body, "{\"ttl\":%u,\"label\":\"client\"}", x->ttl_s);
    x->lives[a->tag].made = 0;
}

static void go_on(struct sessions *x, struct ask *a)
{
    uint32_t number = x->ready[--x->ready_count];
    struct life *l = &x->lives[number];

    if (l->made < OBJECTS_A_LIFE) {
        ask_begin(a, ASK_CREATE, "POST", MAKE, "/v1/objects");
        text_printf(&a->body, "{\"class\":\"Work\",\"fields\":{\"number\":%u,\"of\":{\"client\":%u}}}", l->made, number);
        l->made++;
    } else {
        ask_begin(a, ASK_SESSION, "DELETE", END, "/v1/sessions/self");
    }
    memcpy(a->session, l->token, sizeof a->session);
    a->tag = number;
}

static bool next(void *state, struct dice *d, struct ask *a)
{
    struct sessions *x = state;

    if (x->ready_count > 0 && x->lives[x->ready[x->ready_count - 1]].made == OBJECTS_A_LIFE &&
        dice_once_in(d, x->dies_one_in) && leave(x, &x->lives[x->ready[x->ready_count - 1]]))
        x->unused[x->unused_count++] = x->ready[--x->ready_count];
    if (x->ready_count > 0)
        go_on(x, a);
    else if (x->unused_count > 0)
        open_session(x, a);
    else
        return false;
    return true;
}

/* The value of "token" in the answer to OPEN. */
static bool read_token(const char *body, char ret_token[ASK_SESSION_BYTES])
{
    static const char key[] = "\"token\":\"";
    const char *at = strstr(body, key);
    size_t length = at != NULL ? strcspn(at + strlen(key), "\"") : 0;

    if (length == 0 || length >= ASK_SESSION_BYTES)
        return false;
    memset(ret_token, 0, ASK_SESSION_BYTES);
    memcpy(ret_token, at + strlen(key), length);
    return true;
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    struct sessions *x = state;
    uint32_t number = (uint32_t)a->tag;
    bool goes_on = scenario_done(status) && a->what != END;

    if (a->what == OPEN && goes_on)
        goes_on = read_token(body, x->lives[number].token);
    if (goes_on)
        x->ready[x->ready_count++] = number;
    else
        x->unused[x->unused_count++] = number;
}

static bool tidy(void *state, struct ask *a)
{
    struct sessions *x = state;

    if (x->ready_count == 0 && x->left_count == 0)
        return false;
    ask_begin(a, ASK_SESSION, "DELETE", END, "/v1/sessions/self");
    memcpy(a->session, x->ready_count > 0 ? x->lives[x->ready[--x->ready_count]].token : x->left[--x->left_count], sizeof a->session);
    return true;
}

static const struct sessions_kind long_lease = {.ttl_s = 0, .all_die = false}, two_seconds = {.ttl_s = 2, .all_die = true};

const struct scenario scenario_session_leak = {
    .name = "session-leak",
    .says = "clients open a session with a lease that is longer than the run, and one in 10 dies without a word",
    .leaks = "yes, for a day: no lease is longer",
    .kind = &long_lease,
    .begin = begin,
    .end = end,
    .next = next,
    .answered = answered,
    .tidy = tidy,
};

const struct scenario scenario_session_expiry = {
    .name = "session-expiry",
    .says = "clients open a session with a lease of two seconds, and all die without a word",
    .leaks = "no",
    .kind = &two_seconds,
    .begin = begin,
    .end = end,
    .next = next,
    .answered = answered,
};
