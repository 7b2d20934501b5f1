/*
 * redo.h - changes of the heap, and of settings, as text: what is written so that they can be put back, and how that is done.
 *
 * Owns:      the language. A line is a JSON array, a verb and what it takes:
 *
 *     ["new",ID,"CLASS","SITE",{fields} or [items] or null]    an object with its contents; null: bytes, which follow
 *     ["set",ID,"NAME",value]  ["unset",ID,"NAME"]             a field
 *     ["push",ID,value]  ["put",ID,INDEX,value]  ["cut",ID,INDEX]    an item
 *     ["bytes",ID]                                             the contents of a bytes object, which stand elsewhere
 *     ["root","NAME",ID]  ["unroot","NAME"]  ["weak","NAME",ID]  ["unweak","NAME"]
 *     ["session",NUMBER,TTL,"LABEL","TOKEN"]  ["end",NUMBER]  ["hold",NUMBER,ID]  ["drop",NUMBER,ID]
 *     ["pool",NUMBER,WORDS,TURN]                               objects in the cells of a pool follow (heap/restore.h)
 *     ["dead",POOL,[place,..]]  ["dead",POOL,"HEX"]            some died, which place by place or as 1,024 bits; lines in a
 *                                                              row died together
 *     ["setting","NAME",JSON]                                  is to outlive the process (persist.h); null: no longer
 *     ["answer",NUMBER,"NAME",UNIX_MS,{..}]                    is what a retry gets (idempotency.h); of the same name before: no longer
 *     ["answered",NUMBER]                                      and those up to this one are gone
 *
 * Values are those of the API, with {"$ref":ID} and {"$weak":ID}; a field name as a key has its leading $ doubled, as a
 * string it is plain. Numbers and text read back exactly as they were.
 * Knows not: where the text is kept, and in what portions it becomes durable.
 */
#pragma once
#include "api/api.h"
#include "api/decode.h"
#include "api/idempotency.h"
#include "api/json_out.h"
#include "heap/journal.h"

/* ---- writing: redo_write.c ---- */

enum redo_verb {
    REDO_NEW, REDO_SET, REDO_UNSET, REDO_PUSH, REDO_PUT, REDO_CUT, REDO_BYTES, REDO_ROOT, REDO_UNROOT, REDO_WEAK, REDO_UNWEAK,
    REDO_SESSION, REDO_END, REDO_HOLD, REDO_DROP, REDO_POOL, REDO_DEAD, REDO_SETTING, REDO_ANSWER, REDO_ANSWERED,
    REDO_VERBS
};

#define REDO_CHUNK_BYTES (64u << 10) /* a longer stretch of text is continued in the next */

/* A stretch of whole lines. */
struct redo_chunk {
    struct redo_chunk *next;
    struct buf text;
};

/* Bytes that a line speaks of. */
struct redo_bytes {
    obj_id id;
    struct payload *payload; /* one reference */
    size_t at;               /* where the line stands */
};

/* Changes in the order in which they happened. */
struct redo {
    struct heap *heap;
    struct mem *mem;
    struct redo_chunk *first, *last;
    size_t before_last;      /* bytes of text in the chunks before the last */
    struct redo_bytes *bytes;
    size_t bytes_count, bytes_room;
    size_t payload_bytes;    /* in them */
    struct redo_chunk *spare; /* room for an answer that must be written; NULL: there is none */
};

void redo_init(struct redo *r, struct heap *heap, struct mem *mem);
void redo_fini(struct redo *r);
size_t redo_text_bytes(const struct redo *r);
/* How the heap tells it: heap_set_journal(). ctx is the redo. */
enum err redo_note(void *ctx, const struct change *c, struct why *why);
/* A setting is not the heap's, and is told by whoever changes it. ERR_NOMEM: it was not. */
enum err redo_note_setting(struct redo *r, struct slice name, struct slice json, struct why *why);
/* So is what a retry is to be answered: redo_answer.c. It may be written only when what it speaks of is done, and must be
 * then; so first it is made sure, without writing anything, that there is memory for at least that it was done. ERR_NOMEM. */
enum err redo_prepare_answer(struct redo *r, struct why *why);
/* With more than that where there is more memory. */
void redo_note_answer(struct redo *r, const struct idem_record *answer, uint64_t unix_ms);
enum err redo_note_answers_gone(struct redo *r, uint64_t number, struct why *why);
size_t redo_mark(void *ctx);
void redo_cut(void *ctx, size_t mark);

/* For redo_answer.c. Where the next line goes. NULL: memory is refused. */
struct buf *redo_room_for_line(struct redo *r);
/* What was written from `mark` on, into `text`, is not whole: it goes. ERR_NOMEM. */
enum err redo_refuse(struct redo *r, struct buf *text, size_t mark, struct why *why);
void redo_open_line(struct out *o, enum redo_verb verb);
void redo_close_line(struct out *o);
/* An empty one; NULL: memory is refused. */
struct redo_chunk *redo_new_chunk(struct redo *r);
/* It is the last from now on. */
void redo_add_chunk(struct redo *r, struct redo_chunk *c);
void redo_drop_chunk(struct redo *r, struct redo_chunk *c);

/* ---- a line taken apart: redo_line.c ---- */

#define REDO_ARGS_MAX 4

struct redo_line {
    enum redo_verb verb;
    struct slice arg[REDO_ARGS_MAX]; /* as they stand there, JSON; as many as the verb takes */
};

const char *redo_verb_name(enum redo_verb verb);
/* ERR_BAD_VALUE: it is no such line. What is in the arguments is not looked at but for where they end. */
enum err redo_split(struct slice line, struct redo_line *ret, struct why *why);
/* The elements or members of a JSON array or object one after another: false at the end, or when what follows is none
 * (*rest is then not empty). Begin with *rest the text between its brackets. *ret_name is what stands before the colon. */
bool redo_next_part(struct slice *rest, struct slice *ret_name, struct slice *ret_value);
/* The text between the brackets; false: it has none of that kind ('[' or '{'). */
bool redo_open(struct slice json, char bracket, struct slice *ret);
/* Lower case; -1: none. */
int redo_hex_digit(char c);
/* An integer argument, from 0 to max. */
bool redo_number(struct slice json, uint64_t max, uint64_t *ret);
/* Which places of a pool a "dead" line names, as POOL_CELLS bits. */
bool redo_cells(struct slice json, uint64_t *ret);

/* ---- putting a heap back: redo_read.c ---- */

struct redo_reader {
    struct heap *heap;
    struct session_set *sessions;
    struct mem *mem;
    uint64_t now_ms;   /* when leases begin */
    /* The bytes that stand elsewhere, one reference; ERR_NOMEM, ERR_BAD_VALUE. */
    enum err (*get_bytes)(void *ctx, obj_id id, struct payload **ret, struct why *why);
    void *ctx;
    json_t *settings;  /* an object; takes those that were kept, by name. NULL: nobody wants them */
    struct idempotency *answers; /* takes those that were kept, without limits */
    uint64_t unix_ms;  /* when that is: answers are as old as the clock on the wall says */
    bool unburied;     /* the last line told a death */
};

/* Do what a line says, to a heap that is being put back. ERR_BAD_VALUE: that cannot be, or is no line. ERR_NOMEM. */
enum err redo_apply(struct redo_reader *r, struct slice line, struct why *why);
/* No more lines. ERR_BAD_VALUE: so it cannot end. */
enum err redo_end(struct redo_reader *r, struct why *why);

/* A name that can have been given: 1 to 255 bytes of UTF-8, no NUL. ERR_BAD_VALUE. */
enum err redo_check_name(struct slice name, const char *what, struct why *why);

/* A setting that was kept. */
enum err redo_put_setting(struct redo_reader *r, struct slice name, struct slice json, struct why *why);

/* An answer that was kept: redo_answer.c. Of a time that has not come yet it is as if it were kept just now. */
enum err redo_put_answer(struct redo_reader *r, uint64_t number, struct slice name, uint64_t unix_ms, struct slice json,
                         struct why *why);

/* Objects that were kept as they are: first all of them, each without contents, then the contents of each, perhaps in
 * several stretches. `value` is what "new" takes. */
enum err redo_put_object(struct redo_reader *r, obj_id id, struct slice class, struct slice site, char first_of_value, struct why *why);
enum err redo_put_contents(struct redo_reader *r, obj_id id, struct slice value, struct why *why);
