/*
 * pages.c - see pages.h.
 */
#include "api/pages.h"
#include "api/documents.h"

enum err reply_documents(struct task *task, next_object *next, uint64_t of, struct why *why)
{
    struct page page;
    uint64_t after;
    obj_id id;
    struct out *o;
    enum err e = query_page(task, &page, why);

    if (e)
        return e;
    o = reply_page(task);
    after = page.cursor;
    for (size_t shown = 0; next(task->api, of, &after, &id); shown++) {
        if (page_is_full(o, shown, &page))
            return reply_page_end(task, page.cursor, why);
        if ((e = document_write(task->api, o, id, why)))
            return e;
        page.cursor = after;
    }
    return reply_page_end(task, 0, why);
}

enum err reply_page_end_at(struct task *task, const char *next, struct why *why)
{
    out_close_array(&task->out);
    out_member_text(&task->out, "next", next);
    out_close_object(&task->out);
    return reply_end(task, why);
}

enum err reply_nothing(struct task *task, struct why *why)
{
    struct out *o = reply_json(task, 200);

    out_open_object(o);
    out_close_object(o);
    return reply_end(task, why);
}
