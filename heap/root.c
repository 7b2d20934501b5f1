/* root.c - see root.h. */
#include "heap/root.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/names.h"
#include "heap/onlooker.h"
#include "heap/ref.h"
#include "heap/slot.h"
#include "heap/undo_impl.h"

static enum err no_root(struct slice name, struct why *why)
{
    return why_set(why, ERR_NO_NAME, "there is no root \"%.*s\"", (int)(name.len > 80 ? 80 : name.len), name.data);
}

/* ---- what may be taken back ---- */

struct root_note {
    uint32_t number;
    struct name_entry was; /* its target is what a reference was dropped on; 0: there was no such root */
};

static void take_put_back(struct heap *h, void *note)
{
    const struct root_note *n = note;
    slot_t now = names_at(h->roots, n->number)->target;

    onlooker_note_root(h, n->number, now, n->was.target);
    if (n->was.target == 0) {
        names_remove(h->roots, n->number);
    } else {
        names_at(h->roots, n->number)->target = n->was.target;
        undo_retake_ref(h, n->was.target);
    }
    ref_drop(h, now);
}

static void forget_put(struct heap *h, void *note)
{
    const struct root_note *n = note;

    if (n->was.target != 0)
        undo_forget_ref(h, n->was.target);
}

static void take_deletion_back(struct heap *h, void *note)
{
    const struct root_note *n = note;

    onlooker_note_root(h, n->number, 0, n->was.target);
    names_put_back(h->roots, n->number, &n->was);
    undo_retake_ref(h, n->was.target);
}

static void forget_deletion(struct heap *h, void *note)
{
    const struct root_note *n = note;

    names_forget(h->roots, &n->was);
    undo_forget_ref(h, n->was.target);
}

static void note_put(struct heap *h, uint32_t number, slot_t old)
{
    static const struct undo_kind kind = {take_put_back, forget_put};

    if (undo_is_open(h))
        *(struct root_note *)undo_note(h, &kind, sizeof(struct root_note)) =
            (struct root_note){.number = number, .was.target = old};
}

/* Take the name off the table. */
static void remove_name(struct heap *h, uint32_t number)
{
    static const struct undo_kind kind = {take_deletion_back, forget_deletion};
    struct root_note *n;

    if (!undo_is_open(h)) {
        names_remove(h->roots, number);
        return;
    }
    n = undo_note(h, &kind, sizeof *n);
    n->number = number;
    n->was = names_take_out(h->roots, number);
}

/* ---- the public operations ---- */

enum err root_put(struct heap *h, struct slice name, obj_id id, bool *ret_new, struct why *why)
{
    struct change c = {.kind = CHANGE_ROOT, .name = name, .id = id};
    uint32_t n = names_find(h->roots, name);
    bool is_new = n == 0;
    slot_t target, old;
    size_t mark = 0;
    enum err e;

    if ((e = slot_find_target(h, id, &target, why)) || (e = undo_reserve(h, 1, why)) ||
        (e = ref_take(h, target, why)))
        return e;
    if ((e = journal_note(h->journal, &c, &mark, why)) == ERR_OK && is_new && (e = names_add(h->roots, name, &n, why)) != ERR_OK)
        journal_cut(h->journal, mark);
    if (e != ERR_OK) {
        ref_drop(h, target);
        return e;
    }
    old = names_at(h->roots, n)->target;
    onlooker_note_root(h, n, old, target);
    note_put(h, n, old);
    names_at(h->roots, n)->target = target;
    if (!is_new)
        ref_drop(h, old);
    if (ret_new != NULL)
        *ret_new = is_new;
    return ERR_OK;
}

enum err root_get(const struct heap *h, struct slice name, obj_id *ret, struct why *why)
{
    uint32_t n = names_find(h->roots, name);

    if (n == 0)
        return no_root(name, why);
    *ret = heap_id(h, names_at(h->roots, n)->target);
    return ERR_OK;
}

enum err root_delete(struct heap *h, struct slice name, struct why *why)
{
    uint32_t n = names_find(h->roots, name);
    struct change c = {.kind = CHANGE_UNROOT, .name = name};
    slot_t target;
    enum err e;

    if (n == 0)
        return no_root(name, why);
    if ((e = undo_reserve(h, 1, why)) || (e = journal_note(h->journal, &c, NULL, why)))
        return e;
    target = names_at(h->roots, n)->target;
    onlooker_note_root(h, n, target, 0);
    remove_name(h, n);
    ref_drop(h, target);
    return ERR_OK;
}

bool root_at(const struct heap *h, uint32_t number, struct slice *ret_name, obj_id *ret_id)
{
    if (!names_has(h->roots, number))
        return false;
    *ret_name = string_slice(h, names_at(h->roots, number)->name);
    *ret_id = heap_id(h, names_at(h->roots, number)->target);
    return true;
}

bool root_next(const struct heap *h, uint32_t *cursor, struct slice *ret_name, obj_id *ret_id)
{
    uint32_t n = names_next(h->roots, *cursor);

    if (n == 0)
        return false;
    *cursor = n + 1;
    return root_at(h, n, ret_name, ret_id);
}
