/* floors.c - see floors.h. */
#include "client/load/floors.h"
#include <stdlib.h>
#include <string.h>

void floors_init(struct floors *f)
{
    memset(f, 0, sizeof *f);
    f->stride = 1;
}

void floors_fini(struct floors *f)
{
    for (size_t k = 0; k < FLOOR_KINDS; k++) {
        for (size_t i = 0; i < f->of[k].count; i++) {
            free(f->of[k].rows[i]->name);
            free(f->of[k].rows[i]);
        }
        free(f->of[k].rows);
    }
    floors_init(f);
}

/* ---- one row ---- */

static void keep_value(double values[READINGS_MAX], size_t at, bool is_first, double now)
{
    if (is_first || now < values[at])
        values[at] = now;
}

static void keep_row(struct floor_row *r, size_t at, bool is_first)
{
    keep_value(r->bytes, at, is_first, r->now_bytes);
    keep_value(r->objects, at, is_first, r->now_objects);
}

static void halve_values(double values[READINGS_MAX])
{
    for (size_t i = 0; i < READINGS_MAX; i += 2)
        values[i / 2] = values[i] < values[i + 1] ? values[i] : values[i + 1];
}

static void halve_row(struct floor_row *r)
{
    halve_values(r->bytes);
    halve_values(r->objects);
}

/* ---- a reading ---- */

static void halve(struct floors *f)
{
    halve_row(&f->heap);
    halve_row(&f->rss);
    for (size_t k = 0; k < FLOOR_KINDS; k++)
        for (size_t i = 0; i < f->of[k].count; i++)
            halve_row(f->of[k].rows[i]);
    for (size_t i = 0; i < READINGS_MAX; i += 2) {
        f->t_s[i / 2] = f->t_s[i + 1];
        f->work[i / 2] = f->work[i + 1];
        f->failed[i / 2] = f->failed[i + 1];
        f->full[i / 2] = f->full[i + 1];
    }
    f->count /= 2;
    f->stride *= 2;
}

void floors_begin(struct floors *f, const struct reading *r)
{
    f->now = *r;
    f->heap.now_bytes = r->live;
    f->heap.now_objects = r->objects;
    f->rss.now_bytes = r->rss;
    for (size_t k = 0; k < FLOOR_KINDS; k++)
        for (size_t i = 0; i < f->of[k].count; i++)
            f->of[k].rows[i]->now_bytes = f->of[k].rows[i]->now_objects = 0;
}

void floors_keep(struct floors *f)
{
    bool is_first = f->given == 0;
    size_t at;

    if (is_first && f->count == READINGS_MAX)
        halve(f);
    f->count += is_first;
    at = f->count - 1;
    f->t_s[at] = f->now.t_s;
    f->work[at] = f->now.work;
    f->failed[at] = f->now.failed;
    f->full[at] = f->now.full;
    keep_row(&f->heap, at, is_first);
    keep_row(&f->rss, at, is_first);
    for (size_t k = 0; k < FLOOR_KINDS; k++)
        for (size_t i = 0; i < f->of[k].count; i++)
            keep_row(f->of[k].rows[i], at, is_first);
    f->given = (f->given + 1) % f->stride;
}

/* ---- sites and classes ---- */

static struct floor_row *row_new(struct floor_rows *rows, const char *name)
{
    struct floor_row *r = calloc(1, sizeof *r);

    if (rows->rows == NULL)
        rows->rows = calloc(FLOORS_ROWS_MAX, sizeof *rows->rows);
    if (r == NULL || rows->rows == NULL || (r->name = strdup(name)) == NULL) {
        free(r);
        return NULL;
    }
    return rows->rows[rows->count++] = r;
}

bool floors_tell(struct floors *f, enum floor_of what, const char *name, double bytes, double objects)
{
    struct floor_rows *rows = &f->of[what];
    struct floor_row *r = NULL;

    for (size_t i = 0; i < rows->count && r == NULL; i++)
        if (strcmp(rows->rows[i]->name, name) == 0)
            r = rows->rows[i];
    if (r == NULL && rows->count == FLOORS_ROWS_MAX) {
        rows->left_out = true;
        return true;
    }
    if (r == NULL && (r = row_new(rows, name)) == NULL)
        return false;
    r->now_bytes = bytes;
    r->now_objects = objects;
    return true;
}
