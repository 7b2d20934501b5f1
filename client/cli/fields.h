/*
 * fields.h - FIELD=VALUE words: what people type, as the API wants it.
 *
 * VALUE is JSON if it parses as JSON, a link if it is @ID, else the string that it is. FIELD is the plain
 * name; [N] names item N of a list. To store the string "7" write name='"7"'; to store "@7", '"@7"'.
 */
#pragma once
#include "client/cli/args.h"
#include "client/cli/cli.h"
#include <jansson.h>

#define FIELDS_HELP                                                                                          \
    "VALUE is JSON if it parses as JSON, a link if it is @ID, else the string that it is:\n"                 \
    "  age=7 name=Ada tags='[\"a\",\"b\"]' next=@12 watched='{\"$weak\":12}' zip='\"01234\"'\n"

/* The value that `word` stands for; a new reference, NULL without memory. */
json_t *fields_value(const char *word);

/* All words of args as the "fields" of a new object. Says what is wrong; CLI_OK, CLI_USAGE or CLI_FAILED. */
int fields_read(const struct cli *cli, const struct args *args, json_t **ret_fields);

/* The words of args as ops ["set",ID,FIELD,VALUE]; "[3]=x" sets item 3. */
int fields_read_sets(const struct cli *cli, uint64_t id, const struct args *args, json_t **ret_ops);

/* FIELD as an op wants it: the number N of "[N]", else the name. */
json_t *fields_key(const char *name, size_t length);
