/*
 * table.c - see table.h. Widths are counted in code points: good enough for names in most scripts.
 */
#include "client/cli/table.h"
#include "client/cli/say.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { GAP = 2, CELL_BYTES_MAX = 60 };

struct column {
    size_t width;
    bool is_number; /* of every cell but the heading */
};

void table_init(struct table *t, size_t column_count)
{
    *t = (struct table){.column_count = column_count};
}

void table_fini(struct table *t)
{
    text_fini(&t->cells);
}

void table_cell(struct table *t, const char *string)
{
    bool is_last = (t->cell_count + 1) % t->column_count == 0;
    size_t length = strlen(string);
    size_t shown = is_last ? length : text_utf8_cut(string, length, CELL_BYTES_MAX);

    say_safely(&t->cells, string, shown);
    if (shown < length)
        text_add_string(&t->cells, "...");
    text_add_byte(&t->cells, '\0');
    t->cell_count++;
}

void table_cell_number(struct table *t, unsigned long long number)
{
    char digits[32];

    (void)snprintf(digits, sizeof digits, "%llu", number);
    table_cell(t, digits);
}

static size_t width_of(const char *cell)
{
    size_t width = 0;

    for (; *cell != '\0'; cell++)
        width += ((unsigned char)*cell & 0xc0) != 0x80;
    return width;
}

static bool looks_like_number(const char *cell)
{
    return cell[0] == '\0' || strcmp(cell, "-") == 0 || strspn(cell, "0123456789.+-eE") == strlen(cell);
}

static void measure(const struct table *t, struct column *columns)
{
    const char *cell = t->cells.data;

    for (size_t c = 0; c < t->column_count; c++)
        columns[c] = (struct column){.is_number = t->cell_count > t->column_count};
    for (size_t i = 0; i < t->cell_count; i++, cell += strlen(cell) + 1) {
        struct column *column = &columns[i % t->column_count];

        if (width_of(cell) > column->width)
            column->width = width_of(cell);
        if (i >= t->column_count && !looks_like_number(cell))
            column->is_number = false;
    }
}

static void print_cell(FILE *out, const char *cell, const struct column *column, bool is_last)
{
    int pad = (int)(column->width - width_of(cell));

    if (column->is_number)
        fprintf(out, "%*s%s", pad, "", cell);
    else if (is_last)
        fputs(cell, out);
    else
        fprintf(out, "%s%*s", cell, pad, "");
    if (!is_last)
        fprintf(out, "%*s", GAP, "");
}

bool table_print(const struct table *t, FILE *out, bool colour)
{
    struct column *columns = calloc(t->column_count, sizeof *columns);
    const char *cell = t->cells.data;

    if (columns == NULL || t->cells.failed) {
        free(columns);
        return false;
    }
    measure(t, columns);
    for (size_t i = 0; i < t->cell_count; i++, cell += strlen(cell) + 1) {
        size_t c = i % t->column_count;

        if (colour && i == 0)
            fputs(STYLE_BOLD, out);
        print_cell(out, cell, &columns[c], c + 1 == t->column_count);
        if (c + 1 < t->column_count)
            continue;
        if (colour && i + 1 == t->column_count)
            fputs(STYLE_END, out);
        fputc('\n', out);
    }
    free(columns);
    return true;
}
