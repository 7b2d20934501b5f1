/*
 * texts.h - the names in a frozen graph: strings and labels by number, each once; and what shapes stand for.
 *
 * Owns:      strings[] and labels[] of frozen.h while they grow.
 * Knows not: nodes and edges.
 *
 * A shape says class, site and field names of an object all at once, so they are looked up once for each shape (a form).
 * Shapes are found by number: one that has no users any more, and whose number another gets, had none that was not copied.
 */
#pragma once
#include "heap/base/map.h"
#include "heap/graph/frozen.h"
#include "heap/graph/lane.h"
#include "heap/heap_impl.h"

struct text_chunk;

/* What a shape stands for. */
struct form {
    uint32_t class, site;  /* strings */
    uint32_t label[3];     /* by kind of object; 0: not needed yet */
    uint32_t names;        /* how many field names there are */
    uint32_t name[];       /* strings */
};

struct texts {
    struct mem *mem;
    uint64_t seed;
    struct lane strings;   /* const char * */
    struct lane labels;    /* struct frozen_label */
    uint32_t string_count, label_count;
    struct map *by_text;   /* hash -> string */
    struct map *by_parts;  /* hash -> label */
    struct text_chunk *chunk; /* texts lie in these, the newest first */
    size_t chunk_used;
    uint64_t chunks_bytes;
    struct lane forms;     /* struct form *, by shape */
    uint32_t shapes;       /* numbers there were at the cut */
    uint32_t forms_freed;  /* texts_end_making(): of the numbers below */
    uint64_t units;        /* of work that looking up has been so far: a new shape may have many names */
};

/* For a heap as it is now, of which at most so many other names will come. False: no memory; texts_close() it. */
bool texts_open(struct texts *t, const struct heap *h, uint64_t other_names);
/* The number of a text of at most 255 bytes. False: no memory. */
bool texts_number(struct texts *t, struct slice text, uint32_t *ret);
bool texts_label(struct texts *t, struct frozen_label label, uint32_t *ret);
/* NULL: no memory. */
struct form *texts_form(struct texts *t, const struct heap *h, uint32_t shape);
/* The label of an object of this form. */
bool texts_label_of(struct texts *t, struct form *f, enum frozen_kind kind, uint32_t *ret);
/* A node of so many bytes has that label. */
void texts_count_node(struct texts *t, uint32_t label, uint64_t bytes);

/* Of strings and labels, on the account. */
uint64_t texts_bytes(const struct texts *t);

/* Nothing more will be looked up. Returns the units left, 0: call again. */
size_t texts_end_making(struct texts *t, size_t units);
/* Give all back, after texts_end_making(). */
size_t texts_close(struct texts *t, size_t units);
