/* items.c - lists as objects: heap.h's operations on them, over the tree of list.h. */
#include "heap/birth.h"
#include "heap/heap_impl.h"
#include "heap/list.h"
#include "heap/onlooker.h"
#include "heap/shape.h"
#include "heap/slot.h"
#include "heap/undo_impl.h"

static enum err no_item(uint64_t index, uint32_t length, struct why *why)
{
    return why_set(why, ERR_NO_NAME, "there is no item %llu, the list has %u", (unsigned long long)index, length);
}

static enum err find_list(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = slot_find(h, id, ret, why);

    if (e == ERR_OK && object_at(h, *ret)->kind != KIND_LIST)
        return why_set(why, ERR_WRONG_KIND, "object %llu is not a list", (unsigned long long)id);
    return e;
}

static enum err find_item(const struct heap *h, obj_id id, uint64_t index, slot_t *ret, struct why *why)
{
    enum err e = find_list(h, id, ret, why);

    if (e == ERR_OK && index >= list_length(h, *ret))
        return no_item(index, list_length(h, *ret), why);
    return e;
}

static enum err push_value(struct heap *h, slot_t list, const struct value *v, struct why *why)
{
    word_t word;
    enum err e = word_encode(h, v, &word, why);

    if (e != ERR_OK)
        return e;
    if ((e = list_push(h, list, word, why)) != ERR_OK)
        word_release(h, word);
    else
        onlooker_note_item(h, list, list_length(h, list) - 1, WORD_ABSENT, word);
    return e;
}

/* ---- what may be taken back ---- */

struct item_note {
    slot_t list;
    uint32_t version;
    uint32_t index; /* of an item that was set ... */
    word_t was;
    uint32_t last_words; /* or of a push */
};

static void take_set_back(struct heap *h, void *note)
{
    const struct item_note *n = note;
    word_t gone;

    object_changing(h, n->list);
    undo_retake_word(h, n->was);
    gone = list_set(h, n->list, n->index, n->was);
    onlooker_note_item(h, n->list, n->index, gone, n->was);
    word_release(h, gone);
    list_rewind(h, n->list, n->version);
}

static void forget_set(struct heap *h, void *note)
{
    undo_forget_word(h, ((const struct item_note *)note)->was);
}

static void take_push_back(struct heap *h, void *note)
{
    const struct item_note *n = note;
    word_t gone;

    object_changing(h, n->list);
    gone = list_unpush(h, n->list, n->last_words, n->version);
    onlooker_note_item_deleted(h, n->list, list_length(h, n->list), gone);
    word_release(h, gone);
}

static void note_set(struct heap *h, slot_t list, uint32_t index)
{
    static const struct undo_kind kind = {take_set_back, forget_set};
    struct item_note *n;

    if (!undo_is_open(h))
        return;
    n = undo_note(h, &kind, sizeof *n);
    *n = (struct item_note){
        .list = list, .version = list_version(h, list), .index = index, .was = list_get(h, list, index)};
}

static void note_push(struct heap *h, slot_t list, uint32_t last_words)
{
    static const struct undo_kind kind = {take_push_back, NULL};
    struct item_note *n;

    if (!undo_is_open(h))
        return;
    n = undo_note(h, &kind, sizeof *n);
    *n = (struct item_note){.list = list, .version = list_version(h, list) - 1, .last_words = last_words};
}

/* ---- the public operations ---- */

static bool names(const struct value *v, obj_id id)
{
    return (v->kind == VALUE_LINK || v->kind == VALUE_WEAK) && v->id == id;
}

/* The id that the list in the making will have, guessed: it names nothing before the list is whole. */
static enum err no_object_yet(obj_id id, struct why *why)
{
    return why_set(why, ERR_DANGLING, "object %llu does not exist and cannot be linked", (unsigned long long)id);
}

enum err heap_new_list(struct heap *h, struct label label, const struct value *items, size_t count, obj_id *ret,
                       struct why *why)
{
    uint32_t base;
    slot_t list;
    enum err e = shape_base(h, label, &base, why);

    if (e != ERR_OK)
        return e;
    list = object_birth(h, KIND_LIST, OBJECT_HEADER_WORDS + LIST_OWN_WORDS, base);
    if (list == 0)
        return why_set(why, ERR_NOMEM, "no memory for a list");
    for (size_t i = 0; i < count && e == ERR_OK; i++)
        e = names(&items[i], heap_id(h, list)) ? no_object_yet(items[i].id, why) : push_value(h, list, &items[i], why);
    if (e == ERR_OK && journal_is_on(h->journal))
        e = journal_born(h, list, NULL, why);
    if (e != ERR_OK) {
        object_unbirth(h, list);
        return e;
    }
    object_born(h, list, KIND_LIST);
    *ret = heap_id(h, list);
    return ERR_OK;
}

enum err heap_push_item(struct heap *h, obj_id id, const struct value *v, uint64_t *ret_index, struct why *why)
{
    struct change c = {.kind = CHANGE_PUSH, .id = id, .value = v};
    size_t mark = 0;
    slot_t list;
    uint32_t last_words;
    enum err e;

    if ((e = find_list(h, id, &list, why)) || (e = undo_reserve(h, 1, why)) ||
        (e = journal_note(h->journal, &c, &mark, why)))
        return e;
    last_words = undo_is_open(h) ? list_last_words(h, list) : 0;
    object_changing(h, list);
    if ((e = push_value(h, list, v, why))) {
        journal_cut(h->journal, mark);
        return e;
    }
    note_push(h, list, last_words);
    if (ret_index != NULL)
        *ret_index = list_length(h, list) - 1;
    return ERR_OK;
}

enum err heap_get_item(const struct heap *h, obj_id id, uint64_t index, struct value *ret, struct why *why)
{
    slot_t list;
    enum err e = find_item(h, id, index, &list, why);

    if (e == ERR_OK)
        *ret = word_decode(h, list_get(h, list, (uint32_t)index));
    return e;
}

enum err heap_set_item(struct heap *h, obj_id id, uint64_t index, const struct value *v, struct why *why)
{
    struct change c = {.kind = CHANGE_PUT, .id = id, .index = index, .value = v};
    slot_t list;
    word_t word, old;
    enum err e;

    if ((e = find_item(h, id, index, &list, why)) || (e = undo_reserve(h, 1, why)) ||
        (e = word_encode(h, v, &word, why)))
        return e;
    if ((e = journal_note(h->journal, &c, NULL, why)) != ERR_OK) {
        word_release(h, word);
        return e;
    }
    object_changing(h, list);
    note_set(h, list, (uint32_t)index);
    old = list_set(h, list, (uint32_t)index, word);
    onlooker_note_item(h, list, (uint32_t)index, old, word);
    undo_drop_word(h, old);
    return ERR_OK;
}

enum err heap_delete_item(struct heap *h, obj_id id, uint64_t index, struct why *why)
{
    struct change c = {.kind = CHANGE_CUT, .id = id, .index = index};
    slot_t list;
    word_t old;
    enum err e;

    CHECK(!undo_is_open(h));
    if ((e = find_item(h, id, index, &list, why)) || (e = journal_note(h->journal, &c, NULL, why)))
        return e;
    object_changing(h, list);
    old = list_delete(h, list, (uint32_t)index);
    onlooker_note_item_deleted(h, list, (uint32_t)index, old);
    word_release(h, old);
    return ERR_OK;
}

enum err heap_seek_item(const struct heap *h, obj_id id, uint64_t index, struct part_cursor *cursor, struct why *why)
{
    slot_t list;
    enum err e = find_item(h, id, index, &list, why);

    if (e == ERR_OK)
        cursor->position = index;
    return e;
}
