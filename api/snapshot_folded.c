/*
 * snapshot_folded.c - a snapshot as folded stacks, for flamegraph.pl, inferno and speedscope: a line a frame of its fold
 * (heap/graph/fold.h), the classes on the way there with `;` between them, a blank, and bytes. The whole of what a frame shows
 * in such a graph is what its objects retain.
 *
 * In a name, what would be taken for the end of a frame or of a line is written as in a URL: `%3B`, `%20`, `%0A`.
 */
#include "api/dominated.h"
#include "api/snapshot_write.h"

/* A frame is a name, all of it escaped, with a word before it and a mark behind it; then a number. */
#define LINE_BYTES_MAX (FOLD_DEPTH_MAX * (3 * FROZEN_STRING_BYTES_MAX + 16) + 32)
#define ROOM_BYTES     (SNAPSHOT_PIECE_BYTES + SNAPSHOT_ITEM_BYTES_MAX)

_Static_assert(LINE_BYTES_MAX < ROOM_BYTES, "a line fits into the room that a writer is given");

static bool is_plain(char c)
{
    return (unsigned char)c > ' ' && c != 0x7f && c != ';' && c != '%';
}

static void add_name(struct buf *to, struct slice name)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};

        if (is_plain(name.data[i]))
            buf_add_byte(to, name.data[i]);
        else
            buf_add(to, escaped, sizeof escaped);
    }
}

static void add_frame(struct buf *to, const struct frozen *f, const struct fold_frame *frame)
{
    static const struct slice names[FROZEN_KINDS] = {
        [FROZEN_OUTSIDE] = SLICE("(unreached)"), [FROZEN_SESSION] = SLICE("session:"),  [FROZEN_ROOTS] = SLICE("(roots)"),
        [FROZEN_SESSIONS] = SLICE("(sessions)"), [FROZEN_BATCHES] = SLICE("(batches)"), [FROZEN_GARBAGE] = SLICE("(garbage)"),
    };

    buf_add_slice(to, names[frame->kind]);
    if (frame->kind < FROZEN_OUTSIDE || frame->kind == FROZEN_SESSION)
        add_name(to, frozen_string(f, frame->class));
}

static void add_line(struct buf *to, const struct frozen *f, const struct fold *fold, uint32_t at)
{
    const struct fold_frame *path[FOLD_DEPTH_MAX];
    uint32_t depth = 0;
    char number[24];
    int len = snprintf(number, sizeof number, " %llu\n", (unsigned long long)fold->frames[at].bytes);

    for (uint32_t i = at; i != FOLD_OUTSIDE; i = fold->frames[i].parent)
        path[depth++] = &fold->frames[i];
    while (depth > 0) {
        add_frame(to, f, path[--depth]);
        if (depth > 0)
            buf_add_byte(to, ';');
    }
    buf_add(to, number, (size_t)len);
}

static bool write_folded(struct snapshot_export *x)
{
    const struct fold *fold = dominated_fold(x->taken);

    for (; x->number < fold->count && x->out.buf->len + LINE_BYTES_MAX <= ROOM_BYTES; x->number++)
        if (fold->frames[x->number].bytes > 0)
            add_line(x->out.buf, x->f, fold, x->number);
    return x->number < fold->count;
}

const struct snapshot_format snapshot_as_folded = {"folded", "text/plain; charset=utf-8", write_folded, true};
