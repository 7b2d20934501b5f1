/*
 * undo_impl.h - what can be taken back, as the rest of heap/ says it (undo.h).
 *
 * A change that may have to be taken back leaves a note of what was there. It comes in three steps:
 *
 *     undo_reserve()    before anything has changed: room for its notes; all that can fail
 *     undo_note()       one note, if undo_is_open()
 *     undo_drop_word()  instead of word_release(): what was there may come back
 *
 * The notes are looked at once, at the end: newest first to take them back, so that each finds things as it left them, or
 * oldest first to let go of what they kept.
 */
#pragma once
#include "heap/heap_impl.h"

/* One for each kind of change, by whoever makes it. */
struct undo_kind {
    /* Put back what was there, without asking for memory, and tell the watchers if it is in an object. */
    void (*take_back)(struct heap *h, void *note);
    /* The change stays: let go of what was kept. NULL: nothing was. */
    void (*let_go)(struct heap *h, void *note);
};

#define UNDO_NOTE_BYTES_MAX 176

static inline bool undo_is_open(const struct heap *h)
{
    return h->undo != NULL;
}

/* Room for `count` notes more. OK at once if nothing is to be taken back. ERR_NOMEM. */
enum err undo_reserve(struct heap *h, size_t count, struct why *why);
/* The next of them, to be filled in. Good until the next. */
void *undo_note(struct heap *h, const struct undo_kind *kind, size_t bytes);

/* While something is in the making, which is nobody's yet: as if nothing were open. */
struct undo *undo_pause(struct heap *h);
void undo_resume(struct heap *h, struct undo *u);

/* ---- what a note keeps ---- */

/* A word has left its place. It keeps what it holds, but for the count of its link; unless nothing is to be taken back:
 * then it is word_release(). */
void undo_drop_word(struct heap *h, word_t w);
/* It is in its place again. */
void undo_retake_word(struct heap *h, word_t w);
/* It will not come back. */
void undo_forget_word(struct heap *h, word_t w);

/* The same for a reference that is no link; it is dropped by ref_drop(). */
void undo_retake_ref(struct heap *h, slot_t slot);
void undo_forget_ref(struct heap *h, slot_t slot);
