/* floors.c - see floors.h. */
#include "client/load/floors.h"
#include <stdlib.h>
#include <string.h>

void floors_init(struct floors *f)
{
    memset(f, 0, sizeof *f);
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

static void halve_values(double values[READINGS_MAX])
{
    for (size_t i = 0; i < READINGS_MAX; i += 2)
        values[i / 2] = values[i] < values[i + 1] ? values[i] : values[i + 1];
    memset(&values[READINGS_MAX / 2], 0, READINGS_MAX / 2 * sizeof *values);
}

static void halve_row(struct floor_row *r)
{
    halve_values(r->bytes);
    halve_values(r->objects);
}

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
    }
    f->count /= 2;
}

void floors_begin(struct floors *f, double t_s, double work, double live, double objects, double rss)
{
    if (f->count == READINGS_MAX)
        halve(f);
    f->t_s[f->count] = t_s;
    f->work[f->count] = work;
    f->heap.bytes[f->count] = live;
    f->heap.objects[f->count] = objects;
    f->rss.bytes[f->count] = rss;
    for (size_t k = 0; k < FLOOR_KINDS; k++)
        for (size_t i = 0; i < f->of[k].count; i++)
            f->of[k].rows[i]->bytes[f->count] = f->of[k].rows[i]->objects[f->count] = 0;
    f->count++;
}

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
    if (r == NULL && rows->count == FLOORS_ROWS_MAX)
        return true;
    if (r == NULL && (r = row_new(rows, name)) == NULL)
        return false;
    r->bytes[f->count - 1] = bytes;
    r->objects[f->count - 1] = objects;
    return true;
}

void floors_forget_last(struct floors *f)
{
    f->count -= f->count > 0;
}
