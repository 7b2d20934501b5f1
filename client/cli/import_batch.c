/*
 * import_batch.c - replay a batch file, which an export is.
 *
 * Lines are passed on as they are. Only when one had to be made aside (aside.h) are later lines looked into:
 * where they say "@n" of such an op, its id is put; in the place of the op itself goes a ["get",ID], so that
 * the numbers of all others stay right.
 */
#include "client/cli/aside.h"
#include "client/cli/idmap.h"
#include "client/cli/import.h"
#include "client/cli/json_text.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct replay {
    struct import im;
    struct aside aside;
    struct idmap made_aside; /* op to id */
    uint64_t bytes;
};

/* --- "@n" --- */

static bool find_id(const struct replay *r, json_t *at, uint64_t *ret_id)
{
    const char *text = json_string_value(at);

    return text != NULL && text[0] == '@' && text[1] >= '0' && text[1] <= '9' &&
           idmap_get(&r->made_aside, strtoull(text + 1, NULL, 10), ret_id);
}

static void replace_in_value(const struct replay *r, json_t *value)
{
    static const char *const links[] = {"$ref", "$weak"};
    const char *key;
    json_t *member;
    size_t i;
    uint64_t id;

    for (i = 0; i < 2; i++)
        if (find_id(r, json_object_get(value, links[i]), &id))
            json_object_set_new(value, links[i], json_integer((json_int_t)id));
    json_object_foreach(value, key, member)
        replace_in_value(r, member);
    json_array_foreach(value, i, member)
        replace_in_value(r, member);
}

/* Where an op names its object: behind the name in root and weak, nowhere in those that make one, else first.
 */
static size_t target_place(json_t *op)
{
    const char *verb = json_string_value(json_array_get(op, 0));

    if (verb == NULL || strcmp(verb, "new") == 0 || strcmp(verb, "list") == 0 || strcmp(verb, "bytes") == 0)
        return 0;
    return strcmp(verb, "root") == 0 || strcmp(verb, "weak") == 0 ? 2 : 1;
}

static void replace_ids(const struct replay *r, json_t *op)
{
    size_t place = target_place(op);
    size_t i;
    json_t *word;
    uint64_t id;

    if (place != 0 && find_id(r, json_array_get(op, place), &id))
        json_array_set_new(op, place, json_integer((json_int_t)id));
    json_array_foreach(op, i, word)
        replace_in_value(r, word);
}

/* --- lines --- */

static int send_op(struct replay *r, json_t *op)
{
    struct text line = {0};

    json_text_value(&line, op);
    if (line.failed)
        ops_fail(&r->im.ops);
    ops_line(&r->im.ops, text_string(&line), line.length);
    text_fini(&line);
    return CLI_OK;
}

static int make_aside(struct replay *r, json_t *op)
{
    json_t *get;
    uint64_t id;

    replace_ids(r, op);
    if (aside_make(&r->aside, op, &id) != CLI_OK)
        return CLI_FAILED;
    if (!idmap_set(&r->made_aside, r->im.ops.count, id))
        return say_no_memory(r->im.cli);
    get = json_pack("[s,I]", "get", (json_int_t)id);
    (void)send_op(r, get);
    json_decref(get);
    return CLI_OK;
}

/* Whether a line must be looked into: it is too long, may have a class of its own, or names an op made aside.
 */
static bool is_special(const struct replay *r, const char *line, size_t length)
{
    const char *word = line + strspn(line, " \t[\"");

    if (length > WIRE_BATCH_LINE_BYTES_MAX ||
        (r->made_aside.count > 0 && memmem(line, length, "\"@", 2) != NULL))
        return true;
    if (strncmp(word, "list\"", 5) != 0 && strncmp(word, "bytes\"", 6) != 0)
        return false;
    length -= length > 0 && line[length - 1] == '\r';
    return length > 2 && line[length - 1] == ']' && line[length - 2] == '"'; /* of a class, or of bytes */
}

static int replay_line(struct replay *r, const char *line, size_t length)
{
    json_t *op;
    int code = CLI_OK;

    if (!is_special(r, line, length)) {
        ops_line(&r->im.ops, line, length);
        return CLI_OK;
    }
    op = json_loadb(line, length, JSON_ALLOW_NUL, NULL);
    if (op == NULL) {
        ops_line(&r->im.ops, line, length); /* the daemon says best what is wrong with it */
        return CLI_OK;
    }
    if (aside_wants(op, length)) {
        code = make_aside(r, op);
    } else {
        replace_ids(r, op);
        code = send_op(r, op);
    }
    json_decref(op);
    return code;
}

static int replay_file(struct replay *r, struct source *source)
{
    struct text line = {0};
    const char *error;
    int code = CLI_OK;

    while (code == CLI_OK && ops_ok(&r->im.ops) && source_line(source, &line)) {
        if (line.failed)
            code = say_no_memory(r->im.cli);
        else if (line.data[strspn(line.data, " \t\r")] != '\0' ||
                 memchr(line.data, '\0', line.length) != NULL)
            code = replay_line(r, line.data, line.length);
        r->bytes += line.length + 1;
        if (code == CLI_OK)
            code = aside_renew(&r->aside);
        progress_at(&r->im.progress, source_disk_offset(source));
    }
    text_fini(&line);
    error = source_error(source);
    if (code == CLI_OK && ops_ok(&r->im.ops) && error != NULL)
        code = say_failed(r->im.cli, "the file cannot be read to its end: %s", error);
    return code;
}

int import_batch(struct cli *cli, const char *path)
{
    struct replay r = {.aside = {.cli = cli}};
    struct source source;
    int code;

    import_init(&r.im, cli);
    code = import_open(&r.im, path, &source);
    if (code != CLI_OK)
        return code;
    code = import_begin(&r.im, "sending", source.size_bytes);
    if (code == CLI_OK) {
        code = replay_file(&r, &source);
        if (code == CLI_OK)
            code = import_end(&r.im);
        else
            import_abandon(&r.im);
    }
    source_close(&source);
    aside_end(&r.aside);
    idmap_fini(&r.made_aside);
    return code == CLI_OK ? import_print_totals(&r.im, json_pack("{s:I}", "bytes", (json_int_t)r.bytes))
                          : code;
}
