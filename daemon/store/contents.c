/* contents.c - see contents.h. */
#include "daemon/store/contents.h"
#include "api/redo.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

#define NAME_SEED 0x6e616d65 /* keys of one object: who chooses them slows his own object down */
#define NAMES_BLOCKS 3       /* with fewer, names are looked for in the text */

void contents_init(struct contents *c, struct mem *mem, char bracket)
{
    *c = (struct contents){.mem = mem, .bracket = bracket};
}

void contents_fini(struct contents *c)
{
    for (size_t i = 0; i < c->block_count; i++)
        buf_fini(&c->blocks[i].text);
    mem_free(c->mem, c->blocks, c->block_room * sizeof *c->blocks);
    mem_free(c->mem, c->dropped_numbers, c->dropped_room * sizeof *c->dropped_numbers);
    map_destroy(&c->by_name);
    contents_init(c, c->mem, c->bracket);
}

/* ---- blocks ---- */

/* `*array` has room for one more. */
static bool grow(struct mem *mem, void **array, size_t *room, size_t count, size_t element)
{
    size_t more = *room == 0 ? 4 : 2 * *room;
    void *grown;

    if (count < *room)
        return true;
    if ((grown = mem_realloc(mem, *array, *room * element, more * element)) == NULL)
        return false;
    *array = grown;
    *room = more;
    return true;
}

/* An empty one at the end. NULL: memory is refused. */
static struct contents_block *add_block(struct contents *c, uint32_t number)
{
    struct contents_block *b;

    if (!grow(c->mem, (void **)&c->blocks, &c->block_room, c->block_count, sizeof *c->blocks))
        return NULL;
    b = &c->blocks[c->block_count++];
    *b = (struct contents_block){.number = number};
    buf_init(&b->text, c->mem, SIZE_MAX);
    c->next_number = number + 1;
    return b;
}

static bool is_full(const struct contents_block *b, size_t more)
{
    return b->count > 0 && (b->count == CONTENTS_BLOCK_PARTS || b->text.len + more + 1 > CONTENTS_BLOCK_BYTES);
}

/* The block that a new part of so many bytes goes into. */
static struct contents_block *block_for_more(struct contents *c, size_t bytes)
{
    if (c->block_count > 0 && !is_full(&c->blocks[c->block_count - 1], bytes))
        return &c->blocks[c->block_count - 1];
    return add_block(c, c->next_number);
}

/* The last block stays, even when it is empty: an object has one. */
static enum err drop_block(struct contents *c, struct contents_block *b)
{
    size_t i = (size_t)(b - c->blocks);

    if (b->count > 0 || c->block_count == 1)
        return ERR_OK;
    if (!grow(c->mem, (void **)&c->dropped_numbers, &c->dropped_room, c->dropped, sizeof *c->dropped_numbers))
        return ERR_NOMEM;
    c->dropped_numbers[c->dropped++] = b->number;
    buf_fini(&b->text);
    memmove(b, b + 1, (c->block_count - i - 1) * sizeof *b);
    c->block_count--;
    return ERR_OK;
}

/* Put `with` in the place of `len` bytes at `at`; with nothing, a comma goes too. */
static enum err splice(struct contents *c, struct contents_block *b, size_t at, size_t len, struct slice with)
{
    struct buf *t = &b->text;

    if (with.len > len && !buf_reserve(t, with.len - len))
        return ERR_NOMEM;
    memmove(t->data + at + with.len, t->data + at + len, t->len - at - len);
    if (with.len > 0)
        memcpy(t->data + at, with.data, with.len);
    t->len = t->len - len + with.len;
    c->bytes = c->bytes - len + with.len;
    b->changed = true;
    return ERR_OK;
}

static enum err remove_part(struct contents *c, struct contents_block *b, size_t at, size_t len)
{
    if (at + len < b->text.len)
        len++; /* the comma behind it */
    else if (at > 0)
        at--, len++; /* it is the last: that before it */
    splice(c, b, at, len, SLICE(""));
    b->count--;
    return drop_block(c, b);
}

/* ---- names ---- */

static uint32_t hash_of(struct slice key)
{
    return (uint32_t)hash_bytes(NAME_SEED, key.data, key.len);
}

static struct contents_block *block_numbered(const struct contents *c, uint32_t number)
{
    size_t low = 0, high = c->block_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (c->blocks[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->block_count && c->blocks[low].number == number ? &c->blocks[low] : NULL;
}

static enum err name_block(struct contents *c, const struct contents_block *b)
{
    struct slice rest = buf_slice(&b->text), key, value;

    while (redo_next_part(&rest, &key, &value))
        if (!map_add(c->by_name, hash_of(key), b->number))
            return ERR_NOMEM;
    return rest.len == 0 ? ERR_OK : ERR_BAD_VALUE;
}

static enum err name_all(struct contents *c)
{
    enum err e = ERR_OK;

    if (c->by_name != NULL || c->block_count < NAMES_BLOCKS)
        return ERR_OK;
    if ((c->by_name = map_create(c->mem, NAME_SEED)) == NULL)
        return ERR_NOMEM;
    for (size_t i = 0; i < c->block_count && e == ERR_OK; i++)
        e = name_block(c, &c->blocks[i]);
    return e;
}

static void forget_name(struct contents *c, struct slice key, uint32_t number)
{
    uint32_t e = c->by_name != NULL ? map_find(c->by_name, hash_of(key)) : MAP_NONE;

    while (e != MAP_NONE && map_value(c->by_name, e) != number)
        e = map_next(c->by_name, e);
    if (e != MAP_NONE)
        map_remove(c->by_name, e);
}

/* Where a part is. */
struct place {
    struct contents_block *block;
    size_t at, len;             /* of the whole part, its name too */
    size_t value_at, value_len;
};

static bool find_in(struct contents_block *b, struct slice key, struct place *ret)
{
    struct slice rest = buf_slice(&b->text), name, value;

    while (redo_next_part(&rest, &name, &value))
        if (slice_eq(name, key)) {
            size_t at = (size_t)(name.data - b->text.data), value_at = (size_t)(value.data - b->text.data);

            *ret = (struct place){b, at, value_at + value.len - at, value_at, value.len};
            return true;
        }
    return false;
}

static bool find_field(struct contents *c, struct slice key, struct place *ret)
{
    if (c->by_name == NULL) {
        for (size_t i = 0; i < c->block_count; i++)
            if (find_in(&c->blocks[i], key, ret))
                return true;
        return false;
    }
    for (uint32_t e = map_find(c->by_name, hash_of(key)); e != MAP_NONE; e = map_next(c->by_name, e)) {
        struct contents_block *b = block_numbered(c, map_value(c->by_name, e));

        if (b != NULL && find_in(b, key, ret))
            return true;
    }
    return false;
}

/* ---- loading ---- */

static uint32_t count_parts(struct slice text, bool *ret_well)
{
    struct slice name, value;
    uint32_t n = 0;

    while (redo_next_part(&text, &name, &value))
        n++;
    *ret_well = text.len == 0;
    return n;
}

enum err contents_load(struct contents *c, uint32_t number, struct slice json)
{
    struct contents_block *b;
    struct slice text;
    bool well;

    if (!redo_open(json, c->bracket, &text) || (c->block_count > 0 && number < c->next_number))
        return ERR_BAD_VALUE;
    if ((b = add_block(c, number)) == NULL || !buf_add_slice(&b->text, text))
        return ERR_NOMEM;
    b->count = count_parts(text, &well);
    c->bytes += text.len;
    return well ? ERR_OK : ERR_BAD_VALUE;
}

/* ---- parts come, change and go ---- */

/* `key` is empty for an item. */
static enum err add_part(struct contents *c, struct slice key, struct slice value)
{
    size_t bytes = key.len + (key.len > 0) + value.len;
    struct contents_block *b = block_for_more(c, bytes);

    if (b == NULL || !buf_reserve(&b->text, bytes + 1))
        return ERR_NOMEM;
    if (c->by_name != NULL && key.len > 0 && !map_add(c->by_name, hash_of(key), b->number))
        return ERR_NOMEM;
    c->bytes += bytes + (b->count > 0);
    if (b->count > 0)
        buf_add_byte(&b->text, ',');
    if (key.len > 0) {
        buf_add_slice(&b->text, key);
        buf_add_byte(&b->text, ':');
    }
    buf_add_slice(&b->text, value);
    b->count++;
    b->changed = true;
    return ERR_OK;
}

enum err contents_make(struct contents *c, struct slice json)
{
    struct slice text, key, value;
    enum err e = ERR_OK;

    if (!redo_open(json, c->bracket, &text))
        return ERR_BAD_VALUE;
    if (add_block(c, 0) == NULL)
        return ERR_NOMEM;
    c->blocks[0].changed = true;
    while (e == ERR_OK && redo_next_part(&text, &key, &value))
        e = add_part(c, key, value);
    return e != ERR_OK || text.len == 0 ? e : ERR_BAD_VALUE;
}

/* As a key, a leading $ is doubled. */
static enum err key_of(const struct contents *c, struct slice name, struct buf *room, struct slice *ret)
{
    if (name.len < 2 || name.data[0] != '"' || c->bracket != '{')
        return ERR_BAD_VALUE;
    if (name.data[1] != '$') {
        *ret = name;
        return ERR_OK;
    }
    buf_add_text(room, "\"$");
    buf_add_slice(room, slice_from(name, 1));
    *ret = buf_slice(room);
    return room->failed ? ERR_NOMEM : ERR_OK;
}

static enum err set_key(struct contents *c, struct slice key, struct slice value)
{
    struct place p;
    enum err e = name_all(c);

    if (e != ERR_OK)
        return e;
    if (find_field(c, key, &p))
        return splice(c, p.block, p.value_at, p.value_len, value);
    return add_part(c, key, value);
}

static enum err unset_key(struct contents *c, struct slice key)
{
    struct place p;
    enum err e = name_all(c);

    if (e != ERR_OK)
        return e;
    if (!find_field(c, key, &p))
        return ERR_OK;
    forget_name(c, key, p.block->number);
    return remove_part(c, p.block, p.at, p.len);
}

enum err contents_set(struct contents *c, struct slice name, struct slice value)
{
    struct buf room;
    struct slice key;
    enum err e;

    buf_init(&room, c->mem, SIZE_MAX);
    if ((e = key_of(c, name, &room, &key)) == ERR_OK)
        e = set_key(c, key, value);
    buf_fini(&room);
    return e;
}

enum err contents_unset(struct contents *c, struct slice name)
{
    struct buf room;
    struct slice key;
    enum err e;

    buf_init(&room, c->mem, SIZE_MAX);
    if ((e = key_of(c, name, &room, &key)) == ERR_OK)
        e = unset_key(c, key);
    buf_fini(&room);
    return e;
}

static bool find_item(struct contents *c, uint64_t index, struct place *ret)
{
    struct slice rest, name, value;
    size_t i = 0;

    if (c->bracket != '[')
        return false;
    while (i < c->block_count && index >= c->blocks[i].count)
        index -= c->blocks[i++].count;
    if (i == c->block_count)
        return false;
    rest = buf_slice(&c->blocks[i].text);
    do
        CHECK(redo_next_part(&rest, &name, &value)); /* they have been counted */
    while (index-- > 0);
    ret->block = &c->blocks[i];
    ret->at = ret->value_at = (size_t)(value.data - c->blocks[i].text.data);
    ret->len = ret->value_len = value.len;
    return true;
}

enum err contents_push(struct contents *c, struct slice value)
{
    return c->bracket == '[' ? add_part(c, SLICE(""), value) : ERR_BAD_VALUE;
}

enum err contents_put(struct contents *c, uint64_t index, struct slice value)
{
    struct place p;

    return find_item(c, index, &p) ? splice(c, p.block, p.at, p.len, value) : ERR_BAD_VALUE;
}

enum err contents_cut(struct contents *c, uint64_t index)
{
    struct place p;

    return find_item(c, index, &p) ? remove_part(c, p.block, p.at, p.len) : ERR_BAD_VALUE;
}
