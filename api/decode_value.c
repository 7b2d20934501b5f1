/*
 * decode_value.c - from json_t to values of the heap.
 *
 * Containers are made children first, each with one reference that is ours until its parent links to it.
 * The recursion is as deep as the JSON, which decode_json() has bounded.
 */
#include "api/decode.h"
#include "heap/base/check.h"

static const char ref_key[] = "$ref";
static const char weak_key[] = "$weak";

/* ---- ids and names ---- */

enum err decode_id(const struct decoder *d, const json_t *json, obj_id *ret, struct why *why)
{
    json_int_t id = json_integer_value(json); /* 0 for what is no integer */

    if (json_is_string(json) && d->name != NULL)
        return d->name(d->ctx, json_slice(json), ret, why);
    if (id < 1 || (uint64_t)id > ID_MAX)
        return why_set(why, ERR_BAD_VALUE, "an id is an integer from 1 to 2^53-1%s",
                       d->name != NULL ? ", or \"@n\"" : "");
    *ret = (obj_id)id;
    return ERR_OK;
}

enum err check_name(struct slice name, const char *what, struct why *why)
{
    if (name.len < 1 || name.len > NAME_BYTES_MAX)
        return why_set(why, ERR_BAD_VALUE, "a %s has 1 to %d bytes, not %zu", what, NAME_BYTES_MAX, name.len);
    if (memchr(name.data, '\0', name.len) != NULL)
        return why_set(why, ERR_BAD_VALUE, "a %s has no NUL in it", what);
    return ERR_OK;
}

enum err decode_name(struct slice key, struct slice *ret, struct why *why)
{
    if (key.len > 0 && key.data[0] == '$') {
        if (key.len == 1 || key.data[1] != '$')
            return why_set(why, ERR_BAD_VALUE,
                           "the key %.*s is reserved: write $%.*s for a field of that name", (int)key.len,
                           key.data, (int)key.len, key.data);
        key.data++;
        key.len--;
    }
    enum err e = check_name(key, "field name", why);

    if (e == ERR_OK)
        *ret = key;
    return e;
}

/* ---- links ---- */

/* The id in an object whose only key is `key`, or NULL. */
static const json_t *only_member(const json_t *json, const char *key)
{
    return json_object_size(json) == 1 ? json_object_get(json, key) : NULL;
}

const json_t *link_id(const json_t *json)
{
    const json_t *id = only_member(json, ref_key);

    return id != NULL ? id : only_member(json, weak_key);
}

enum err decode_ref(const struct decoder *d, const json_t *json, obj_id *ret, struct why *why)
{
    const json_t *id = only_member(json, ref_key);
    obj_id found;
    enum err e;

    if (id == NULL)
        return why_set(why, ERR_BAD_VALUE, "a link is {\"$ref\": ID} and nothing else");
    if ((e = decode_id(d, id, &found, why)))
        return e;
    if (!heap_has(d->heap, found))
        return why_set(why, ERR_DANGLING, "object %llu does not exist, or not any more",
                       (unsigned long long)found);
    *ret = found;
    return ERR_OK;
}

/* ---- the two containers as arrays of what the heap takes ---- */

/* One block for `count` elements and their marks. */
static void *new_block(const struct decoder *d, size_t count, size_t element, size_t *ret_bytes,
                       struct why *why)
{
    size_t bytes = count * (element + sizeof(bool)); /* count is of what a body of bounded length contains */
    void *block = mem_zalloc(d->mem, bytes);

    if (block == NULL)
        why_set(why, ERR_NOMEM, "no memory for a value of %zu parts", count);
    *ret_bytes = bytes;
    return block;
}

static enum err decode_field(const struct decoder *d, struct slice key, const json_t *json, bool unset_null,
                             struct field *ret, bool *ret_fresh, struct why *why)
{
    struct decoded v = {.value = value_null()};
    enum err e;

    if ((e = decode_name(key, &ret->name, why)))
        return e;
    if (unset_null && json_is_null(json))
        ret->unset = true;
    else if ((e = decode_value(d, json, &v, why)))
        return e;
    ret->value = v.value;
    *ret_fresh = v.fresh;
    return ERR_OK;
}

enum err decode_fields(const struct decoder *d, const json_t *object, bool unset_nulls,
                       struct decoded_fields *ret, struct why *why)
{
    size_t max = json_object_size(object);
    struct decoded_fields f = {0};
    json_t *json = (json_t *)object; /* jansson's iterator takes no const; nothing is changed */

    *ret = f;
    if (max == 0)
        return ERR_OK;
    f.block = new_block(d, max, sizeof *f.fields, &f.block_bytes, why);
    if (f.block == NULL)
        return ERR_NOMEM;
    f.fields = f.block;
    f.fresh = (bool *)(f.fields + max);
    for (void *i = json_object_iter(json); i != NULL; i = json_object_iter_next(json, i)) {
        struct slice key = {json_object_iter_key(i), json_object_iter_key_len(i)};
        enum err e = decode_field(d, key, json_object_iter_value(i), unset_nulls, &f.fields[f.count],
                                  &f.fresh[f.count], why);

        if (e) {
            fields_fini(d, &f);
            return e;
        }
        f.count++;
    }
    CHECK(f.count == max);
    *ret = f;
    return ERR_OK;
}

void fields_fini(const struct decoder *d, struct decoded_fields *f)
{
    for (size_t i = 0; f->block != NULL && i < f->count; i++) {
        if (f->fresh[i])
            heap_release(d->heap, f->fields[i].value.id);
    }
    mem_free(d->mem, f->block, f->block_bytes);
    *f = (struct decoded_fields){0};
}

enum err decode_items(const struct decoder *d, const json_t *array, struct decoded_items *ret,
                      struct why *why)
{
    size_t max = json_array_size(array);
    struct decoded_items l = {0};

    *ret = l;
    if (max == 0)
        return ERR_OK;
    l.block = new_block(d, max, sizeof *l.items, &l.block_bytes, why);
    if (l.block == NULL)
        return ERR_NOMEM;
    l.items = l.block;
    l.fresh = (bool *)(l.items + max);
    for (; l.count < max; l.count++) {
        struct decoded v;
        enum err e = decode_value(d, json_array_get(array, l.count), &v, why);

        if (e) {
            items_fini(d, &l);
            return e;
        }
        l.items[l.count] = v.value;
        l.fresh[l.count] = v.fresh;
    }
    *ret = l;
    return ERR_OK;
}

void items_fini(const struct decoder *d, struct decoded_items *l)
{
    for (size_t i = 0; l->block != NULL && i < l->count; i++) {
        if (l->fresh[i])
            heap_release(d->heap, l->items[i].id);
    }
    mem_free(d->mem, l->block, l->block_bytes);
    *l = (struct decoded_items){0};
}

/* ---- one value ---- */

static enum err new_record(const struct decoder *d, const json_t *json, obj_id *ret, struct why *why)
{
    struct decoded_fields f;
    enum err e;

    if ((e = decode_fields(d, json, false, &f, why)))
        return e;
    e = heap_new_record(d->heap, (struct label){SLICE("object"), d->site}, f.fields, f.count, ret, why);
    fields_fini(d, &f);
    return e;
}

static enum err new_list(const struct decoder *d, const json_t *json, obj_id *ret, struct why *why)
{
    struct decoded_items l;
    enum err e;

    if ((e = decode_items(d, json, &l, why)))
        return e;
    e = heap_new_list(d->heap, (struct label){SLICE("list"), d->site}, l.items, l.count, ret, why);
    items_fini(d, &l);
    return e;
}

static enum err decode_new(const struct decoder *d, const json_t *json, struct decoded *ret, struct why *why)
{
    obj_id id;
    enum err e;

    if (d->puts_back)
        return why_set(why, ERR_BAD_VALUE, "what is kept of an object has another in it");
    e = json_is_object(json) ? new_record(d, json, &id, why) : new_list(d, json, &id, why);
    if (e == ERR_OK)
        *ret = (struct decoded){.value = value_link(id), .fresh = true};
    return e;
}

bool link_is_lost(const struct decoder *d, const struct value *link)
{
    return d->puts_back && link->kind == VALUE_WEAK && !heap_has(d->heap, link->id);
}

static enum err decode_link(const struct decoder *d, const json_t *id, enum value_kind kind,
                            struct decoded *ret, struct why *why)
{
    struct decoded v = {.value.kind = kind};
    enum err e = decode_id(d, id, &v.value.id, why);

    if (e == ERR_OK)
        *ret = link_is_lost(d, &v.value) ? (struct decoded){.value = value_null()} : v;
    return e;
}

static enum err decode_object(const struct decoder *d, const json_t *json, struct decoded *ret,
                              struct why *why)
{
    const json_t *id;

    if ((id = only_member(json, ref_key)) != NULL)
        return decode_link(d, id, VALUE_LINK, ret, why);
    if ((id = only_member(json, weak_key)) != NULL)
        return decode_link(d, id, VALUE_WEAK, ret, why);
    return decode_new(d, json, ret, why);
}

enum err decode_value(const struct decoder *d, const json_t *json, struct decoded *ret, struct why *why)
{
    struct value v = value_null();

    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return decode_object(d, json, ret, why);
    case JSON_ARRAY:
        return decode_new(d, json, ret, why);
    case JSON_STRING:
        v = (struct value){.kind = VALUE_STRING, .string = json_slice(json)};
        break;
    case JSON_INTEGER:
        v = value_int(json_integer_value(json));
        break;
    case JSON_REAL:
        v = (struct value){.kind = VALUE_REAL, .real = json_real_value(json)};
        break;
    case JSON_TRUE:
        v.kind = VALUE_TRUE;
        break;
    case JSON_FALSE:
        v.kind = VALUE_FALSE;
        break;
    case JSON_NULL:
        break;
    }
    *ret = (struct decoded){.value = v};
    return ERR_OK;
}

void value_fini(const struct decoder *d, struct decoded *v)
{
    if (v->fresh)
        heap_release(d->heap, v->value.id);
    *v = (struct decoded){.value = value_null()};
}
