/*
 * pages.h - answers that several handlers give: pages of documents, and {}.
 *
 * A page is written at once, so it is bounded in bytes as well as in items: it may be short while `next` is
 * not null, as the API says.
 */
#pragma once
#include "api/task.h"

#define PAGE_BYTES_SOFT (512u << 10) /* a page takes no further item behind this */
#define PAGE_SCAN_MAX   20000u       /* entries that one page looks at */

/* True if the page that `o` is in should end before the next item. */
static inline bool page_is_full(const struct out *o, size_t shown, const struct page *page)
{
    return shown == page->limit || o->buf->len >= PAGE_BYTES_SOFT;
}

/* The next of some objects: moves *cursor (0 at the start, never 0 after) to it; false at the end. `of` is
 * what reply_documents() was given. */
typedef bool next_object(struct api *api, uint64_t of, uint64_t *cursor, obj_id *ret);

/* A page of the documents of what `next` finds. */
enum err reply_documents(struct task *task, next_object *next, uint64_t of, struct why *why);

/* As reply_page_end(), for a cursor that is text. */
enum err reply_page_end_at(struct task *task, const char *next, struct why *why);

/* 200 {} */
enum err reply_nothing(struct task *task, struct why *why);

/* Walks of heap/ that count up from 0; no cursor of ours is larger. */
static inline uint32_t cursor_u32(uint64_t cursor)
{
    return cursor < UINT32_MAX ? (uint32_t)cursor : UINT32_MAX;
}

/* Walks of heap/ that go down from UINT32_MAX, as cursors that begin with 0. */
static inline uint32_t entry_of_cursor(uint64_t cursor)
{
    return cursor == 0 || cursor > UINT32_MAX ? UINT32_MAX : (uint32_t)(cursor - 1);
}

static inline uint64_t cursor_of_entry(uint32_t entry)
{
    return (uint64_t)entry + 1;
}
