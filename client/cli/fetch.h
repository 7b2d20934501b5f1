/*
 * fetch.h - calls of the API as verbs make them: JSON in, JSON out, failures said on stderr.
 *
 * Every function returns CLI_OK, or has said why not and returns CLI_FAILED.
 */
#pragma once
#include "client/cli/cli.h"
#include <jansson.h>

typedef int fetch_show_fn(const struct cli *cli, json_t *answer);
typedef int fetch_item_fn(void *arg, json_t *item);

/* The decoded answer, a new reference. `body_new` is taken and may be NULL. */
int fetch_json_new(struct cli *cli, const char *method, const char *path, json_t *body_new,
                   json_t **ret_answer);

/* Call, then show the answer: as it came with --json, else by `show`. */
int fetch_and_show_new(struct cli *cli, const char *method, const char *path, json_t *body_new,
                       fetch_show_fn *show);

/* Every item of a paged list, page by page; stops at the first that is not CLI_OK. */
int fetch_pages(struct cli *cli, const char *path, fetch_item_fn *each, void *arg);

/* All pages as one {"items":[..],"next":null}. */
int fetch_all(struct cli *cli, const char *path, json_t **ret_answer);

/* Do `ops` (an array of ops, taken) all or nothing, then show what object `id` has become. */
int fetch_change_new(struct cli *cli, uint64_t id, json_t *ops_new, fetch_show_fn *show);

/* One line of JSON on stdout. */
int fetch_print(const struct cli *cli, json_t *answer);

/* "/v1/objects/7" and what follows; a static buffer, good until the next call. */
const char *fetch_object_path(uint64_t id, const char *rest);
