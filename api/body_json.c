/*
 * body_json.c - see body_json.h.
 *
 * The other thread touches nothing but the struct. What it takes of memory is on the struct's own account while it
 * runs, and on the api's while it does not; the limit is what the api has left when it begins.
 */
#include "api/body_json.h"
#include "api/api_impl.h"
#include "api/decode.h"
#include "api/json_mem.h"
#include "heap/base/check.h"

#define BODY_JSON_MAGIC 0xb0d50001u

enum body_state { BODY_LINE, BODY_TEXT, BODY_READY, BODY_SPENT };

struct body_json {
    uint32_t magic;
    struct aside aside; /* under way in TEXT and SPENT */
    enum body_state state;
    bool unwanted;          /* the task ended in LINE or TEXT */
    struct body_json *next; /* in the line */
    struct api *api;
    struct buf text;
    size_t depth_max;
    struct mem mem;                        /* of jansson, on the other thread */
    size_t passed_bytes, passed_block_bytes; /* of it, on the account of the api now */
    json_t *json;                          /* NULL if it was refused: `why` */
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
    struct mem *before = json_mem_switch(&b->mem);

    if (decode_json(buf_slice(&b->text), b->depth_max, &b->json, &b->why) != ERR_OK)
        b->json = NULL;
    json_mem_switch(before);
}

static void forget(struct aside *aside)
{
    struct body_json *b = body_of(aside);
    struct mem *before = json_mem_switch(&b->mem);

    json_decref(b->json);
    json_mem_switch(before);
    mem_trim(); /* of the heap that the C library keeps for this thread, which nobody counts */
}

/* ---- on the loop's ---- */

static void destroy(struct body_json *b)
{
    struct mem *mem = b->api->mem;

    mem_fini(&b->mem);
    buf_fini(&b->text);
    b->magic = 0;
    mem_free(mem, b, sizeof *b);
}

static void call_line(struct api *api);

static void forgotten(struct aside *aside)
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
    mem_pass(b->api->mem, &b->mem, b->passed_bytes, b->passed_block_bytes);
    run_aside(b, forget, forgotten);
}

static void decoded(struct aside *aside)
{
    struct body_json *b = body_of(aside);

    b->state = BODY_READY;
    b->passed_bytes = b->mem.used_bytes;
    b->passed_block_bytes = b->mem.block_bytes;
    mem_pass(&b->mem, b->api->mem, b->passed_bytes, b->passed_block_bytes);
    buf_fini(&b->text);
    if (b->unwanted)
        spend(b);
}

/* What may be asked for until the account of the api is full. */
static size_t room_of(const struct mem *mem)
{
    if (mem->max_bytes == 0)
        return 0;
    return mem->used_bytes < mem->max_bytes ? mem->max_bytes - mem->used_bytes : 1;
}

static void open_body(struct body_json *b)
{
    b->api->bodies.open++;
    b->state = BODY_TEXT;
    mem_init(&b->mem, room_of(b->api->mem));
    run_aside(b, decode, decoded);
}

/* Whose turn it is; those that nobody wants any more have none. */
static void call_line(struct api *api)
{
    struct body_line *line = &api->bodies;

    while (line->first != NULL && line->open < BODIES_OPEN_MAX) {
        struct body_json *b = line->first;

        line->first = b->next;
        if (line->first == NULL)
            line->last = &line->first;
        if (b->unwanted)
            destroy(b);
        else
            open_body(b);
    }
}

struct body_json *body_json_begin(struct api *api, struct buf *text)
{
    struct body_json *b = mem_zalloc(api->mem, sizeof *b);

    if (b == NULL)
        return NULL;
    b->magic = BODY_JSON_MAGIC;
    b->api = api;
    b->text = *text;
    buf_init(text, api->mem, text->max);
    b->depth_max = (size_t)api->settings->json_depth_max;
    *api->bodies.last = b;
    api->bodies.last = &b->next;
    call_line(api);
    return b;
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
    b->unwanted = true;
    if (b->state == BODY_READY)
        spend(b);
}
