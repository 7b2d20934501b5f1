/*
 * fields.c - see fields.h.
 */
#include "client/cli/fields.h"
#include "client/cli/say.h"
#include "client/text.h"
#include <stdlib.h>
#include <string.h>

json_t *fields_value(const char *word)
{
    json_t *value;
    uint64_t id;

    if (word[0] == '@' && args_read_id(word, &id))
        return json_pack("{s:I}", "$ref", (json_int_t)id);
    value = json_loads(word, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    return value != NULL ? value : json_string(word);
}

json_t *fields_key(const char *name, size_t length)
{
    if (length > 2 && length < 20 && name[0] == '[' && name[length - 1] == ']' &&
        strspn(name + 1, "0123456789") == length - 2)
        return json_integer(strtoll(name + 1, NULL, 10));
    return json_stringn(name, length);
}

/* The bytes before the '=' of `word`; says what is wrong with it. */
static int split(const struct cli *cli, const char *word, size_t *ret_length)
{
    const char *equals = strchr(word, '=');

    if (equals == NULL || equals == word)
        return say_usage(cli, "\"%s\" is not FIELD=VALUE", word);
    *ret_length = (size_t)(equals - word);
    return CLI_OK;
}

/* In a document a name that begins with '$' has an extra one. */
static int add_member(const struct cli *cli, json_t *fields, const char *word)
{
    struct text key = {0};
    json_t *value = NULL;
    size_t length = 0;
    int code = split(cli, word, &length);

    if (code != CLI_OK)
        return code;
    if (word[0] == '$')
        text_add_byte(&key, '$');
    text_add(&key, word, length);
    value = fields_value(word + length + 1);
    if (key.failed || value == NULL)
        code = say_no_memory(cli);
    else if (json_object_get(fields, key.data) != NULL)
        code = say_usage(cli, "the field of \"%s\" is given twice", word);
    else if (json_object_set(fields, key.data, value) != 0)
        code = say_usage(cli, "\"%s\" is not UTF-8", word);
    json_decref(value);
    text_fini(&key);
    return code;
}

int fields_read(const struct cli *cli, const struct args *args, json_t **ret_fields)
{
    json_t *fields = json_object();
    int code = fields != NULL ? CLI_OK : say_no_memory(cli);

    for (int i = 0; i < args->count && code == CLI_OK; i++)
        code = add_member(cli, fields, args->words[i]);
    if (code != CLI_OK) {
        json_decref(fields);
        return code;
    }
    *ret_fields = fields;
    return CLI_OK;
}

static int add_set(const struct cli *cli, json_t *ops, uint64_t id, const char *word)
{
    json_t *op;
    size_t length = 0;
    int code = split(cli, word, &length);

    if (code != CLI_OK)
        return code;
    op = json_pack("[s,I,o,o]", "set", (json_int_t)id, fields_key(word, length),
                   fields_value(word + length + 1));
    if (op == NULL || json_array_append_new(ops, op) != 0)
        return say_usage(cli, "\"%s\" is not UTF-8", word);
    return CLI_OK;
}

int fields_read_sets(const struct cli *cli, uint64_t id, const struct args *args, json_t **ret_ops)
{
    json_t *ops = json_array();
    int code = ops != NULL ? CLI_OK : say_no_memory(cli);

    for (int i = 0; i < args->count && code == CLI_OK; i++)
        code = add_set(cli, ops, id, args->words[i]);
    if (code != CLI_OK) {
        json_decref(ops);
        return code;
    }
    *ret_ops = ops;
    return CLI_OK;
}
