/*
 * body_json.c - see body_json.h.
 *
 * The other thread touches nothing but the struct, and maps its chunks on an account of the struct's own. The api's is
 * charged beside it: before and while it is decoded with what it may take, afterwards with what it took.
 */
#include "api/body_json.h"
#include "api/api_impl.h"
#include "api/decode.h"
#include "api/json_mem.h"
#include "api/json_size.h"
#include "heap/base/check.h"
#include <stdatomic.h>

#define BODY_JSON_MAGIC 0xb0d50001u
#define BYTES_PER_UNIT  256 /* of text that is looked through */

enum body_state { BODY_SIZE, BODY_LINE, BODY_TEXT, BODY_READY, BODY_SPENT };

struct body_json {
    uint32_t magic;
    struct aside aside;         /* under way in TEXT and SPENT */
    enum body_state state;
    bool open;                  /* from TEXT on; not if it was refused a place there */
    bool refusable;
    atomic_bool unwanted;       /* the task ended in TEXT */
    struct body_json *next, **at; /* in the line */
    struct api *api;
    struct buf text;
    struct json_size size;      /* of what was looked through ... */
    size_t sized;               /* ... bytes of the text */
    size_t depth_max;
    struct mem mem;             /* of the region, on the other thread */
    size_t charged_bytes;       /* for it, on the account of the api */
    struct json_region region;
    json_t *json;               /* NULL if it was refused: `why` */
    struct why why;
};

static struct body_json *body_of(struct aside *aside)
{
    struct body_json *b = (struct body_json *)(void *)((char *)aside - offsetof(struct body_json, aside));

    CHECK_IS(b, BODY_JSON_MAGIC);
    return b;
}

/* ---- on the other thread ---- */

static void decode(struct aside *aside)
{
    struct body_json *b = body_of(aside);

    if (atomic_load(&b->unwanted))
        return;
    json_region_enter(&b->region);
    if (decode_json(buf_slice(&b->text), b->depth_max, &b->json, &b->why) != ERR_OK)
        b->json = NULL;
    json_region_leave();
}

static void give_back(struct aside *aside)
{
    json_region_fini(&body_of(aside)->region);
}

/* ---- on the loop's ---- */

static void charge(struct body_json *b, size_t bytes)
{
    mem_uncharge(b->api->mem, b->charged_bytes);
    mem_charge_spent(b->api->mem, bytes);
    b->charged_bytes = bytes;
}

static void drop_text(struct body_json *b)
{
    b->api->bodies.text_bytes -= b->text.len;
    buf_fini(&b->text);
}

static void destroy(struct body_json *b)
{
    struct mem *mem = b->api->mem;

    mem_fini(&b->mem);
    charge(b, 0);
    drop_text(b);
    b->magic = 0;
    mem_free(mem, b, sizeof *b);
}

static void call_line(struct api *api);

static void given_back(struct aside *aside)
{
    struct body_json *b = body_of(aside);
    struct api *api = b->api;

    destroy(b);
    api->bodies.open--;
    call_line(api);
}

static void run_aside(struct body_json *b, void (*run)(struct aside *), void (*done)(struct aside *))
{
    const struct api_world *w = &b->api->world;

    b->aside = (struct aside){.run = run, .done = done};
    w->run_aside(w->ctx, &b->aside);
}

static void spend(struct body_json *b)
{
    b->state = BODY_SPENT;
    run_aside(b, give_back, given_back);
}

static void decoded(struct aside *aside)
{
    struct body_json *b = body_of(aside);

    b->state = BODY_READY;
    charge(b, b->mem.used_bytes);
    drop_text(b);
    if (atomic_load(&b->unwanted))
        spend(b);
}

/* ---- the line ---- */

static struct body_json *find_shortest(const struct body_line *line)
{
    struct body_json *found = line->first, *b = found;

    for (int i = 0; i < BODIES_LOOKED_AT_MAX && b != NULL; i++, b = b->next)
        if (b->text.len < found->text.len)
            found = b;
    return found;
}

static void leave_line(struct body_line *line, struct body_json *b)
{
    *b->at = b->next;
    if (b->next != NULL)
        b->next->at = b->at;
    else
        line->last = b->at;
}

/* Whoever's turn it is that the line moves on. */
static bool charge_if_room(struct mem *mem, size_t bytes)
{
    size_t reach = mem_reach(mem, REACH_GROW);
    bool charged = mem_charge(mem, bytes);

    mem_reach(mem, reach);
    return charged;
}

/* Is there room for its JSON? Asked for at once, so that it is there when it is needed. */
static bool find_room(struct body_json *b)
{
    size_t bytes = json_size_bytes(&b->size);

    if (!b->refusable)
        mem_charge_spent(b->api->mem, bytes);
    else if (!charge_if_room(b->api->mem, bytes))
        return false;
    b->charged_bytes = bytes;
    return true;
}

static void open_body(struct body_json *b)
{
    b->api->bodies.open++;
    b->open = true;
    b->state = BODY_TEXT;
    mem_init(&b->mem, b->charged_bytes);
    run_aside(b, decode, decoded);
}

static void refuse(struct body_json *b)
{
    why_set(&b->why, ERR_NOMEM, "no memory for up to %zu bytes that %zu of JSON may take", json_size_bytes(&b->size),
            b->text.len);
    drop_text(b);
    b->state = BODY_READY;
}

/* Whose turn it is. Who finds no room beside others waits until they are gone: their end calls again. */
static void call_line(struct api *api)
{
    struct body_line *line = &api->bodies;

    while (line->first != NULL && line->open < BODIES_OPEN_MAX) {
        bool oldest = (line->turn + 1) % BODIES_OLDEST_EVERY == 0;
        struct body_json *b = oldest ? line->first : find_shortest(line);
        bool room = find_room(b);

        if (!room && line->open > 0)
            return;
        line->turn++;
        leave_line(line, b);
        if (room)
            open_body(b);
        else
            refuse(b);
    }
}

static void join_line(struct body_json *b)
{
    struct body_line *line = &b->api->bodies;

    b->state = BODY_LINE;
    b->at = line->last;
    *line->last = b;
    line->last = &b->next;
    call_line(b->api);
}

/* ---- from task to task ---- */

/* Those who wait for us have half of the room for all buffers (edge.c): one is let in whatever its length. */
static bool line_is_full(const struct api *api, size_t len)
{
    const struct body_line *line = &api->bodies;

    return line->text_bytes > 0 && line->text_bytes + len > api->settings->buffer_bytes_max / 2;
}

enum err body_json_begin(struct api *api, struct buf *text, bool refusable, struct body_json **ret, struct why *why)
{
    struct body_json *b;

    if (refusable && line_is_full(api, text->len))
        return why_limit(why, ERR_TOO_MANY, "buffer_bytes_max", api->settings->buffer_bytes_max,
                         "too many long bodies of JSON wait to be decoded: ask again");
    if ((b = mem_zalloc(api->mem, sizeof *b)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to read this JSON");
    b->magic = BODY_JSON_MAGIC;
    b->api = api;
    b->refusable = refusable;
    b->text = *text;
    buf_init(text, api->mem, text->max);
    b->depth_max = (size_t)api->settings->json_depth_max;
    json_region_init(&b->region, &b->mem);
    api->bodies.text_bytes += b->text.len;
    *ret = b;
    return ERR_OK;
}

bool body_json_step(struct body_json *b, size_t units)
{
    size_t left = b->text.len - b->sized;

    CHECK_IS(b, BODY_JSON_MAGIC);
    if (b->state != BODY_SIZE)
        return false;
    if (units < left / BYTES_PER_UNIT)
        left = units * BYTES_PER_UNIT;
    json_size_add(&b->size, (struct slice){b->text.data + b->sized, left});
    b->sized += left;
    if (b->sized < b->text.len)
        return true;
    join_line(b);
    return b->state == BODY_READY;
}

bool body_json_is_ready(const struct body_json *b)
{
    CHECK_IS(b, BODY_JSON_MAGIC);
    return b->state == BODY_READY;
}

size_t body_json_depth_max(const struct body_json *b)
{
    return b->depth_max;
}

size_t body_json_text_bytes(const struct body_json *b)
{
    return b->text.cap; /* the other thread only reads it */
}

enum err body_json_get(const struct body_json *b, json_t **ret, struct why *why)
{
    CHECK(body_json_is_ready(b));
    if (b->json == NULL) {
        if (why != NULL)
            *why = b->why;
        return b->why.err;
    }
    *ret = json_incref(b->json);
    return ERR_OK;
}

void body_json_end(struct body_json **pb)
{
    struct body_json *b = *pb;

    *pb = NULL;
    if (b == NULL)
        return;
    CHECK_IS(b, BODY_JSON_MAGIC);
    if (b->state == BODY_TEXT) {
        atomic_store(&b->unwanted, true);
        return;
    }
    if (b->open) {
        spend(b);
        return;
    }
    if (b->state == BODY_LINE)
        leave_line(&b->api->bodies, b);
    destroy(b);
}
