/* record_undo.c - see record_undo.h. */
#include "heap/record_undo.h"
#include "heap/dict.h"
#include "heap/onlooker.h"
#include "heap/record.h"
#include "heap/shape.h"

/* ---- a record in slots ---- */

struct slots_note {
    slot_t record;
    uint32_t shape;     /* whose user the note is */
    slot_t extension;   /* the cell its values were in; 0: its own */
    uint8_t layout : 2;
    bool moved;         /* they are elsewhere now, and that cell is the note's */
    uint32_t fresh;     /* of the values there are now */
    uint32_t displaced; /* of those there were */
    uint32_t count;
    word_t words[RECORD_SLOTS_MAX];
};

_Static_assert(sizeof(struct slots_note) <= UNDO_NOTE_BYTES_MAX, "the largest note there is");

/* Its storage has been freed, as far as it is not the note's: let it have what it had. */
static void put_slots_back(struct heap *h, const struct slots_note *n, const word_t *words, uint32_t count)
{
    struct object *o = object_at(h, n->record);
    uint32_t room;

    if (n->moved) {
        o->layout = n->layout;
        o->word[0] = n->extension;
    }
    shape_unuse(h, o->shape);
    o->shape = n->shape & (SHAPES_MAX - 1);

    word_t *values = record_values(h, n->record, &room);

    CHECK(count == h->shapes[n->shape].field_count && count <= room);
    if (count > 0)
        memcpy(values, words, count * sizeof *values);
    memset(values + count, 0, (room - count) * sizeof *values);
}

static void release_some(struct heap *h, const word_t *words, uint32_t which, void (*fn)(struct heap *h, word_t w))
{
    for (; which != 0; which &= which - 1)
        fn(h, words[__builtin_ctz(which)]);
}

static void take_slots_back(struct heap *h, void *note)
{
    const struct slots_note *n = note;
    struct object *o = object_at(h, n->record);
    uint64_t before = record_storage_bytes(h, n->record);
    word_t now[RECORD_SLOTS_MAX];
    uint32_t room;

    object_changing(h, n->record);
    memcpy(now, record_values(h, n->record, &room), h->shapes[o->shape].field_count * sizeof *now);
    if (n->moved && o->layout == LAYOUT_EXTENDED)
        pool_free(&h->pools, o->word[0]);
    put_slots_back(h, n, n->words, n->count);
    object_resized(h, n->record, (int64_t)(record_storage_bytes(h, n->record) - before));
    release_some(h, n->words, n->displaced, undo_retake_word);
    release_some(h, now, n->fresh, word_release);
}

static void forget_slots(struct heap *h, void *note)
{
    const struct slots_note *n = note;

    release_some(h, n->words, n->displaced, undo_forget_word);
    shape_unuse(h, n->shape);
    if (n->moved && n->layout == LAYOUT_EXTENDED)
        pool_free(&h->pools, n->extension);
}

static struct slots_note *note_slots(struct heap *h, const struct undo_kind *kind, slot_t record, bool moves)
{
    const struct object *o = object_at(h, record);
    struct slots_note *n = undo_note(h, kind, sizeof *n);

    *n = (struct slots_note){.record = record, .shape = o->shape, .moved = moves, .layout = o->layout};
    if (o->layout == LAYOUT_EXTENDED)
        n->extension = o->word[0];
    shape_use(h, n->shape);
    return n;
}

void record_note_slots(struct heap *h, slot_t record, bool moves, uint32_t kept, uint32_t fresh)
{
    static const struct undo_kind kind = {take_slots_back, forget_slots};
    struct slots_note *n;
    uint32_t room;

    if (!undo_is_open(h))
        return;
    n = note_slots(h, &kind, record, moves);
    n->count = h->shapes[n->shape].field_count;
    memcpy(n->words, record_values(h, record, &room), n->count * sizeof *n->words);
    n->displaced = ~kept & (uint32_t)((UINT64_C(1) << n->count) - 1);
    n->fresh = fresh;
}

/* ---- a record that became a dictionary ---- */

/* All that was done to it since has been taken back, so it has the fields that it had in slots, in their order. */
static void take_dictionary_back(struct heap *h, void *note)
{
    const struct slots_note *n = note;
    uint64_t before = record_storage_bytes(h, n->record);
    slot_t dict = record_dict(h, n->record);
    word_t words[RECORD_SLOTS_MAX];
    uint32_t count = 0;

    object_changing(h, n->record);
    while (dict_first(h, dict) != 0) {
        CHECK(count < RECORD_SLOTS_MAX);
        words[count++] = dict_remove(h, dict, dict_first(h, dict));
    }
    dict_destroy(h, dict);
    put_slots_back(h, n, words, count);
    object_resized(h, n->record, (int64_t)(record_storage_bytes(h, n->record) - before));
}

void record_note_dictionary(struct heap *h, slot_t record)
{
    static const struct undo_kind kind = {take_dictionary_back, forget_slots};

    if (undo_is_open(h))
        (void)note_slots(h, &kind, record, true);
}

/* ---- an entry of a dictionary ---- */

struct entry_note {
    slot_t record, dict, entry;
    uint32_t version; /* of the dictionary, before */
    word_t was;       /* of an entry that was given another */
};

typedef word_t put_back_fn(struct heap *h, const struct entry_note *n);

/* Tell who watches, let `put_back` do it, and account for it. */
static void change_back(struct heap *h, const struct entry_note *n, put_back_fn *put_back)
{
    uint64_t before = dict_bytes(h, n->dict);
    word_t gone;

    object_changing(h, n->record);
    gone = put_back(h, n);
    dict_rewind(h, n->dict, n->version);
    object_resized(h, n->record, (int64_t)(dict_bytes(h, n->dict) - before));
    word_release(h, gone);
}

static word_t remove_added(struct heap *h, const struct entry_note *n)
{
    onlooker_note_removing(h, n->record, n->dict, n->entry);
    return dict_remove(h, n->dict, n->entry);
}

static word_t replace_again(struct heap *h, const struct entry_note *n)
{
    onlooker_note_entry(h, n->record, n->dict, n->entry, n->was);
    undo_retake_word(h, n->was);
    return dict_replace(h, n->dict, n->entry, n->was);
}

static word_t put_removed_back(struct heap *h, const struct entry_note *n)
{
    onlooker_note_field(h, n->record, dict_name(h, n->entry), dict_count(h, n->dict), WORD_ABSENT, n->was);
    dict_put_back(h, n->dict, n->entry);
    undo_retake_word(h, n->was);
    return WORD_ABSENT;
}

static void take_added_back(struct heap *h, void *note)
{
    change_back(h, note, remove_added);
}

static void take_replaced_back(struct heap *h, void *note)
{
    change_back(h, note, replace_again);
}

static void take_removed_back(struct heap *h, void *note)
{
    change_back(h, note, put_removed_back);
}

static void forget_replaced(struct heap *h, void *note)
{
    undo_forget_word(h, ((const struct entry_note *)note)->was);
}

/* A walk that stands at the entry stood there all along. */
static void forget_removed(struct heap *h, void *note)
{
    const struct entry_note *n = note;
    uint64_t before = dict_bytes(h, n->dict);

    record_pass_scans(h, n->record, n->entry);
    dict_forget(h, n->dict, n->entry); /* the map gives room back */
    object_resized(h, n->record, (int64_t)(dict_bytes(h, n->dict) - before));
    undo_forget_word(h, n->was);
}

static void note_entry(struct heap *h, const struct undo_kind *kind, slot_t record, slot_t entry, uint32_t version)
{
    struct entry_note *n = undo_note(h, kind, sizeof *n);

    *n = (struct entry_note){.record = record,
                             .dict = record_dict(h, record),
                             .entry = entry,
                             .version = version,
                             .was = dict_word(h, entry)};
}

void record_note_added(struct heap *h, slot_t record, slot_t entry)
{
    static const struct undo_kind kind = {take_added_back, NULL};

    if (undo_is_open(h))
        note_entry(h, &kind, record, entry, dict_version(h, record_dict(h, record)) - 1);
}

void record_note_replaced(struct heap *h, slot_t record, slot_t entry)
{
    static const struct undo_kind kind = {take_replaced_back, forget_replaced};

    if (undo_is_open(h))
        note_entry(h, &kind, record, entry, dict_version(h, record_dict(h, record)));
}

void record_note_removed(struct heap *h, slot_t record, slot_t entry)
{
    static const struct undo_kind kind = {take_removed_back, forget_removed};

    if (undo_is_open(h))
        note_entry(h, &kind, record, entry, dict_version(h, record_dict(h, record)));
}

/* Each edit leaves one at most, and one more if the record becomes a dictionary. */
enum err record_reserve_notes(struct heap *h, size_t edits, struct why *why)
{
    return undo_reserve(h, edits + 1, why);
}
