/* persist.c - see persist.h. */
#include "api/persist.h"
#include "api/config.h"
#include "heap/base/check.h"
#include <string.h>

#define MEMBERS_MAX 64 /* more than there are settings */

static bool is_wanted(const struct task *t)
{
    return query_is_true(t, "persist");
}

enum err persist_check(const struct task *t, struct why *why)
{
    if (!is_wanted(t) || t->api->world.keep != NULL)
        return ERR_OK;
    return why_set(why, ERR_NOT_IMPLEMENTED,
                   "nothing survives a restart here, so this cannot: leave persist out, or start heapd with --data");
}

/* ---- kept ---- */

struct kept {
    struct api_kept list[MEMBERS_MAX];
    char *texts[MEMBERS_MAX];
    size_t count;
};

static void kept_fini(struct kept *k)
{
    json_free_t give_back;

    json_get_alloc_funcs(NULL, &give_back);
    while (k->count > 0)
        give_back(k->texts[--k->count]);
}

/* False: there is no memory. */
static bool kept_add(struct kept *k, const char *name, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    if (text == NULL)
        return false;
    CHECK(k->count < MEMBERS_MAX);
    k->list[k->count] = (struct api_kept){slice_of(name), slice_of(text)};
    k->texts[k->count++] = text;
    return true;
}

enum err persist_members(const struct task *t, json_t *members, struct why *why)
{
    const struct api_world *w = &t->api->world;
    struct kept kept = {.count = 0};
    enum err e = ERR_OK;
    const char *name;
    json_t *value;

    if (!is_wanted(t))
        return ERR_OK;
    json_object_foreach(members, name, value) {
        if (e == ERR_OK && !kept_add(&kept, name, value))
            e = why_set(why, ERR_NOMEM, "no memory to keep the change");
    }
    if (e == ERR_OK)
        e = w->keep(w->ctx, kept.list, kept.count, why);
    kept_fini(&kept);
    return e;
}

/* ---- put back ---- */

static enum err put_back(struct settings *s, struct gc *gc, const char *name, const json_t *value, struct why *why)
{
    if (strncmp(name, "gc.", 3) == 0)
        return gc_put_back(gc, name, value, why);
    return settings_set(s, slice_of(name), value, false, why);
}

size_t persist_put_back(struct settings *s, struct gc *gc, json_t *kept, void (*left_out)(void *ctx, const char *sentence),
                        void *ctx)
{
    size_t count = 0;
    const char *name;
    json_t *value;

    json_object_foreach(kept, name, value) {
        struct why why = {0};

        if (put_back(s, gc, name, value, &why) == ERR_OK)
            continue;
        left_out(ctx, why.text);
        count++;
    }
    return count;
}
