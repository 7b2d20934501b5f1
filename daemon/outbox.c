/* outbox.c - see outbox.h. */
#include "daemon/outbox.h"
#include "heap/base/check.h"

#define PIECE_MAGIC 0x9ec30001u

enum piece_kind { PIECE_TEXT, PIECE_BUF, PIECE_PAYLOAD };

struct piece {
    uint32_t magic;
    enum piece_kind kind;
    struct piece *next;
    const char *data; /* what is to be sent of it: [from, len) */
    size_t from, len;
    uint32_t answers; /* that end within it */
    struct buf buf;   /* PIECE_BUF */
    struct payload *payload;
    char text[]; /* PIECE_TEXT: the rest of the block */
};

#define OUTBOX_WASTE (64u << 10) /* of a body that was taken over: its buffer has grown by doubling */
#define TEXT_BYTES (OUTBOX_BLOCK_BYTES - sizeof(struct piece))

_Static_assert(OUTBOX_COPY_MAX <= TEXT_BYTES, "what is copied fits one block");

/* ---- pieces ---- */

static size_t size_of(enum piece_kind kind)
{
    return kind == PIECE_TEXT ? OUTBOX_BLOCK_BYTES : sizeof(struct piece);
}

/* Memory of its own. */
static size_t held_by(const struct piece *p)
{
    return size_of(p->kind) + (p->kind == PIECE_BUF ? p->buf.cap : 0);
}

static struct piece *take_spare(struct outbox_pool *p)
{
    struct piece *piece = p->spare;

    if (piece != NULL) {
        CHECK_IS(piece, PIECE_MAGIC);
        CHECK(p->spare_count > 0);
        p->spare = piece->next;
        p->spare_count--;
    }
    return piece;
}

static struct piece *piece_create(struct outbox_pool *p, enum piece_kind kind)
{
    struct piece *piece = kind == PIECE_TEXT ? take_spare(p) : NULL;

    if (piece == NULL)
        piece = mem_alloc(p->mem, size_of(kind));
    if (piece == NULL)
        return NULL;
    *piece = (struct piece){.magic = PIECE_MAGIC, .kind = kind};
    if (kind == PIECE_TEXT)
        piece->data = piece->text;
    return piece;
}

static void piece_destroy(struct outbox_pool *p, struct piece *piece)
{
    CHECK_IS(piece, PIECE_MAGIC);
    if (piece->kind == PIECE_BUF)
        buf_fini(&piece->buf);
    if (piece->kind == PIECE_PAYLOAD)
        payload_release(&piece->payload);
    if (piece->kind == PIECE_TEXT && p->spare_count < OUTBOX_SPARE_MAX) {
        piece->next = p->spare;
        p->spare = piece;
        p->spare_count++;
        return;
    }
    piece->magic = 0;
    mem_free(p->mem, piece, size_of(piece->kind));
}

void outbox_pool_init(struct outbox_pool *p, struct mem *mem)
{
    *p = (struct outbox_pool){.mem = mem};
}

void outbox_pool_fini(struct outbox_pool *p)
{
    struct piece *piece;

    while ((piece = take_spare(p)) != NULL)
        mem_free(p->mem, piece, OUTBOX_BLOCK_BYTES);
    CHECK(p->spare_count == 0);
}

/* ---- life ---- */

void outbox_init(struct outbox *o, struct outbox_pool *pool)
{
    *o = (struct outbox){.pool = pool};
}

static struct piece *take_first(struct outbox *o)
{
    struct piece *piece = o->first;

    CHECK(o->answers >= piece->answers);
    o->answers -= piece->answers;
    o->held -= held_by(piece);
    o->lent -= piece->kind == PIECE_PAYLOAD;
    o->first = piece->next;
    if (o->first == NULL)
        o->last = NULL;
    return piece;
}

static void drop_first(struct outbox *o)
{
    piece_destroy(o->pool, take_first(o));
}

static void add_last(struct outbox *o, struct piece *piece)
{
    piece->next = NULL;
    if (o->last == NULL)
        o->first = piece;
    else
        o->last->next = piece;
    o->last = piece;
    o->held += held_by(piece);
}

static void move_first(struct outbox *from, struct outbox *to)
{
    struct piece *piece = take_first(from);
    size_t bytes = piece->len - piece->from;

    from->bytes -= bytes;
    add_last(to, piece);
    to->bytes += bytes;
    to->answers += piece->answers;
    to->lent += piece->kind == PIECE_PAYLOAD;
}

void outbox_fini(struct outbox *o)
{
    while (o->first != NULL)
        drop_first(o);
    CHECK(o->answers == 0 && o->held == 0 && o->lent == 0);
    *o = (struct outbox){0};
}

void outbox_mute(struct outbox *o, size_t keep)
{
    struct outbox kept = {.pool = o->pool, .muted = true, .broken = o->broken};

    while (o->first != NULL && kept.bytes < keep)
        move_first(o, &kept);
    while (o->first != NULL) {
        o->bytes -= o->first->len - o->first->from;
        drop_first(o);
    }
    CHECK(o->bytes == 0);
    *o = kept;
}

/* ---- adding ---- */

static bool takes(const struct outbox *o)
{
    return !o->broken && !o->muted;
}

static struct piece *add_piece(struct outbox *o, enum piece_kind kind)
{
    struct piece *piece = takes(o) ? piece_create(o->pool, kind) : NULL;

    if (piece == NULL) {
        o->broken |= !o->muted;
        return NULL;
    }
    add_last(o, piece);
    return piece;
}

static bool last_has_room(const struct outbox *o, size_t n)
{
    return o->last != NULL && o->last->kind == PIECE_TEXT && TEXT_BYTES - o->last->len >= n;
}

char *outbox_room(struct outbox *o, size_t n)
{
    CHECK(n <= OUTBOX_COPY_MAX);
    if (!takes(o))
        return NULL;
    if (!last_has_room(o, n) && add_piece(o, PIECE_TEXT) == NULL)
        return NULL;
    return o->last->text + o->last->len;
}

void outbox_wrote(struct outbox *o, size_t n)
{
    CHECK(last_has_room(o, n));
    o->last->len += n;
    o->bytes += n;
}

static void add_part(struct outbox *o, struct slice bytes)
{
    char *room = outbox_room(o, bytes.len);

    if (room == NULL)
        return;
    memcpy(room, bytes.data, bytes.len);
    outbox_wrote(o, bytes.len);
}

void outbox_add(struct outbox *o, struct slice bytes)
{
    while (bytes.len > 0) {
        size_t n = bytes.len < OUTBOX_COPY_MAX ? bytes.len : OUTBOX_COPY_MAX;

        add_part(o, (struct slice){bytes.data, n});
        bytes.data += n;
        bytes.len -= n;
    }
}

void outbox_take(struct outbox *o, struct buf *b)
{
    if (b->len <= OUTBOX_COPY_MAX) {
        outbox_add(o, buf_slice(b));
        buf_clear(b);
        return;
    }

    struct piece *piece = add_piece(o, PIECE_BUF);

    if (piece == NULL) {
        buf_clear(b);
        return;
    }
    buf_trim(b, OUTBOX_WASTE);
    piece->buf = *b;
    piece->data = b->data;
    piece->len = b->len;
    o->bytes += b->len;
    o->held += b->cap;
    buf_init(b, piece->buf.mem, piece->buf.max);
}

void outbox_lend(struct outbox *o, struct payload *p, size_t from, size_t len)
{
    struct piece *piece;

    CHECK(from <= p->len && len <= p->len - from);
    if (len <= OUTBOX_COPY_MAX) {
        outbox_add(o, (struct slice){p->data + from, len});
        return;
    }
    if ((piece = add_piece(o, PIECE_PAYLOAD)) == NULL)
        return;
    piece->payload = payload_hold(p);
    piece->data = p->data + from;
    piece->len = len;
    o->bytes += len;
    o->lent++;
}

void outbox_end_answer(struct outbox *o)
{
    if (!takes(o) || o->last == NULL) /* all of it has been sent already */
        return;
    o->last->answers++;
    o->answers++;
}

/* The pieces behind `piece` go. */
static void drop_behind(struct outbox *o, struct piece *piece)
{
    struct outbox rest = {.pool = o->pool, .first = piece->next, .last = o->last};

    piece->next = NULL;
    o->last = piece;
    for (struct piece *p = rest.first; p != NULL; p = p->next) {
        rest.answers += p->answers;
        rest.held += held_by(p);
        rest.lent += p->kind == PIECE_PAYLOAD;
    }
    o->answers -= rest.answers;
    o->held -= rest.held;
    o->lent -= rest.lent;
    outbox_fini(&rest);
}

void outbox_keep(struct outbox *o, size_t n)
{
    struct piece *p = o->first;
    size_t before = 0;

    CHECK(n <= o->bytes);
    while (p != NULL && before + (p->len - p->from) < n) {
        before += p->len - p->from;
        p = p->next;
    }
    o->bytes = n;
    if (p == NULL)
        return;
    drop_behind(o, p);
    p->len = p->from + (n - before);
    if (n == 0)
        drop_first(o);
}

/* ---- sending ---- */

size_t outbox_gather(const struct outbox *o, struct iovec *iov, size_t max, size_t bytes_max,
                     size_t *ret_bytes)
{
    size_t n = 0, sum = 0;

    for (const struct piece *p = o->first; p != NULL && n < max && sum < bytes_max; p = p->next) {
        size_t len = p->len - p->from;

        if (len > bytes_max - sum)
            len = bytes_max - sum;
        iov[n++] = (struct iovec){(void *)(uintptr_t)(p->data + p->from), len};
        sum += len;
    }
    *ret_bytes = sum;
    return n;
}

void outbox_sent(struct outbox *o, size_t n)
{
    CHECK(n <= o->bytes);
    o->bytes -= n;
    while (n > 0) {
        struct piece *p = o->first;
        size_t len = p->len - p->from;

        if (n < len) {
            p->from += n;
            return;
        }
        n -= len;
        drop_first(o);
    }
}

/* ---- what it costs ---- */

static size_t pinned_by(const struct piece *p)
{
    return p->kind == PIECE_PAYLOAD && !p->payload->in_heap ? p->payload->len / p->payload->refs : 0;
}

size_t outbox_held(const struct outbox *o)
{
    size_t pinned = 0;

    for (const struct piece *p = o->lent > 0 ? o->first : NULL; p != NULL; p = p->next)
        pinned += pinned_by(p);
    return o->held + pinned;
}
