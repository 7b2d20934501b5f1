/*
 * show.h - answers of the daemon as tables for people.
 *
 * Knows the document of an object; any other answer it takes as it comes: plain members become rows, lists of
 * objects, and objects of objects, become tables, so a member that the daemon adds one day is shown without a change here.
 */
#pragma once
#include "client/cli/cli.h"
#include "client/text.h"
#include <jansson.h>

/* An object document, and below it those that ?depth= put into its links. */
int show_document(const struct cli *cli, json_t *document);

/* Any object. */
int show_members(const struct cli *cli, json_t *answer);

/* A page {"items":[..]} as one table; `none` is printed when it is empty. */
int show_items(const struct cli *cli, json_t *page, const char *none);

/* One value: links as @ID, the rest as JSON. */
void show_value(struct text *out, json_t *value);
