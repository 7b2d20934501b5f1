/*
 * undo.c - see undo.h.
 *
 * The notes lie in one block, one behind the other; each knows how long the one before it is. What is made on the way is
 * staged (staging.h): a set that asks nobody for memory, and knows who is born and who has died.
 */
#include "heap/undo.h"
#include "heap/heap_impl.h"
#include "heap/ref.h"
#include "heap/staging.h"
#include "heap/undo_impl.h"

#define LOG_BYTES_MIN 1024u
#define REF_TRIES_MAX 100

struct undo {
    struct staging *made;
    uint64_t weak_deaths; /* when it began: those of what was made tell nobody anything */
    char *log;
    size_t used, room;
    uint32_t last;        /* bytes of the newest note; 0: there is none */
    size_t told;          /* what the journal had been told */
};

struct note {
    const struct undo_kind *kind;
    uint32_t bytes;  /* with this head */
    uint32_t before; /* of the note before it; 0: it is the first */
};

/* ---- notes ---- */

enum err undo_reserve(struct heap *h, size_t count, struct why *why)
{
    struct undo *u = h->undo;
    size_t wanted = count * (sizeof(struct note) + UNDO_NOTE_BYTES_MAX), room;
    char *log;

    if (u == NULL || u->room - u->used >= wanted)
        return ERR_OK;
    room = u->room < LOG_BYTES_MIN ? LOG_BYTES_MIN : u->room;
    while (room - u->used < wanted)
        room *= 2;
    if ((log = mem_realloc(h->mem, u->log, u->room, room)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to keep what was there before");
    u->log = log;
    u->room = room;
    return ERR_OK;
}

void *undo_note(struct heap *h, const struct undo_kind *kind, size_t bytes)
{
    struct undo *u = h->undo;
    struct note *n = (struct note *)(void *)(u->log + u->used);

    CHECK(bytes <= UNDO_NOTE_BYTES_MAX);
    bytes = (sizeof *n + bytes + sizeof(uint64_t) - 1) & ~(sizeof(uint64_t) - 1);
    CHECK(bytes <= u->room - u->used); /* reserved */
    *n = (struct note){.kind = kind, .bytes = (uint32_t)bytes, .before = u->last};
    u->used += bytes;
    u->last = (uint32_t)bytes;
    return n + 1;
}

_Static_assert(UNDO_NOTE_BYTES_MAX % sizeof(uint64_t) == 0, "notes follow each other without a gap");

struct undo *undo_pause(struct heap *h)
{
    struct undo *u = h->undo;

    h->undo = NULL;
    return u;
}

void undo_resume(struct heap *h, struct undo *u)
{
    CHECK(h->undo == NULL);
    h->undo = u;
}

/* ---- what a note keeps ---- */

void undo_drop_word(struct heap *h, word_t w)
{
    if (!undo_is_open(h) || word_tag(w) == WORD_LINK)
        word_release(h, w); /* nobody dies of it: ref_drop() */
}

void undo_retake_ref(struct heap *h, slot_t slot)
{
    int tries = 0;

    while (ref_take(h, slot, NULL) != ERR_OK) /* only a count that just fills its cell can be refused anything */
        CHECK(tries++ < REF_TRIES_MAX);
}

void undo_retake_word(struct heap *h, word_t w)
{
    if (word_tag(w) != WORD_LINK)
        return;
    h->stats.links++;
    undo_retake_ref(h, word_payload(w));
}

/* By now it may be dead: nobody has been reaped, so its header says so. */
void undo_forget_ref(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);

    if (o->state == STATE_LIVE && o->count == 0 && !o->has_big)
        ref_die(h, slot, o);
}

void undo_forget_word(struct heap *h, word_t w)
{
    if (word_tag(w) == WORD_LINK)
        undo_forget_ref(h, word_payload(w));
    else
        word_release(h, w);
}

/* ---- begin and end ---- */

enum err undo_begin(struct heap *h, struct why *why)
{
    struct undo *u;

    CHECK(h->undo == NULL);
    u = mem_zalloc(h->mem, sizeof *u);
    if (u != NULL && (u->made = staging_open(h)) == NULL) {
        mem_free(h->mem, u, sizeof *u);
        u = NULL;
    }
    if (u != NULL && journal_begin_undo(h, &u->told) != ERR_OK) {
        staging_abandon(&u->made);
        mem_free(h->mem, u, sizeof *u);
        u = NULL;
    }
    if (u == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin what may be taken back");
    staging_enter(u->made);
    u->weak_deaths = h->weak_deaths;
    h->undo = u;
    return ERR_OK;
}

static void end(struct heap *h, struct undo *u)
{
    mem_free(h->mem, u->log, u->room);
    mem_free(h->mem, u, sizeof *u);
}

static void let_go_of_notes(struct heap *h, struct undo *u)
{
    const struct note *n;

    for (size_t at = 0; at < u->used; at += n->bytes) {
        n = (struct note *)(void *)(u->log + at);
        if (n->kind->let_go != NULL)
            n->kind->let_go(h, u->log + at + sizeof *n);
    }
}

static void take_notes_back(struct heap *h, struct undo *u)
{
    uint32_t bytes = u->last;

    for (size_t at = u->used; at > 0;) {
        at -= bytes;

        const struct note *n = (struct note *)(void *)(u->log + at);

        bytes = n->before;
        n->kind->take_back(h, u->log + at + sizeof *n);
    }
}

void undo_commit(struct heap *h)
{
    struct undo *u = undo_pause(h); /* from now on who is held by nothing dies */

    CHECK(u != NULL);
    staging_leave(u->made);
    staging_each(u->made, undo_forget_ref);
    staging_publish(&u->made);
    let_go_of_notes(h, u);
    end(h, u);
}

void undo_rollback(struct heap *h)
{
    struct undo *u = h->undo;
    size_t max_bytes = h->mem->max_bytes;

    CHECK(u != NULL);
    h->mem->max_bytes = 0;
    journal_begin_rollback(h, u->told);
    take_notes_back(h, u);
    staging_leave(u->made);
    staging_kill(&u->made);
    h->weak_deaths = u->weak_deaths;
    h->undo = NULL;
    journal_end_rollback(h);
    end(h, u);
    h->mem->max_bytes = max_bytes;
}
