/*
 * heap.h - the heap as its users see it: objects that live while something holds them.
 *
 * Owns:      every object, its contents and its reference count.
 * Knows not: JSON, HTTP, time, threads, or why a collection runs (gc/).
 *
 * An object is a record (named fields in insertion order), a list, or bytes. What keeps it alive is counted
 * exactly: links of other objects, named roots (root.h), session holds (session.h), open scopes (scope.h)
 * and references that a caller of this header has taken. At zero it is dead at once: its id answers
 * ERR_COLLECTED from then on, and its memory returns in bounded steps of heap_reap().
 *
 * Every function that takes an id looks it up in O(1) and may answer
 *     ERR_NO_OBJECT   it never was an object,
 *     ERR_COLLECTED   it was one and is dead,
 *     ERR_NOMEM       memory is refused (only what creates or grows),
 * and after any error nothing has changed. Names are 1 to 255 bytes of UTF-8 without NUL, else ERR_BAD_VALUE.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/mem.h"
#include "heap/base/slice.h"
#include "heap/id.h"
#include "heap/value.h"
#include <stdbool.h>
#include <stddef.h>

struct heap;
struct payload;

#define NAME_BYTES_MAX 255
#define STRING_BYTES_MAX (64u << 20) /* one string value */
#define LIST_ITEMS_MAX UINT32_MAX    /* items of one list */
#define RECORD_SLOTS_MAX 32          /* fields of a record before it becomes a dictionary */
#define CLASS_SHAPES_MAX 1024        /* shapes of a class before its new records become dictionaries */

enum heap_kind { HEAP_RECORD, HEAP_LIST, HEAP_BYTES };

/* What a new object is tagged with. An empty site is none. */
struct label {
    struct slice class;
    struct slice site;
};

struct field {
    struct slice name;
    struct value value;
    bool unset; /* heap_edit_record(): remove the field instead; absent is fine */
};

/* ---- life of a heap ---- */

/* `mem` outlives the heap. `seed` keys every hash: give each process a secret one. */
enum err heap_create(struct mem *mem, uint64_t seed, struct heap **ret);

/* Frees everything, whatever still refers to it; sets *h to NULL. A NULL *h is fine. O(heap). */
void heap_destroy(struct heap **h);

/* ---- objects ---- */

/* Make an object. It comes with one reference that belongs to the caller, who gives it back with
 * heap_release() once something else holds the object. Field names within `fields` are distinct (a repeated
 * one: the last wins). ERR_DANGLING, ERR_BAD_VALUE. O(fields). */
enum err heap_new_record(struct heap *h, struct label label, const struct field *fields, size_t count,
                         obj_id *ret, struct why *why);
enum err heap_new_list(struct heap *h, struct label label, const struct value *items, size_t count,
                       obj_id *ret, struct why *why);
/* Takes over the caller's reference on *payload and sets it to NULL, on success only. */
enum err heap_new_bytes(struct heap *h, struct label label, struct payload **payload, obj_id *ret,
                        struct why *why);

/* Take and give back one counted reference. heap_release() needs an id that heap_hold() or heap_new_*()
 * gave a reference for. */
enum err heap_hold(struct heap *h, obj_id id, struct why *why);
void heap_release(struct heap *h, obj_id id);

bool heap_has(const struct heap *h, obj_id id);
/* OK, ERR_NO_OBJECT or ERR_COLLECTED, with the sentence. */
enum err heap_check(const struct heap *h, obj_id id, struct why *why);

struct object_info {
    obj_id id;
    enum heap_kind kind;
    struct slice class;    /* the heap's, good until its next change */
    struct slice site;     /* empty: none */
    uint64_t refs;         /* links, roots, sessions, scopes, garbage list */
    uint64_t weak_refs;    /* weak links and weak names */
    uint64_t bytes;        /* own cell, own storage, 8 bytes of tables */
    uint64_t parts;        /* fields, items, or length in bytes */
    int generation;        /* 0..2; -1: not in any (bytes, or frozen) */
    bool frozen;
};

enum err heap_info(const struct heap *h, obj_id id, struct object_info *ret, struct why *why);

/* A number that changes whenever class or contents change (RFC 9110 strong validator; not refs, not
 * generation). Contents of up to 1,000 parts are hashed; larger ones answer for their last change. */
enum err heap_etag(const struct heap *h, obj_id id, uint64_t *ret, struct why *why);

/* ---- records: ERR_WRONG_KIND on lists and bytes ---- */

/* Set and unset several fields, all or none; values are checked before anything changes. */
enum err heap_edit_record(struct heap *h, obj_id id, const struct field *edits, size_t count, struct why *why);
/* ERR_NO_NAME if there is no such field. */
enum err heap_get_field(const struct heap *h, obj_id id, struct slice name, struct value *ret, struct why *why);
enum err heap_unset_field(struct heap *h, obj_id id, struct slice name, struct why *why);

/* ---- lists: ERR_WRONG_KIND on records and bytes; ERR_NO_NAME for an index that is not there ---- */

enum err heap_push_item(struct heap *h, obj_id id, const struct value *v, uint64_t *ret_index, struct why *why);
enum err heap_get_item(const struct heap *h, obj_id id, uint64_t index, struct value *ret, struct why *why);
enum err heap_set_item(struct heap *h, obj_id id, uint64_t index, const struct value *v, struct why *why);
/* Those behind it move down by one. O(log items). */
enum err heap_delete_item(struct heap *h, obj_id id, uint64_t index, struct why *why);

/* ---- bytes: ERR_WRONG_KIND on records and lists ---- */

/* A counted, immutable run of bytes, so that an answer can be sent from it while the object changes. */
struct payload {
    struct mem *mem;
    uint32_t refs;
    uint32_t in_heap : 1;      /* an object contains it: whoever reads it too costs nothing more */
    uint32_t pieces_gone : 31; /* of a large one that is being released: they went back to the system (bytes.c) */
    size_t len;
    char data[];
};

struct payload *payload_create(struct mem *mem, size_t len); /* one reference; data is not set; NULL: refused */
/* While it is being filled, and nobody else has it. False: memory is refused, and nothing has changed. */
bool payload_resize(struct payload **p, size_t len);
struct payload *payload_hold(struct payload *p);
void payload_release(struct payload **p);

/* The contents, with a reference for the caller. */
enum err heap_get_bytes(const struct heap *h, obj_id id, struct payload **ret, struct why *why);
/* Replace the whole; takes *payload over and sets it to NULL, on success only. */
enum err heap_set_bytes(struct heap *h, obj_id id, struct payload **payload, struct why *why);

/* ---- walking the parts of one object ---- */

/* One field or item. For a record `name` is set, for a list `index`. */
struct part {
    struct slice name;
    uint64_t index;
    struct value value;
};

/* Where a walk stands. Zero it to begin; good until the object changes. */
struct part_cursor {
    uint64_t position;
};

/* The next part, in insertion order; false at the end (always, for bytes). O(1); a list O(log). */
bool heap_next_part(const struct heap *h, obj_id id, struct part_cursor *cursor, struct part *ret);
/* Several at once: up to `max` of them, and at least one unless this is the end; how many. */
size_t heap_next_parts(const struct heap *h, obj_id id, struct part_cursor *cursor, struct part *ret, size_t max);
/* Set the cursor so that the next part is the named field, or the item at `index`. ERR_NO_NAME. */
enum err heap_seek_field(const struct heap *h, obj_id id, struct slice name, struct part_cursor *cursor,
                         struct why *why);
enum err heap_seek_item(const struct heap *h, obj_id id, uint64_t index, struct part_cursor *cursor,
                        struct why *why);

/* ---- walking all objects ---- */

/* The first live object whose slot is greater than *slot and within the next `max` steps (a slot that is used, or
 * some that are not); moves *slot to it. Returns 0 with *slot moved if there was none yet, and 0 with *slot = 0
 * at the end of the heap. An object that lives all along is met exactly once, whatever happens to others. */
obj_id heap_next_object(const struct heap *h, slot_t *slot, size_t max);

/* ---- death ---- */

/* Give back the memory of dead objects, at most `units` (an object, or about eight values); returns the
 * units left over: 0 means there may be more. */
size_t heap_reap(struct heap *h, size_t units);

/* ---- statistics ---- */

struct heap_stats {
    uint64_t objects;        /* alive: those that answer */
    uint64_t tracked;        /* of them records and lists */
    uint64_t links;          /* strong links stored in objects whose memory has not returned */
    uint64_t weak_links;
    uint64_t roots, weak_names, classes, sites, shapes, strings;
    uint64_t created;        /* since the start */
    uint64_t freed_by_refcount; /* objects whose count reached zero, since the start */
    uint64_t freed_by_collector;
    uint64_t reaped;         /* of freed_by_refcount, those that only the dead had held, and ... */
    uint64_t reaped_bytes;   /* ... the bytes of these */
    uint64_t fell_nonzero;   /* times a count fell without reaching zero, since the start */
    uint64_t doomed;         /* dead, memory not yet returned */
    uint64_t live_bytes;     /* cells and storage of live objects */
    uint64_t doomed_bytes;
    uint64_t pool_free_bytes; /* free cells in pools, and of packed pools what died since */
    uint64_t packed_pools;   /* pools whose cells were moved together */
    uint64_t packed_bytes;   /* where those cells are now: storage in use */
    uint64_t pack_index_bytes; /* of that, what is no cell: how cells are found */
    uint64_t dirty_bytes;    /* pages in no pool, not yet given back to the system */
    uint64_t committed_bytes; /* pages in pools, and dirty ones */
    uint64_t shared_bytes;   /* strings, boxed numbers, weak cells */
    uint64_t large_bytes;    /* what is not in pools: payloads, long strings, tables of dictionaries */
    uint64_t side_bytes;     /* tables: pools, maps, roots, shapes, classes */
    uint64_t untouched_bytes; /* of all these, tables in pages never written */
};

void heap_stats(const struct heap *h, struct heap_stats *ret);

/* What lives is counted by class, and by site. */
enum heap_tally { HEAP_CLASSES, HEAP_SITES };

struct tally_info {
    struct slice name;       /* the heap's, good until its next change; NULL: what has no site */
    uint32_t row, serial;    /* no other class, or site, has or had both */
    uint64_t shapes;
    uint64_t objects, bytes;
    uint64_t peak_bytes;
    uint64_t marked_objects, marked_bytes; /* by heap_mark_tally(), 0 before */
};

/* The next in use, at or above *cursor (zero it to begin); false at the end. O(gap). */
bool heap_next_tally(const struct heap *h, enum heap_tally which, uint32_t *cursor, struct tally_info *ret);
/* The one that was met as this row; false: it is gone. */
bool heap_tally(const struct heap *h, enum heap_tally which, uint32_t row, uint32_t serial, struct tally_info *ret);
/* What row `row` has now is what it is to be compared with from now on. */
void heap_mark_tally(struct heap *h, enum heap_tally which, uint32_t row);
/* ... and is the most there ever was. */
void heap_reset_peak(struct heap *h, enum heap_tally which, uint32_t row);

/* One size class of pools. */
struct pool_class_info {
    const char *kind; /* "object", "data", or "packed": cells that packed pools are stored in */
    uint32_t cell_bytes;
    uint64_t pools, cells, used, free; /* of pools that are not packed */
    uint64_t packed_pools, packed_cells; /* packed ones, and the cells in use in them */
};

/* The size class numbered *cursor or the next that has pools; false at the end. */
bool heap_next_pool_class(const struct heap *h, uint32_t *cursor, struct pool_class_info *ret);
uint64_t heap_arena_count(const struct heap *h);

/* ---- memory goes back ----
 *
 * Bounded steps, for which the heap is told the time. Pages that no pool uses go back to the system once they have
 * been free for a while. Pools of which few cells are used are packed: objects move while ids stay, so no pointer
 * into the heap (a slice of a name or a string) may be kept across heap_pack(). */

struct heap_tidy {
    uint32_t purge_decay_ms; /* how long memory waits to be used again; 0: it goes at once */
    uint32_t pack_used_pct;  /* pools fuller than this are not packed; counted in sixteenths; 0: none is */
};

/* 10 s and 25 % to begin with. */
void heap_set_tidy(struct heap *h, const struct heap_tidy *t);
/* A monotonic clock; once a turn of the caller's loop is enough. */
void heap_tell_time(struct heap *h, uint64_t now_ms);

/* When heap_pack() has something to do: 0 now, UINT64_MAX never as things are. O(1). It packs sparse pools once more
 * than 10 % of what is committed, and 4 MiB, have been free in pools for purge_decay_ms; then all there are. */
uint64_t heap_pack_at_ms(const struct heap *h);
/* Returns the units left, 0: there may be more. A unit is about 30 ns; a call packs at least one pool, in 15 us. */
size_t heap_pack(struct heap *h, size_t units);

/* When heap_purge() has something to do: 0 now, UINT64_MAX never as things are. O(1). */
uint64_t heap_purge_at_ms(const struct heap *h);
/* Give free memory whose time has come back to the system; returns the units left, 0: there may be more. A unit is
 * about 30 ns; a call takes at least one piece, of about 10 us. */
size_t heap_purge(struct heap *h, size_t units);

/* All is due at once, however little it is and whatever the settings say about waiting, until nothing is left (or
 * memory to pack into is refused): call heap_pack(), then heap_purge(), as they are due. */
void heap_tidy_soon(struct heap *h);
/* The same; and the allocator below is asked for its free memory here and now, which may take tens of milliseconds. */
void heap_tidy_now(struct heap *h);

/* ---- proof ---- */

/* Recount everything and say each equation that does not hold through `broken` (a sentence), returning how
 * many there are; 0 is well. `broken` may be NULL. O(heap). ERR_NOMEM is told as a broken equation.
 * The recount also asks whoever watches the heap (heap_gc.h). */
size_t heap_validate(struct heap *h, void (*broken)(void *ctx, const char *sentence), void *ctx);
