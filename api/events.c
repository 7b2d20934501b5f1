/* events.c - see events.h. */
#include "api/events.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <inttypes.h>

#define EVENTS_MAGIC 0xe7e00001u
#define ROOM_MIN     64u
#define RETRY_MS     2000

struct event {
    char *text;
    uint32_t len;
    uint32_t line_at; /* where its line of JSON begins; it ends one byte before the end, with a line feed */
    enum event_type type;
    uint64_t commit;
    uint64_t end_bytes; /* of all text there ever was, up to its end */
};

struct events {
    uint32_t magic;
    struct mem *mem;
    struct event *ring; /* event id is at id % room */
    uint64_t room;      /* a power of two */
    uint64_t first;     /* of this life */
    uint64_t oldest, newest, ready;
    uint64_t last_of[EVENT_TYPES]; /* the last of each type that may leave; 0: there has been none */
    uint64_t gone_of[EVENT_TYPES]; /* ... that is not kept any more */
    uint64_t bytes;     /* of text, kept */
    uint64_t bytes_ever;
    uint64_t written[EVENT_TYPES], lost;
    uint64_t count_max, bytes_max;
    /* the one that is being written */
    struct buf text;
    struct out out;
    size_t line_at;
    enum event_type type;
    bool open;
};

/* ---- names ---- */

static const char *const type_names[EVENT_TYPES] = {
    [EVENT_GC] = "gc", [EVENT_DEATH] = "death", [EVENT_LEASE] = "lease", [EVENT_CONFIG] = "config", [EVENT_ALERT] = "alert"};

const char *event_type_name(enum event_type type)
{
    CHECK((size_t)type < EVENT_TYPES);
    return type_names[type];
}

static enum err read_type(struct slice name, uint32_t *types, struct why *why)
{
    for (size_t i = 0; i < EVENT_TYPES; i++) {
        if (!slice_is(name, type_names[i]))
            continue;
        *types |= 1u << i;
        return ERR_OK;
    }
    return why_set(why, ERR_BAD_VALUE, "there are no events of type \"%.*s\": gc, death, lease, config and alert there are",
                   (int)(name.len > 80 ? 80 : name.len), name.data);
}

enum err event_types_read(struct slice list, uint32_t *ret, struct why *why)
{
    uint32_t types = 0;
    enum err e;

    do {
        if ((e = read_type(slice_trim(slice_cut(&list, ',')), &types, why)) != ERR_OK)
            return e;
    } while (list.len > 0);
    *ret = types;
    return ERR_OK;
}

uint64_t event_id_read(struct slice text)
{
    uint64_t id = 0;

    return parse_u64(text, EVENT_ID_MAX, &id) ? id : 0;
}

/* ---- the ring ---- */

static struct event *at(const struct events *ev, uint64_t id)
{
    CHECK(ev->oldest <= id && id <= ev->newest);
    return &ev->ring[id & (ev->room - 1)];
}

static uint64_t count(const struct events *ev)
{
    return ev->newest + 1 - ev->oldest;
}

/* The next may leave, or be said to be missing. */
static void let_leave(struct events *ev, enum event_type type, uint64_t id)
{
    ev->ready = id;
    ev->last_of[type] = id;
}

static void forget_oldest(struct events *ev)
{
    struct event *e = at(ev, ev->oldest);

    if (ev->ready < ev->oldest)
        let_leave(ev, e->type, ev->oldest);
    ev->gone_of[e->type] = ev->oldest++;
    ev->bytes -= e->len;
    mem_free(ev->mem, e->text, e->len);
}

/* Those over the limits, with one more of `len` bytes to come. */
static void make_room(struct events *ev, size_t more, size_t len)
{
    while (count(ev) > 0 && (count(ev) + more > ev->count_max || ev->bytes + len > ev->bytes_max))
        forget_oldest(ev);
}

static bool ring_grow(struct events *ev)
{
    uint64_t room = ev->room == 0 ? ROOM_MIN : 2 * ev->room;
    struct event *ring = mem_alloc(ev->mem, room * sizeof *ring);

    if (ring == NULL)
        return false;
    for (uint64_t id = ev->oldest; id <= ev->newest; id++)
        ring[id & (room - 1)] = *at(ev, id);
    mem_free(ev->mem, ev->ring, ev->room * sizeof *ring);
    ev->ring = ring;
    ev->room = room;
    return true;
}

/* Memory for the text of one; if need be, that of the oldest. */
static char *take_text(struct events *ev, size_t len)
{
    char *text = mem_alloc(ev->mem, len);

    for (size_t freed = 0; text == NULL && freed < len && count(ev) > 0;) {
        freed += at(ev, ev->oldest)->len;
        forget_oldest(ev);
        text = freed >= len ? mem_alloc(ev->mem, len) : NULL;
    }
    return text;
}

static bool keep(struct events *ev, uint64_t commit)
{
    struct slice text = buf_slice(&ev->text);
    char *copy;

    if (ev->text.failed)
        return false;
    make_room(ev, 1, text.len);
    if (count(ev) == ev->room && !ring_grow(ev)) {
        if (count(ev) == 0)
            return false;
        forget_oldest(ev);
    }
    if ((copy = take_text(ev, text.len)) == NULL)
        return false;
    memcpy(copy, text.data, text.len);
    ev->newest++;
    ev->bytes += text.len;
    ev->bytes_ever += text.len;
    *at(ev, ev->newest) = (struct event){.text = copy,
                                         .len = (uint32_t)text.len,
                                         .line_at = (uint32_t)ev->line_at,
                                         .type = ev->type,
                                         .commit = commit,
                                         .end_bytes = ev->bytes_ever};
    return true;
}

/* It has no place: nor have those before it, for there are no holes. */
static void lose(struct events *ev)
{
    while (count(ev) > 0)
        forget_oldest(ev);
    ev->lost++;
    let_leave(ev, ev->type, ++ev->newest);
    ev->gone_of[ev->type] = ev->newest;
    ev->oldest = ev->newest + 1;
}

/* ---- life ---- */

struct events *events_create(struct mem *mem, uint64_t first)
{
    struct events *ev = mem_zalloc(mem, sizeof *ev);

    if (ev == NULL)
        return NULL;
    CHECK(first > 0);
    ev->magic = EVENTS_MAGIC;
    ev->mem = mem;
    ev->first = ev->oldest = first;
    ev->newest = ev->ready = first - 1;
    ev->count_max = EVENTS_MAX_DEFAULT;
    ev->bytes_max = EVENTS_BYTES_MAX_DEFAULT;
    buf_init(&ev->text, mem, SIZE_MAX);
    return ev;
}

void events_destroy(struct events **at)
{
    struct events *ev = *at;

    *at = NULL;
    if (ev == NULL)
        return;
    CHECK_IS(ev, EVENTS_MAGIC);
    while (count(ev) > 0)
        forget_oldest(ev);
    CHECK(ev->bytes == 0);
    buf_fini(&ev->text);
    mem_free(ev->mem, ev->ring, ev->room * sizeof *ev->ring);
    ev->magic = 0;
    mem_free(ev->mem, ev, sizeof *ev);
}

void events_set_limits(struct events *ev, uint64_t count_max, uint64_t bytes_max)
{
    CHECK(count_max > 0);
    ev->count_max = count_max;
    ev->bytes_max = bytes_max;
    make_room(ev, 0, 0);
}

size_t events_memory(const struct events *ev)
{
    return sizeof *ev + ev->text.cap + (ev->text.data != NULL) + (size_t)(ev->room * sizeof *ev->ring + ev->bytes);
}

void events_stats(const struct events *ev, struct events_stats *ret)
{
    *ret = (struct events_stats){.lost = ev->lost, .kept = count(ev), .kept_bytes = ev->bytes};
    memcpy(ret->written, ev->written, sizeof ret->written);
}

/* ---- writing one ---- */

/* What stands before the line of JSON. */
static void write_head(struct buf *to, uint64_t id, const char *type)
{
    buf_printf(to, "id: %" PRIu64 "\nevent: %s\ndata: ", id, type);
}

struct out *events_begin(struct events *ev, enum event_type type, uint64_t unix_ms)
{
    uint64_t id = ev->newest + 1;

    CHECK_IS(ev, EVENTS_MAGIC);
    CHECK(!ev->open && id <= EVENT_ID_MAX);
    ev->open = true;
    ev->type = type;
    buf_clear(&ev->text);
    write_head(&ev->text, id, event_type_name(type));
    ev->line_at = ev->text.len;
    ev->out = out_into(&ev->text);
    out_open_object(&ev->out);
    out_member_u64(&ev->out, "id", id);
    out_member_text(&ev->out, "type", event_type_name(type));
    out_member_time(&ev->out, "time", unix_ms);
    return &ev->out;
}

bool events_end(struct events *ev, uint64_t commit)
{
    bool kept;

    CHECK(ev->open);
    ev->open = false;
    out_close_object(&ev->out);
    buf_add_text(&ev->text, "\n\n");
    ev->written[ev->type]++;
    kept = keep(ev, commit);
    if (!kept)
        lose(ev);
    return kept;
}

/* ---- reading ---- */

uint64_t events_oldest(const struct events *ev)
{
    return ev->oldest;
}

uint64_t events_newest(const struct events *ev)
{
    return ev->newest;
}

uint64_t events_ready(struct events *ev, bool (*is_kept)(void *ctx, uint64_t commit), void *ctx)
{
    while (ev->ready < ev->newest) {
        uint64_t commit = at(ev, ev->ready + 1)->commit;

        if (commit != 0 && is_kept != NULL && !is_kept(ctx, commit))
            break;
        let_leave(ev, at(ev, ev->ready + 1)->type, ev->ready + 1);
    }
    return ev->ready;
}

uint64_t events_bytes_after(const struct events *ev, uint64_t after)
{
    if (after >= ev->newest)
        return 0;
    return after < ev->oldest ? ev->bytes : ev->bytes_ever - at(ev, after)->end_bytes;
}

/* True if one of its types has an id behind its place. */
static bool any_behind(const struct event_cursor *c, const uint64_t last[EVENT_TYPES])
{
    for (size_t i = 0; i < EVENT_TYPES; i++)
        if ((c->types & 1u << i) != 0 && last[i] > c->after)
            return true;
    return false;
}

static bool is_of_this_life(const struct events *ev, uint64_t id)
{
    return id + 1 >= ev->first && id <= ev->newest;
}

bool events_missed(const struct events *ev, const struct event_cursor *c)
{
    return !is_of_this_life(ev, c->after) || any_behind(c, ev->gone_of);
}

bool events_pass_over(const struct events *ev, struct event_cursor *c)
{
    if (events_missed(ev, c) || any_behind(c, ev->last_of))
        return false;
    if (c->after < ev->ready)
        c->after = ev->ready;
    return true;
}

/* An id from before this life, or from nowhere, says nothing of how many there were between. */
static void write_missed(const struct events *ev, const struct event_cursor *c, bool known, struct out *o)
{
    if (known)
        out_member_u64(o, "missed", ev->oldest - 1 - c->after);
    else
        out_member_null(o, "missed");
}

bool events_write_gap(const struct events *ev, struct event_cursor *c, struct buf *to)
{
    struct out o = out_into(to);
    uint64_t upto = ev->oldest - 1;
    bool known = is_of_this_life(ev, c->after);

    if (c->form == EVENT_SSE)
        write_head(to, upto, "gap");
    out_open_object(&o);
    out_member_u64(&o, "id", upto);
    out_member_text(&o, "type", "gap");
    out_member_u64(&o, "after", c->after);
    write_missed(ev, c, known, &o);
    out_close_object(&o);
    buf_add_text(to, c->form == EVENT_SSE ? "\n\n" : "\n");
    c->after = upto;
    return known;
}

static struct slice text_of(const struct event *e, enum event_form form)
{
    if (form == EVENT_SSE)
        return (struct slice){e->text, e->len};
    return (struct slice){e->text + e->line_at, e->len - e->line_at - 1};
}

size_t events_write(const struct events *ev, struct event_cursor *c, uint64_t until, size_t bytes_max, struct buf *to)
{
    size_t end = to->len + bytes_max, written = 0;

    CHECK(!events_missed(ev, c) && until <= ev->newest);
    if (c->after + 1 < ev->oldest) /* what has gone was of other types */
        c->after = ev->oldest - 1;
    for (; c->after < until && to->len < end; c->after++) {
        const struct event *e = at(ev, c->after + 1);

        if ((c->types & 1u << e->type) == 0)
            continue;
        buf_add_slice(to, text_of(e, c->form));
        written++;
    }
    return written;
}

void events_write_greeting(const struct event_cursor *c, struct buf *to)
{
    if (c->form == EVENT_SSE)
        buf_printf(to, "retry: %d\nid: %" PRIu64 "\n\n", RETRY_MS, c->after);
    else
        events_write_ping(c, to);
}

void events_write_ping(const struct event_cursor *c, struct buf *to)
{
    if (c->form == EVENT_SSE)
        buf_printf(to, ": ping\nid: %" PRIu64 "\n\n", c->after); /* sets where to go on, and is no event */
    else
        buf_printf(to, "{\"type\":\"ping\",\"after\":%" PRIu64 "}\n", c->after);
}
