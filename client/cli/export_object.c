/*
 * export_object.c - see export_object.h.
 *
 * A link that has to wait leaves null in its place, so that fields keep their order.
 */
#include "client/cli/export_object.h"
#include "client/cli/base64.h"
#include "client/cli/fetch.h"
#include "client/cli/json_text.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <string.h>

enum {
    LINE_BYTES = 60 << 10, /* below WIRE_BATCH_LINE_BYTES_MAX by more than brackets, a verb and "@n" */
    BYTES_PER_ESCAPE = 6,  /* "\\u001f" */
};

/* A link whose target has no op yet. */
struct waiting_link {
    uint64_t op;         /* of the object that has the link */
    uint64_t target;     /* an id */
    uint64_t index;      /* of a list's item, if name_bytes is 0 */
    uint32_t name_bytes; /* of the field name that follows */
    bool is_weak;
};

/* One field or item. */
struct part {
    const char *name; /* plain; NULL for an item */
    size_t name_length;
    size_t index;
    json_t *value;
};

/* An object that is being written. */
struct writing {
    struct export *x;
    uint64_t op; /* that makes it */
    const char *class_name;
    bool is_list;
    bool is_special; /* its first line is one that only heapctl import understands */
    bool in_first_line;
};

void export_init(struct export *x, struct cli *cli, ops_sink_fn *sink, void *arg)
{
    *x = (struct export){.cli = cli};
    ops_init(&x->ops, sink, arg);
}

void export_fini(struct export *x)
{
    ops_fini(&x->ops);
    idmap_fini(&x->op_of);
    text_fini(&x->waiting);
}

/* --- values --- */

static bool is_link(json_t *value, uint64_t *ret_target, bool *ret_is_weak)
{
    json_t *strong = json_object_get(value, "$ref"), *weak = json_object_get(value, "$weak");

    if (strong == NULL && weak == NULL)
        return false;
    *ret_is_weak = strong == NULL;
    *ret_target = (uint64_t)json_integer_value(strong != NULL ? strong : weak);
    return true;
}

static void wait_for(const struct writing *w, const struct part *part, uint64_t target, bool is_weak)
{
    struct waiting_link link = {.op = w->op,
                                .target = target,
                                .index = part->index,
                                .is_weak = is_weak,
                                .name_bytes = (uint32_t)part->name_length};

    text_add(&w->x->waiting, &link, sizeof link);
    text_add(&w->x->waiting, part->name, part->name_length);
    if (w->x->waiting.failed)
        ops_fail(&w->x->ops);
}

/* Into `out`: the text of the value as an op has it. Links that cannot be made yet wait. */
static void render_value(const struct writing *w, const struct part *part, struct text *out)
{
    uint64_t target, op;
    bool is_weak;

    text_clear(out);
    if (!is_link(part->value, &target, &is_weak)) {
        json_text_value(out, part->value);
        return;
    }
    w->x->strong_links += !is_weak;
    w->x->weak_links += is_weak;
    if (!w->is_special && idmap_get(&w->x->op_of, target, &op)) {
        text_printf(out, "{\"%s\":\"@%" PRIu64 "\"}", is_weak ? "$weak" : "$ref", op);
        return;
    }
    wait_for(w, part, target, is_weak);
    text_add_string(out, "null");
}

/* --- records and lists --- */

static bool fits(size_t line_bytes, const struct part *part, size_t value_bytes)
{
    return line_bytes + part->name_length * BYTES_PER_ESCAPE + value_bytes <= LINE_BYTES;
}

static void end_first_line(struct writing *w)
{
    struct ops *o = &w->x->ops;

    ops_close(o, w->is_list ? ']' : '}');
    if (w->is_list && strcmp(w->class_name, "list") != 0)
        ops_text(o, w->class_name, strlen(w->class_name));
    ops_end(o);
    w->in_first_line = false;
}

static void write_part(struct writing *w, const struct part *part, struct text *value)
{
    struct ops *o = &w->x->ops;

    render_value(w, part, value);
    if (value->failed)
        ops_fail(o);
    if (w->in_first_line && !w->is_special && !fits(o->line.length, part, value->length))
        end_first_line(w);
    if (w->in_first_line) {
        if (!w->is_list)
            ops_key(o, part->name, part->name_length);
        ops_raw(o, text_string(value));
        return;
    }
    ops_begin(o, w->is_list ? "push" : "set");
    ops_at(o, w->op);
    if (!w->is_list)
        ops_text(o, part->name, part->name_length);
    ops_raw(o, text_string(value));
    ops_end(o);
}

/* Names in documents that begin with '$' have one more. */
static struct part field_part(const char *key, json_t *value)
{
    const char *name = key[0] == '$' ? key + 1 : key;

    return (struct part){.name = name, .name_length = strlen(name), .value = value};
}

static void write_parts(struct writing *w, json_t *parts)
{
    struct text value = {0};
    const char *key;
    json_t *member;
    size_t i;

    json_object_foreach(parts, key, member) {
        struct part part = field_part(key, member);

        write_part(w, &part, &value);
    }
    json_array_foreach(parts, i, member)
        write_part(w, &(struct part){.index = i, .value = member}, &value);
    if (w->in_first_line)
        end_first_line(w);
    text_fini(&value);
}

/* Whether a value is too large for a line of its own. Only strings can be. */
static bool is_long(json_t *value)
{
    struct text text = {0};
    bool is_long;

    if (json_string_length(value) <= LINE_BYTES / BYTES_PER_ESCAPE - WIRE_NAME_BYTES_MAX)
        return false;
    json_text_value(&text, value);
    is_long = text.length + WIRE_NAME_BYTES_MAX * BYTES_PER_ESCAPE > LINE_BYTES;
    text_fini(&text);
    return is_long;
}

static bool has_long_part(json_t *parts)
{
    const char *key;
    json_t *member;
    size_t i;

    json_object_foreach(parts, key, member)
        if (is_long(member))
            return true;
    json_array_foreach(parts, i, member)
        if (is_long(member))
            return true;
    return false;
}

static void write_object(struct export *x, const char *class_name, json_t *parts)
{
    struct writing w = {.x = x,
                        .op = x->ops.count,
                        .class_name = class_name,
                        .is_list = json_is_array(parts),
                        .in_first_line = true};

    w.is_special = has_long_part(parts) || (w.is_list && strcmp(class_name, "list") != 0);
    x->special += w.is_special;
    ops_begin(&x->ops, w.is_list ? "list" : "new");
    if (!w.is_list)
        ops_text(&x->ops, class_name, strlen(class_name));
    ops_open(&x->ops, w.is_list ? '[' : '{');
    write_parts(&w, parts);
}

/* --- parts that are not all in the document --- */

/* A page of /fields has {"name","value"}, one of /items {"item","value"} or bare values. */
static int add_part(void *arg, json_t *item)
{
    json_t *parts = arg;
    json_t *value = json_object_get(item, "value");
    const char *name = json_string_value(json_object_get(item, "name"));
    struct text key = {0};
    int failed;

    if (json_is_array(parts))
        return json_array_append(parts, value != NULL ? value : item) == 0 ? CLI_OK : CLI_FAILED;
    if (name == NULL || value == NULL)
        return CLI_FAILED;
    if (name[0] == '$')
        text_add_byte(&key, '$');
    text_add_string(&key, name);
    failed = key.failed || json_object_set(parts, key.data, value) != 0;
    text_fini(&key);
    return failed ? CLI_FAILED : CLI_OK;
}

/* All fields or items of an object, a new reference; NULL if it has said why not. */
static json_t *load_parts(struct export *x, json_t *document, uint64_t id)
{
    json_t *fields = json_object_get(document, "fields"), *items = json_object_get(document, "items");
    json_t *parts = items != NULL ? json_array() : json_object();

    if (!json_is_true(json_object_get(document, "more"))) {
        json_decref(parts);
        return json_incref(items != NULL ? items : fields);
    }
    if (fetch_pages(x->cli, fetch_object_path(id, items != NULL ? "/items" : "/fields"), add_part, parts) ==
        CLI_OK)
        return parts;
    (void)say_failed(x->cli, "cannot read all of object %" PRIu64, id);
    json_decref(parts);
    return NULL;
}

/* --- bytes --- */

static int write_bytes(struct export *x, const char *class_name, uint64_t id)
{
    struct ops *o = &x->ops;
    struct text base64 = {0};
    struct heapd_problem p;
    struct heapd_reply bytes;
    bool has_class = strcmp(class_name, "bytes") != 0;

    if (heapd_call(x->cli->heapd, "GET", fetch_object_path(id, "/bytes"), NULL, &bytes, &p) != HEAPD_OK)
        return say_problem(x->cli, &p);
    base64_add(&base64, (const unsigned char *)bytes.body, bytes.length);
    heapd_reply_fini(&bytes);
    ops_begin(o, "bytes");
    ops_text(o, text_string(&base64), base64.length);
    if (has_class)
        ops_text(o, class_name, strlen(class_name));
    if (base64.failed)
        ops_fail(o);
    text_fini(&base64);
    x->special += has_class || o->line.length > LINE_BYTES;
    ops_end(o);
    return CLI_OK;
}

/* --- objects and what waits --- */

int export_object(struct export *x, json_t *document)
{
    uint64_t id = (uint64_t)json_integer_value(json_object_get(document, "id"));
    const char *class_name = json_string_value(json_object_get(document, "class"));
    json_t *parts;
    uint64_t op = x->ops.count;

    if (id == 0 || class_name == NULL)
        return say_failed(x->cli, "the daemon listed something that is no object");
    if (idmap_get(&x->op_of, id, &op))
        return CLI_OK;
    if (json_object_get(document, "length") != NULL) {
        if (write_bytes(x, class_name, id) != CLI_OK)
            return CLI_FAILED;
    } else {
        parts = load_parts(x, document, id);
        if (parts == NULL)
            return CLI_FAILED;
        write_object(x, class_name, parts);
        json_decref(parts);
    }
    x->objects++;
    return idmap_set(&x->op_of, id, op) ? CLI_OK : say_no_memory(x->cli);
}

static int export_late(struct export *x, uint64_t id, bool *ret_gone)
{
    struct heapd_problem p;
    struct heapd_reply reply;
    json_t *document;
    int code;

    if (heapd_call(x->cli->heapd, "GET", fetch_object_path(id, ""), NULL, &reply, &p) != HEAPD_OK) {
        *ret_gone = p.status == 404 || p.status == 410;
        return *ret_gone ? CLI_OK : say_problem(x->cli, &p);
    }
    document = json_loadb(reply.body, reply.length, JSON_ALLOW_NUL, NULL);
    heapd_reply_fini(&reply);
    code = export_object(x, document);
    json_decref(document);
    return code;
}

int export_op_of(struct export *x, uint64_t id, uint64_t *ret_op, bool *ret_gone)
{
    int code = CLI_OK;

    *ret_gone = false;
    if (!idmap_get(&x->op_of, id, ret_op))
        code = export_late(x, id, ret_gone);
    if (code == CLI_OK && !*ret_gone && !idmap_get(&x->op_of, id, ret_op))
        return say_failed(x->cli, "the document of object %" PRIu64 " has another id", id);
    return code;
}

static int write_waiting_link(struct export *x, const struct waiting_link *link, const char *name)
{
    struct text field = {0};
    uint64_t op = 0;
    bool gone;
    int code;

    text_add(&field, name, link->name_bytes); /* what comes next may move `name` */
    code = export_op_of(x, link->target, &op, &gone);
    if (code == CLI_OK && !gone) {
        ops_begin(&x->ops, "set");
        ops_at(&x->ops, link->op);
        if (field.length > 0)
            ops_text(&x->ops, field.data, field.length);
        else
            ops_number(&x->ops, link->index);
        ops_link(&x->ops, link->is_weak, op);
        ops_end(&x->ops);
    }
    text_fini(&field);
    return code;
}

int export_waiting_links(struct export *x)
{
    int code = CLI_OK;

    for (size_t at = 0; at < x->waiting.length && code == CLI_OK;) {
        struct waiting_link link;

        memcpy(&link, x->waiting.data + at, sizeof link);
        code = write_waiting_link(x, &link, x->waiting.data + at + sizeof link);
        at += sizeof link + link.name_bytes;
    }
    return code;
}
