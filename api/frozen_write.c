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

static void write_group(struct out *o, enum frozen_kind kind, struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++)
        if (groups[i].kind == kind) {
            out_member_string(o, "holder", name);
            out_member_text(o, "under", groups[i].name);
        }
}

void write_frozen_node(struct out *o, const struct frozen *f, uint32_t node)
{
    const struct frozen_label *l = frozen_label_of(f, node);
    char under[40];

    if (frozen_is_object(f, node)) {
        out_member_u64(o, "id", f->id[node]);
        out_member_string(o, "class", frozen_string(f, l->class));
        if (l->site != 0)
            out_member_string(o, "site", frozen_string(f, l->site));
        out_member_u64(o, "bytes", f->bytes[node]);
    } else if (l->kind == FROZEN_SESSION) {
        snprintf(under, sizeof under, "session:%llu", (unsigned long long)f->id[node]);
        out_member_u64(o, "session", f->id[node]);
        out_member_string(o, "label", frozen_string(f, l->class));
        out_member_text(o, "under", under);
    } else {
        write_group(o, l->kind, frozen_string(f, l->class));
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
