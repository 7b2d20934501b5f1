/* frozen_write.c - see frozen_write.h. */
#include "api/frozen_write.h"
#include "heap/base/check.h"
#include <stdio.h>

static const struct {
    const char *name;
    enum frozen_kind kind;
} groups[] = {
    {"roots", FROZEN_ROOTS}, {"sessions", FROZEN_SESSIONS}, {"batches", FROZEN_BATCHES}, {"garbage", FROZEN_GARBAGE},
};

bool frozen_group_named(struct slice name, enum frozen_kind *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (slice_is(name, groups[i].name)) {
            *ret = groups[i].kind;
            return true;
        }
    return false;
}

static const char *group_name(enum frozen_kind kind)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (groups[i].kind == kind)
            return groups[i].name;
    return "";
}

void frozen_under(const struct frozen *f, uint32_t node, char out[FROZEN_UNDER_MAX])
{
    enum frozen_kind kind = frozen_label_of(f, node)->kind;

    if (frozen_is_object(f, node))
        snprintf(out, FROZEN_UNDER_MAX, "%llu", (unsigned long long)f->id[node]);
    else if (kind == FROZEN_SESSION)
        snprintf(out, FROZEN_UNDER_MAX, "session:%llu", (unsigned long long)f->id[node]);
    else
        snprintf(out, FROZEN_UNDER_MAX, "%s", group_name(kind));
}

void write_frozen_node(struct out *o, const struct frozen *f, uint32_t node)
{
    const struct frozen_label *l = frozen_label_of(f, node);
    char under[FROZEN_UNDER_MAX];

    frozen_under(f, node, under);
    if (frozen_is_object(f, node)) {
        out_member_u64(o, "id", f->id[node]);
        out_member_string(o, "class", frozen_string(f, l->class));
        if (l->site != 0)
            out_member_string(o, "site", frozen_string(f, l->site));
        out_member_u64(o, "bytes", f->bytes[node]);
    } else if (l->kind == FROZEN_SESSION) {
        out_member_u64(o, "session", f->id[node]);
        out_member_string(o, "label", frozen_string(f, l->class));
        out_member_text(o, "under", under);
    } else if (under[0] != '\0') {
        out_member_string(o, "holder", frozen_string(f, l->class));
        out_member_text(o, "under", under);
    }
}

void write_amount(struct out *o, const char *key, uint64_t objects, uint64_t bytes)
{
    out_key(o, key);
    out_open_object(o);
    out_member_u64(o, "objects", objects);
    out_member_u64(o, "bytes", bytes);
    out_close_object(o);
}
