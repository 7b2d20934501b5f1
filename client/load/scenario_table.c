/*
 * scenario_table.c - something that is entered under names: listeners with a registry, entries with a cache.
 *
 * In balance the oldest goes when there are enough. The two that leak never take anything out.
 */
#include "client/load/ring.h"
#include "client/load/scenario.h"

struct table_kind {
    const char *table, *entry, *fields; /* classes, and the fields of an entry */
    uint64_t reads_in_ten;              /* requests that only look */
    bool evicts;
};

enum what { MAKE_TABLE, ENTER, LOOK, TAKE_OUT };

struct table {
    const struct table_kind *kind;
    uint64_t id; /* of the object with the names; 0: not made yet */
    bool making; /* it */
    uint64_t entered;
    struct ring names; /* the last that were entered, and are there */
    size_t full, entering, clients;
};

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    struct table *t = calloc(1, sizeof *t);

    if (t == NULL)
        return NULL;
    t->kind = s->kind;
    t->full = scenario_working_set(w);
    t->clients = w->clients;
    if (ring_init(&t->names, t->full))
        return t;
    free(t);
    return NULL;
}

static void end(void *state)
{
    struct table *t = state;

    ring_fini(&t->names);
    free(t);
}

static void enter(struct table *t, struct dice *d, struct ask *a)
{
    ask_begin(a, ASK_CREATE, "POST", ENTER, "/v1/objects");
    a->tag = t->entered++;
    text_printf(&a->body, "{\"class\":\"%s\",\"fields\":{", t->kind->entry);
    text_printf(&a->body, "\"number\":%llu,\"%s\":%llu},\"into\":{\"id\":%llu,\"field\":\"n%llu\"}}", (unsigned long long)a->tag,
                t->kind->fields, (unsigned long long)dice_below(d, 1000), (unsigned long long)t->id, (unsigned long long)a->tag);
    t->entering++;
}

/* The oldest that may be looked at, of the younger half: on each connection one may be taken out meanwhile. */
static size_t look_from(const struct table *t)
{
    return t->names.count / 2 > t->clients ? t->names.count / 2 : t->clients;
}

static void look(const struct table *t, struct dice *d, struct ask *a)
{
    size_t from = look_from(t);

    ask_begin(a, ASK_READ, "GET", LOOK, "/v1/objects/%llu/fields/n%llu", (unsigned long long)t->id,
              (unsigned long long)ring_at(&t->names, from + (size_t)dice_below(d, t->names.count - from)));
}

/* True: *a is that; false: it is under way. */
static bool make_table(struct table *t, struct ask *a)
{
    if (t->making)
        return false;
    ask_begin(a, ASK_CREATE, "POST", MAKE_TABLE, "/v1/objects");
    text_printf(&a->body, "{\"class\":\"%s\",\"fields\":{}}", t->kind->table);
    return t->making = true;
}

static bool next(void *state, struct dice *d, struct ask *a)
{
    struct table *t = state;

    if (t->id == 0)
        return make_table(t, a);
    if (t->names.count >= SCENARIO_WORKING_SET_MIN && t->names.count > look_from(t) && dice_below(d, 10) < t->kind->reads_in_ten)
        look(t, d, a);
    else if (t->kind->evicts && t->names.count + t->entering >= t->full && t->names.count > t->full / 2)
        ask_begin(a, ASK_DROP, "DELETE", TAKE_OUT, "/v1/objects/%llu/fields/n%llu", (unsigned long long)t->id,
                  (unsigned long long)ring_shift(&t->names));
    else if (!t->kind->evicts || t->names.count + t->entering < t->full)
        enter(t, d, a);
    else
        return false;
    return true;
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    struct table *t = state;

    if (a->what == MAKE_TABLE) {
        t->id = scenario_done(status) ? scenario_id(body) : 0;
        t->making = false;
    } else if (a->what == ENTER) {
        t->entering--;
        if (!scenario_done(status))
            return;
        if (t->names.count == t->full)
            (void)ring_shift(&t->names); /* it stays in the table, and is never thought of again */
        (void)ring_push(&t->names, a->tag);
    }
}

static const struct table_kind registry = {"Registry", "Listener", "topic", 5, false};
static const struct table_kind tidy_registry = {"Registry", "Listener", "topic", 5, true};
static const struct table_kind cache = {"Cache", "Entry", "hits", 7, false};
static const struct table_kind tidy_cache = {"Cache", "Entry", "hits", 7, true};

#define TABLE(variable, name_, says_, leaks_, kind_)                                                         \
    const struct scenario variable = {.name = name_,                                                         \
                                      .says = says_,                                                         \
                                      .leaks = leaks_,                                                       \
                                      .kind = &kind_,                                                        \
                                      .begin = begin,                                                        \
                                      .end = end,                                                            \
                                      .next = next,                                                          \
                                      .answered = answered}

TABLE(scenario_listener_leak, "listener-leak", "listeners are entered in a registry, and never taken out", "yes", registry);
TABLE(scenario_listener_churn, "listener-churn", "listeners are entered in a registry, and taken out", "no", tidy_registry);
TABLE(scenario_cache_without_eviction, "cache-without-eviction", "what is looked up is kept in a cache, for ever", "yes", cache);
TABLE(scenario_cache_with_eviction, "cache-with-eviction", "what is looked up is kept in a cache, until it is full", "no", tidy_cache);
