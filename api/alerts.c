/* alerts.c - see alerts.h. */
#include "api/alerts.h"
#include "api/suspect_write.h"
#include "heap/base/check.h"

/* One that has been told, and is not over. */
struct alert {
    size_t bytes;
    struct suspect_name name; /* its names are in `text` */
    char text[];
};

static struct api *api_of(void *ctx)
{
    struct api *api = ctx;

    CHECK_IS(api, API_MAGIC);
    return api;
}

static struct slice copy_to(char *text, struct slice name)
{
    if (name.len > 0)
        memcpy(text, name.data, name.len);
    return (struct slice){text, name.len};
}

/* NULL: memory is refused. */
static struct alert *alert_new(struct mem *mem, const struct suspect_name *n)
{
    size_t bytes = sizeof(struct alert) + n->name.len + n->field.len;
    struct alert *a = mem_alloc(mem, bytes);

    if (a == NULL)
        return NULL;
    *a = (struct alert){.bytes = bytes, .name = *n};
    a->name.name = copy_to(a->text, n->name);
    a->name.field = copy_to(a->text + n->name.len, n->field);
    return a;
}

static void alert_free(struct mem *mem, struct alert *a)
{
    mem_free(mem, a, a->bytes);
}

static void *on_suspected(void *ctx, enum growth_kind kind, const struct grower *r)
{
    struct api *api = api_of(ctx);
    struct suspect_name name;
    struct alert *a;
    struct out *o;

    if (!suspect_find(api, kind, r, &name) || (a = alert_new(api->mem, &name)) == NULL)
        return NULL;
    o = news_begin(api, EVENT_ALERT);
    out_member_text(o, "what", "suspect");
    write_suspect_members(api, o, kind, r, &name);
    if (news_end(api))
        return a;
    alert_free(api->mem, a);
    return NULL;
}

static void on_over(void *ctx, enum growth_kind kind, const struct grower *r, enum growth_over why)
{
    static const char *const because[] = {[GROWTH_OVER_LEVEL] = "it grows no more",
                                          [GROWTH_OVER_GONE] = "it is gone",
                                          [GROWTH_OVER_UNWATCHED] = "it is not watched any more"};
    struct api *api = api_of(ctx);
    struct alert *a = r->told;

    if (why != GROWTH_OVER_END) { /* then nobody listens */
        struct out *o = news_begin(api, EVENT_ALERT);

        out_member_text(o, "what", "over");
        write_suspect_name(o, kind, r, &a->name);
        out_member_text(o, "because", because[why]);
        out_member_real(o, "suspect_s", (double)(api_now_ms(api) - r->suspect_since_ms) / 1000);
        news_end(api);
    }
    alert_free(api->mem, a);
}

struct growth_watch alerts_watch(struct api *api)
{
    return (struct growth_watch){.ctx = api, .suspected = on_suspected, .over = on_over};
}
