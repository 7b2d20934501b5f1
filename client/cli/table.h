/*
 * table.h - rows of cells, lined up when printed.
 *
 * The first row is the heading, bold on a terminal. A column whose cells all are numbers is set flush right.
 * In all columns but the last, what is too long is cut.
 */
#pragma once
#include "client/text.h"
#include <stdio.h>

struct table {
    struct text cells; /* NUL-terminated, one behind the other, made safe to print */
    size_t cell_count;
    size_t column_count; /* cell_count is a multiple of it once all rows are whole */
};

void table_init(struct table *t, size_t column_count);
void table_fini(struct table *t);
void table_cell(struct table *t, const char *string);
void table_cell_number(struct table *t, unsigned long long number);

/* False without memory; then nothing is printed. */
bool table_print(const struct table *t, FILE *out, bool colour);
