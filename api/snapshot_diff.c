/*
 * snapshot_diff.c - GET /v1/snapshots/{n}/diff/{b}: what grew from one snapshot to another, by class, by site where it was
 * made, and by what holds it.
 *
 * Rows of both are put into one ledger, in steps, and the `limit` that grew most are answered. By class and by site count
 * objects; by holder counts links, and the bytes of what they lead to: of each root and session, of what batches and the
 * garbage list hold, of each field of a class, and of the items of lists of a class. So a list that is only ever added to
 * shows under its class, although nothing of it grew but its own storage.
 */
#include "api/best.h"
#include "api/handlers.h"
#include "api/ledger.h"
#include "api/pages.h"
#include "api/snapshots.h"
#include "heap/base/check.h"

#define EDGES_PER_UNIT 2u
#define LABELS_PER_UNIT 4u
#define CACHED_FIELDS 1024u /* a power of two */
#define FIELDS_MAX (LEDGER_ROWS_MAX / 2) /* rows for fields of classes; what else there is counts as fields without a name */

/* Links of one field come from thousands of objects one after another. */
struct cached_field {
    uint32_t label, name;
    uint32_t row; /* number + 1; 0: none */
};

enum { DIFF_LABELS, DIFF_EDGES, DIFF_CHOOSE, DIFF_DONE };

struct diff {
    struct taken *of[2];
    struct ledger *ledger;
    struct best best[3];       /* classes, sites, holders */
    struct cached_field cached[CACHED_FIELDS];
    uint32_t fields;           /* rows for them */
    uint32_t part;
    uint32_t side;             /* 0: before */
    uint32_t at;               /* in labels, nodes or rows */
    uint32_t edge;
    struct share share;
    bool failed;
};

static const struct frozen *side_of(const struct diff *d)
{
    return d->of[d->side]->frozen;
}

static struct ledger_row *row_for(struct diff *d, const struct ledger_row *key)
{
    struct ledger_row *row = ledger_row(d->ledger, key);

    d->failed |= row == NULL;
    return row;
}

static void add(const struct diff *d, struct ledger_row *row, uint64_t count, uint64_t bytes)
{
    if (row == NULL)
        return;
    row->count[d->side] += count;
    row->bytes[d->side] += bytes;
}

/* ---- by class and by site ---- */

static void add_label(struct diff *d, const struct frozen_label *l)
{
    const struct frozen *f = side_of(d);
    struct ledger_row class = {.what = LEDGER_CLASS, .name = frozen_string(f, l->class)};
    struct ledger_row site = {.what = LEDGER_SITE, .name = frozen_string(f, l->site)};

    if (l->kind >= FROZEN_OUTSIDE || l->nodes == 0)
        return;
    add(d, row_for(d, &class), l->nodes, l->bytes);
    if (l->site != 0)
        add(d, row_for(d, &site), l->nodes, l->bytes);
}

static size_t add_labels(struct diff *d, size_t units)
{
    const struct frozen *f = side_of(d);
    uint64_t end = d->at + (uint64_t)units * LABELS_PER_UNIT;

    for (; d->at < f->label_count && d->at < end && !d->failed; d->at++)
        add_label(d, &f->labels[d->at]);
    return d->at == f->label_count ? 1 : 0;
}

/* ---- by holder ---- */

/* A field of a class; once there are too many, all others together. */
static struct ledger_row *field_row(struct diff *d, const struct frozen_label *l, uint32_t name)
{
    const struct frozen *f = side_of(d);
    struct ledger_row key = {.what = LEDGER_FIELD, .name = frozen_string(f, l->class), .part = frozen_string(f, name)};
    struct ledger_row *row = d->fields < FIELDS_MAX ? NULL : ledger_find(d->ledger, &key);
    uint32_t before = d->ledger->count;

    if (row != NULL)
        return row;
    if (d->fields >= FIELDS_MAX)
        key.part = SLICE("");
    row = row_for(d, &key);
    d->fields += d->ledger->count - before;
    return row;
}

static struct ledger_row *cached_field_row(struct diff *d, uint32_t label, uint32_t name)
{
    struct cached_field *c = &d->cached[(label * 31 + name) % CACHED_FIELDS];
    struct ledger_row *row;

    if (c->row != 0 && c->label == label && c->name == name)
        return ledger_at(d->ledger, c->row - 1);
    if ((row = field_row(d, &side_of(d)->labels[label], name)) != NULL)
        *c = (struct cached_field){label, name, (uint32_t)(row - ledger_at(d->ledger, 0)) + 1};
    return row;
}

static struct ledger_row *holder_row(struct diff *d, uint32_t node, uint32_t name)
{
    const struct frozen *f = side_of(d);
    const struct frozen_label *l = frozen_label_of(f, node);
    struct ledger_row key = {.name = frozen_string(f, l->class)};

    switch (l->kind) {
    case FROZEN_RECORD:
        return cached_field_row(d, f->label[node], name);
    case FROZEN_ROOTS:
        key.what = LEDGER_ROOT;
        key.name = frozen_string(f, name);
        break;
    case FROZEN_SESSION:
        key.what = LEDGER_SESSION;
        key.id = f->id[node];
        break;
    default:
        key.what = l->kind == FROZEN_LIST ? LEDGER_ITEM : l->kind == FROZEN_BATCHES ? LEDGER_BATCH : LEDGER_GARBAGE;
        break;
    }
    return row_for(d, &key);
}

static size_t add_edges(struct diff *d, size_t units)
{
    const struct frozen *f = side_of(d);

    for (; d->at < f->node_count && units > 0 && !d->failed; units--) {
        uint32_t end = f->first_edge[d->at + 1], stop = end - d->edge > EDGES_PER_UNIT ? d->edge + EDGES_PER_UNIT : end;

        for (; d->edge < stop; d->edge++)
            if (frozen_is_object(f, f->edge_to[d->edge]))
                add(d, holder_row(d, d->at, f->edge_name[d->edge]), 1, f->bytes[f->edge_to[d->edge]]);
        d->at += d->edge == end;
    }
    return d->at == f->node_count ? 1 : 0;
}

/* ---- what grew most ---- */

static int64_t growth(const uint64_t of[2])
{
    return (int64_t)(of[1] - of[0]);
}

static int by_growth(const void *a, const void *b)
{
    const struct ledger_row *x = a, *y = b;
    int order = largest_first(growth(x->bytes), growth(y->bytes));

    if (order == 0)
        order = largest_first(growth(x->count), growth(y->count));
    return order != 0 ? order : slice_order(x->name, y->name);
}

static size_t choose(struct diff *d, size_t units)
{
    for (; d->at < d->ledger->count && units > 0; d->at++, units--) {
        const struct ledger_row *row = ledger_at(d->ledger, d->at);

        if (growth(row->bytes) != 0 || growth(row->count) != 0)
            best_consider(&d->best[row->what == LEDGER_CLASS ? 0 : row->what == LEDGER_SITE ? 1 : 2], row);
    }
    return units;
}

/* ---- the answer ---- */

static void write_name(struct out *o, const struct ledger_row *row)
{
    switch (row->what) {
    case LEDGER_CLASS:
        out_member_string(o, "class", row->name);
        break;
    case LEDGER_SITE:
        out_member_string(o, "site", row->name);
        break;
    case LEDGER_ROOT:
        out_member_string(o, "root", row->name);
        break;
    case LEDGER_SESSION:
        out_member_u64(o, "session", row->id);
        out_member_string(o, "label", row->name);
        break;
    case LEDGER_BATCH:
        out_member_bool(o, "batch", true);
        break;
    case LEDGER_GARBAGE:
        out_member_bool(o, "garbage", true);
        break;
    case LEDGER_FIELD:
        out_member_string(o, "class", row->name);
        if (row->part.len > 0)
            out_member_string(o, "field", row->part);
        break;
    case LEDGER_ITEM:
        out_member_string(o, "class", row->name);
        out_member_bool(o, "item", true);
        break;
    }
}

static void write_rows(struct out *o, const char *key, struct best *b)
{
    best_sort(b);
    out_key(o, key);
    out_open_array(o);
    for (size_t i = 0; i < b->count; i++) {
        const struct ledger_row *row = best_at(b, i);

        out_open_object(o);
        write_name(o, row);
        out_member_u64(o, row->what < LEDGER_ROOT ? "count" : "links", row->count[1]);
        out_member_u64(o, "bytes", row->bytes[1]);
        out_key(o, "growth");
        out_open_object(o);
        out_member_i64(o, row->what < LEDGER_ROOT ? "count" : "links", growth(row->count));
        out_member_i64(o, "bytes", growth(row->bytes));
        out_close_object(o);
        out_close_object(o);
    }
    out_close_array(o);
}

static enum err reply_diff(struct task *task, struct diff *d, struct why *why)
{
    const struct frozen *before = d->of[0]->frozen, *after = d->of[1]->frozen;
    struct out *o = reply_json(task, 200);

    out_open_object(o);
    out_member_u64(o, "a", d->of[0]->n);
    out_member_u64(o, "b", d->of[1]->n);
    out_key(o, "growth");
    out_open_object(o);
    out_member_i64(o, "objects", (int64_t)after->object_count - before->object_count);
    out_member_i64(o, "links", (int64_t)after->link_count - before->link_count);
    out_member_i64(o, "bytes", (int64_t)(after->object_bytes - before->object_bytes));
    out_close_object(o);
    write_rows(o, "classes", &d->best[0]);
    write_rows(o, "sites", &d->best[1]);
    write_rows(o, "holders", &d->best[2]);
    out_close_object(o);
    return reply_end(task, why);
}

/* ---- in steps ---- */

/* The same on the other side; or what comes next. */
static void next_part(struct diff *d)
{
    d->part += d->side == 1 || d->part == DIFF_CHOOSE;
    d->side = d->part == DIFF_CHOOSE ? 0 : 1 - d->side;
    d->at = d->edge = 0;
    memset(d->cached, 0, sizeof d->cached);
}

static enum err step_diff(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    static size_t (*const parts[])(struct diff *d, size_t units) = {add_labels, add_edges, choose};
    struct diff *d = ctx;

    *turn = TASK_MORE;
    if (parts[d->part](d, api_share(task->api, &d->share, units * SNAPSHOT_UNITS_PER_UNIT)) > 0)
        next_part(d);
    if (d->failed && d->ledger->count == LEDGER_ROWS_MAX)
        return why_limit(why, ERR_LIMIT, "diff_rows_max", LEDGER_ROWS_MAX, "there are too many classes, sites, roots and sessions to compare");
    if (d->failed)
        return why_set(why, ERR_NOMEM, "no memory to compare two snapshots");
    if (d->part < DIFF_DONE)
        return ERR_OK;
    *turn = TASK_DONE;
    return reply_diff(task, d, why);
}

static void destroy_diff(struct task *task, void *ctx)
{
    struct diff *d = ctx;
    struct api *api = task->api;

    for (size_t i = 0; i < ARRAY_LEN(d->best); i++)
        best_fini(&d->best[i]);
    for (size_t i = 0; i < ARRAY_LEN(d->of); i++)
        snapshots_release(api, &d->of[i]);
    snapshots_end_ledger(api, &d->ledger);
    mem_free(api->mem, d, sizeof *d);
}

static const struct task_work diff_work = {.step = step_diff, .destroy = destroy_diff};

static bool open_diff(struct api *api, struct diff *d, size_t limit)
{
    uint64_t seed;

    api->world.random_bytes(api->world.ctx, &seed, sizeof seed);
    for (size_t i = 0; i < ARRAY_LEN(d->best); i++)
        if (!best_init(&d->best[i], api->mem, by_growth, sizeof(struct ledger_row), limit))
            return false;
    return (d->ledger = ledger_create(api->mem, seed)) != NULL;
}

/* GET /v1/snapshots/{n}/diff/{b}  ->  200 {"a", "b", "growth": {...}, "classes": [...], "sites": [...], "holders": [...]} */
enum err get_snapshot_diff(struct api *api, struct task *task, struct why *why)
{
    struct taken *before, *after;
    struct page page;
    struct diff *d;
    enum err e;

    if ((e = query_page(task, &page, why)) || (e = snapshots_find(api, task->params[0], &before, why)) ||
        (e = snapshots_find(api, task->params[1], &after, why)))
        return e;
    if ((d = mem_zalloc(api->mem, sizeof *d)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to compare two snapshots");
    d->of[0] = before;
    d->of[1] = after;
    snapshots_hold(before);
    snapshots_hold(after);
    task_work_in_slices(task, &diff_work, d, PAUSE_SNAPSHOT);
    return open_diff(api, d, page.limit) ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to compare two snapshots");
}
