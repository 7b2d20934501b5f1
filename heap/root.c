/* root.c - see root.h. */
#include "heap/root.h"
#include "heap/audit_impl.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/names.h"
#include "heap/ref.h"
#include "heap/slot.h"

static enum err no_root(struct slice name, struct why *why)
{
    return why_set(why, ERR_NO_NAME, "there is no root \"%.*s\"", (int)(name.len > 80 ? 80 : name.len), name.data);
}

enum err root_put(struct heap *h, struct slice name, obj_id id, bool *ret_new, struct why *why)
{
    uint32_t n = names_find(h->roots, name);
    bool is_new = n == 0;
    slot_t target, old;
    enum err e;

    if ((e = slot_find_target(h, id, &target, why)) || (e = ref_take(h, target, why)))
        return e;
    if (is_new && (e = names_add(h->roots, name, &n, why)) != ERR_OK) {
        ref_drop(h, target);
        return e;
    }
    old = names_at(h->roots, n)->target;
    audit_note_root(h, n, old, target);
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
    slot_t target;

    if (n == 0)
        return no_root(name, why);
    target = names_at(h->roots, n)->target;
    audit_note_root(h, n, target, 0);
    names_remove(h->roots, n);
    ref_drop(h, target);
    return ERR_OK;
}

bool root_next(const struct heap *h, uint32_t *cursor, struct slice *ret_name, obj_id *ret_id)
{
    uint32_t n = names_next(h->roots, *cursor);

    if (n == 0)
        return false;
    *cursor = n + 1;
    *ret_name = string_slice(h, names_at(h->roots, n)->name);
    *ret_id = heap_id(h, names_at(h->roots, n)->target);
    return true;
}
