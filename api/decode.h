/*
 * decode.h - JSON in: from bytes to json_t, from json_t to values of the heap.
 *
 * Bytes are looked at once before jansson sees them: a NUL, or nesting deeper than json_depth_max, is
 * refused, so that neither jansson nor the recursion here goes deeper than that.
 *
 * An object whose only key is $ref or $weak is a link; $$x means the name $x; any other single leading $ is
 * ERR_BAD_VALUE. Any other object or array inside a value becomes an object of its own, made before the one
 * that links to it. Such a new object comes with a reference that belongs to whoever decoded it, who gives
 * it back once something else holds the object: with value_fini(), fields_fini(), items_fini(). After an
 * error everything made on the way is dead again.
 */
#pragma once
#include "heap/heap.h"
#include <jansson.h>

/* Decode `text`, one JSON value of any type, to be json_decref()ed. ERR_BAD_JSON (not JSON, a duplicate key,
 * not UTF-8, deeper than depth_max), ERR_BAD_VALUE (a number that does not fit, NUL in a key), ERR_NOMEM. */
enum err decode_json(struct slice text, size_t depth_max, json_t **ret, struct why *why);

/* Where new objects go, and what "@n" means. */
struct decoder {
    struct heap *heap;
    struct mem *mem;
    struct slice site;
    bool puts_back; /* what the heap itself wrote: a weak link to what does not live any more is null, as it read; nothing is made */
    /* The object that "@n" stands for; ERR_BAD_VALUE if none. NULL: an id is never a string. */
    enum err (*name)(void *ctx, struct slice text, obj_id *ret, struct why *why);
    void *ctx;
};

struct decoded {
    struct value value; /* strings are the json_t's */
    bool fresh;         /* a link to an object made here, with a reference that is ours */
};

struct decoded_fields {
    struct field *fields;
    bool *fresh;
    size_t count;
    void *block; /* NULL: the fields are somebody else's, and none is fresh */
    size_t block_bytes;
};

struct decoded_items {
    struct value *items;
    bool *fresh;
    size_t count;
    void *block; /* the same */
    size_t block_bytes;
};

/* An id as it stands in JSON (or "@n"): ERR_BAD_VALUE if it cannot be one. It may be dead. */
enum err decode_id(const struct decoder *d, const json_t *json, obj_id *ret, struct why *why);
/* {"$ref": ID} and nothing else: ERR_BAD_VALUE. ERR_DANGLING if no such object lives. */
enum err decode_ref(const struct decoder *d, const json_t *json, obj_id *ret, struct why *why);

/* The ID in {"$ref": ID} or {"$weak": ID}; NULL if it is neither. */
const json_t *link_id(const json_t *json);

/* It is weak, written by the heap itself, and what it led to is dead. */
bool link_is_lost(const struct decoder *d, const struct value *link);

/* A field name as a key of JSON: `$$x` means `$x`. ERR_BAD_VALUE. */
enum err decode_name(struct slice key, struct slice *ret, struct why *why);
/* A plain name, as in paths, ops and `field`: 1 to 255 bytes, no NUL. ERR_BAD_VALUE. */
enum err check_name(struct slice name, const char *what, struct why *why);

enum err decode_value(const struct decoder *d, const json_t *json, struct decoded *ret, struct why *why);
void value_fini(const struct decoder *d, struct decoded *v);

/* The members of an object as fields; `unset_nulls`: null unsets (PATCH) instead of storing null. */
enum err decode_fields(const struct decoder *d, const json_t *object, bool unset_nulls,
                       struct decoded_fields *ret, struct why *why);
void fields_fini(const struct decoder *d, struct decoded_fields *f);

enum err decode_items(const struct decoder *d, const json_t *array, struct decoded_items *ret,
                      struct why *why);
void items_fini(const struct decoder *d, struct decoded_items *i);

/* A json string as bytes; it must be one. */
struct slice json_slice(const json_t *string);
