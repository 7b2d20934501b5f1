/*
 * redo_write.c - changes become text (redo.h).
 *
 * Whatever a change needs of memory it needs before it has happened, so it can be refused. The account is charged and not
 * asked: what lets go of something must be written down when the heap is full, too; who collects the text sees to it that
 * there is not too much (daemon/keeper.h).
 */
#include "api/documents.h"
#include "api/redo.h"
#include "heap/base/check.h"
#include "heap/pool.h"

#define PARTS_AT_ONCE 32
#define PLACES_MAX    24 /* written one by one; more are shorter as bits */

/* ---- life ---- */

void redo_init(struct redo *r, struct heap *heap, struct mem *mem)
{
    *r = (struct redo){.heap = heap, .mem = mem};
}

void redo_drop_chunk(struct redo *r, struct redo_chunk *c)
{
    buf_fini(&c->text);
    mem_free(r->mem, c, sizeof *c);
}

static void drop_bytes_from(struct redo *r, size_t at)
{
    while (r->bytes_count > 0 && r->bytes[r->bytes_count - 1].at >= at) {
        struct redo_bytes *b = &r->bytes[--r->bytes_count];

        r->payload_bytes -= b->payload->len;
        payload_release(&b->payload);
    }
}

void redo_fini(struct redo *r)
{
    drop_bytes_from(r, 0);
    mem_free(r->mem, r->bytes, r->bytes_room * sizeof *r->bytes);
    while (r->first != NULL) {
        struct redo_chunk *c = r->first;

        r->first = c->next;
        redo_drop_chunk(r, c);
    }
    if (r->spare != NULL)
        redo_drop_chunk(r, r->spare);
    redo_init(r, r->heap, r->mem);
}

size_t redo_text_bytes(const struct redo *r)
{
    return r->last == NULL ? 0 : r->before_last + r->last->text.len;
}

/* ---- marks ---- */

size_t redo_mark(void *ctx)
{
    return redo_text_bytes(ctx);
}

/* The chunk that has byte `mark`, or ends there, is the last. */
static void drop_chunks_behind(struct redo *r, size_t mark)
{
    struct redo_chunk *c = r->first;
    size_t before = 0;

    while (mark - before > c->text.len) {
        before += c->text.len;
        c = c->next;
    }
    while (c->next != NULL) {
        struct redo_chunk *next = c->next;

        c->next = next->next;
        redo_drop_chunk(r, next);
    }
    r->last = c;
    r->before_last = before;
}

void redo_cut(void *ctx, size_t mark)
{
    struct redo *r = ctx;

    CHECK(mark <= redo_text_bytes(r));
    if (r->last == NULL)
        return;
    if (mark < r->before_last)
        drop_chunks_behind(r, mark);
    r->last->text.len = mark - r->before_last;
    drop_bytes_from(r, mark);
}

/* ---- lines ---- */

struct redo_chunk *redo_new_chunk(struct redo *r)
{
    struct redo_chunk *c = mem_zalloc(r->mem, sizeof *c);

    if (c == NULL)
        return NULL;
    buf_init(&c->text, r->mem, SIZE_MAX);
    c->text.lends = true;
    return c;
}

void redo_add_chunk(struct redo *r, struct redo_chunk *c)
{
    r->before_last = redo_text_bytes(r);
    *(r->last != NULL ? &r->last->next : &r->first) = c;
    r->last = c;
}

struct buf *redo_room_for_line(struct redo *r)
{
    struct redo_chunk *c;

    if (r->last != NULL && r->last->text.len < REDO_CHUNK_BYTES)
        return &r->last->text;
    if ((c = redo_new_chunk(r)) == NULL)
        return NULL;
    redo_add_chunk(r, c);
    return &c->text;
}

static bool keep_bytes(struct redo *r, obj_id id, struct payload *p)
{
    if (r->bytes_count == r->bytes_room) {
        size_t room = r->bytes_room == 0 ? 8 : 2 * r->bytes_room;
        struct redo_bytes *bytes = mem_realloc_spent(r->mem, r->bytes, r->bytes_room * sizeof *bytes, room * sizeof *bytes);

        if (bytes == NULL)
            return false;
        r->bytes = bytes;
        r->bytes_room = room;
    }
    r->bytes[r->bytes_count++] = (struct redo_bytes){id, payload_hold(p), redo_text_bytes(r)};
    r->payload_bytes += p->len;
    return true;
}

void redo_open_line(struct out *o, enum redo_verb verb)
{
    out_open_array(o);
    out_string(o, slice_of(redo_verb_name(verb)));
}

void redo_close_line(struct out *o)
{
    out_close_array(o);
    out_line_end(o);
}

/* ---- one for each kind of change ---- */

/* All of them, and not one call more than that takes: most objects are asked once. */
static void write_parts(const struct redo *r, struct out *o, const struct object_info *info, bool named)
{
    struct part_cursor cursor = {0};
    struct part parts[PARTS_AT_ONCE];
    size_t n;

    for (uint64_t left = info->parts; left > 0; left -= n) {
        n = heap_next_parts(r->heap, info->id, &cursor, parts, PARTS_AT_ONCE);
        CHECK(n > 0 && n <= left);
        for (size_t i = 0; i < n; i++) {
            if (named)
                out_name(o, parts[i].name);
            value_write(o, &parts[i].value);
        }
    }
}

static void write_contents(const struct redo *r, struct out *o, const struct object_info *info)
{
    switch (info->kind) {
    case HEAP_RECORD:
        out_open_object(o);
        write_parts(r, o, info, true);
        out_close_object(o);
        break;
    case HEAP_LIST:
        out_open_array(o);
        write_parts(r, o, info, false);
        out_close_array(o);
        break;
    case HEAP_BYTES:
        out_null(o);
        break;
    }
}

static void write_new(const struct redo *r, struct out *o, const struct change *c)
{
    struct object_info info;

    CHECK(heap_info(r->heap, c->id, &info, NULL) == ERR_OK);
    redo_open_line(o, REDO_NEW);
    out_u64(o, c->id);
    out_string(o, info.class);
    out_string(o, info.site);
    write_contents(r, o, &info);
    redo_close_line(o);
}

static void write_fields(const struct redo *r, struct out *o, const struct change *c)
{
    (void)r;
    for (size_t i = 0; i < c->field_count; i++) {
        const struct field *f = &c->fields[i];

        redo_open_line(o, f->unset ? REDO_UNSET : REDO_SET);
        out_u64(o, c->id);
        out_string(o, f->name);
        if (!f->unset)
            value_write(o, &f->value);
        redo_close_line(o);
    }
}

static void write_item(const struct redo *r, struct out *o, const struct change *c)
{
    static const enum redo_verb verb_of[] = {[CHANGE_PUSH] = REDO_PUSH, [CHANGE_PUT] = REDO_PUT, [CHANGE_CUT] = REDO_CUT};

    (void)r;
    redo_open_line(o, verb_of[c->kind]);
    out_u64(o, c->id);
    if (c->kind != CHANGE_PUSH)
        out_u64(o, c->index);
    if (c->value != NULL)
        value_write(o, c->value);
    redo_close_line(o);
}

static void write_bytes(const struct redo *r, struct out *o, const struct change *c)
{
    (void)r;
    redo_open_line(o, REDO_BYTES);
    out_u64(o, c->id);
    redo_close_line(o);
}

static void write_named(const struct redo *r, struct out *o, const struct change *c)
{
    static const enum redo_verb verb_of[] = {
        [CHANGE_ROOT] = REDO_ROOT, [CHANGE_UNROOT] = REDO_UNROOT, [CHANGE_WEAK] = REDO_WEAK, [CHANGE_UNWEAK] = REDO_UNWEAK};

    (void)r;
    redo_open_line(o, verb_of[c->kind]);
    out_string(o, c->name);
    if (c->id != 0)
        out_u64(o, c->id);
    redo_close_line(o);
}

static void write_session(const struct redo *r, struct out *o, const struct change *c)
{
    (void)r;
    redo_open_line(o, REDO_SESSION);
    out_u64(o, c->session);
    out_real(o, c->ttl_s);
    out_string(o, c->name);
    out_string(o, c->token);
    redo_close_line(o);
}

static void write_of_session(const struct redo *r, struct out *o, const struct change *c)
{
    static const enum redo_verb verb_of[] = {
        [CHANGE_SESSION_END] = REDO_END, [CHANGE_HOLD] = REDO_HOLD, [CHANGE_DROP] = REDO_DROP};

    (void)r;
    redo_open_line(o, verb_of[c->kind]);
    out_u64(o, c->session);
    if (c->id != 0)
        out_u64(o, c->id);
    redo_close_line(o);
}

static void write_pool(const struct redo *r, struct out *o, const struct change *c)
{
    (void)r;
    redo_open_line(o, REDO_POOL);
    out_u64(o, c->pool);
    out_u64(o, c->cell_words);
    out_u64(o, c->turn_base);
    redo_close_line(o);
}

static void write_bits(struct out *o, const uint64_t *cells)
{
    char hex[POOL_CELLS / 4];

    for (uint32_t i = 0; i < POOL_CELLS / 4; i++)
        hex[i] = "0123456789abcdef"[cells[i / 16] >> i % 16 * 4 & 15];
    out_string(o, (struct slice){hex, sizeof hex});
}

static void write_places(struct out *o, const uint64_t *cells)
{
    out_open_array(o);
    for (uint32_t place = 0; (place = bits_next(cells, place, POOL_CELLS)) < POOL_CELLS; place++)
        out_u64(o, place);
    out_close_array(o);
}

static void write_dead(const struct redo *r, struct out *o, const struct change *c)
{
    uint32_t count = 0;

    (void)r;
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        count += (uint32_t)__builtin_popcountll(c->cells[i]);
    redo_open_line(o, REDO_DEAD);
    out_u64(o, c->pool);
    if (count > PLACES_MAX)
        write_bits(o, c->cells);
    else
        write_places(o, c->cells);
    redo_close_line(o);
}

/* ---- a line of its own ---- */

enum err redo_refuse(struct redo *r, struct buf *text, size_t mark, struct why *why)
{
    text->failed = false;
    redo_cut(r, mark);
    return why_set(why, ERR_NOMEM, "no memory to write a change down");
}

enum err redo_note_setting(struct redo *r, struct slice name, struct slice json, struct why *why)
{
    struct buf *text = redo_room_for_line(r);
    size_t mark = redo_text_bytes(r);
    struct out o;

    if (text == NULL)
        return why_set(why, ERR_NOMEM, "no memory to write a change down");
    o = out_into(text);
    redo_open_line(&o, REDO_SETTING);
    out_string(&o, name);
    out_raw(&o, json);
    redo_close_line(&o);
    return text->failed ? redo_refuse(r, text, mark, why) : ERR_OK;
}

enum err redo_note(void *ctx, const struct change *c, struct why *why)
{
    static void (*const write_of[])(const struct redo *, struct out *, const struct change *) = {
        [CHANGE_POOL] = write_pool,        [CHANGE_NEW] = write_new,
        [CHANGE_FIELDS] = write_fields,    [CHANGE_PUSH] = write_item,
        [CHANGE_PUT] = write_item,         [CHANGE_CUT] = write_item,
        [CHANGE_BYTES] = write_bytes,      [CHANGE_ROOT] = write_named,
        [CHANGE_UNROOT] = write_named,     [CHANGE_WEAK] = write_named,
        [CHANGE_UNWEAK] = write_named,     [CHANGE_SESSION] = write_session,
        [CHANGE_SESSION_END] = write_of_session, [CHANGE_HOLD] = write_of_session,
        [CHANGE_DROP] = write_of_session,  [CHANGE_DEAD] = write_dead,
    };
    struct redo *r = ctx;
    struct buf *text = redo_room_for_line(r);
    size_t mark = redo_text_bytes(r);
    struct out o;

    if (text == NULL || (c->kind == CHANGE_BYTES && !keep_bytes(r, c->id, c->payload)))
        return why_set(why, ERR_NOMEM, "no memory to write a change down");
    o = out_into(text);
    write_of[c->kind](r, &o, c);
    return text->failed ? redo_refuse(r, text, mark, why) : ERR_OK;
}
