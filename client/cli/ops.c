/*
 * ops.c - see ops.h.
 */
#include "client/cli/ops.h"
#include "client/cli/json_text.h"
#include <string.h>

void ops_init(struct ops *o, ops_sink_fn *sink, void *arg)
{
    *o = (struct ops){.sink = sink, .arg = arg};
}

void ops_fini(struct ops *o)
{
    text_fini(&o->line);
}

bool ops_ok(const struct ops *o)
{
    return !o->refused && !o->no_memory;
}

void ops_fail(struct ops *o)
{
    o->no_memory = true;
}

/* The comma before a value, unless it is the first in its brackets or follows a key. */
static void comma(struct ops *o)
{
    char last = o->line.length > 0 ? o->line.data[o->line.length - 1] : '[';

    if (last != '[' && last != '{' && last != ':')
        text_add_byte(&o->line, ',');
}

void ops_begin(struct ops *o, const char *verb)
{
    text_clear(&o->line);
    text_add_byte(&o->line, '[');
    ops_text(o, verb, strlen(verb));
}

void ops_text(struct ops *o, const char *data, size_t length)
{
    comma(o);
    json_text_string(&o->line, data, length);
}

void ops_at(struct ops *o, uint64_t op)
{
    comma(o);
    text_add_string(&o->line, "\"@");
    text_add_u64(&o->line, op);
    text_add_byte(&o->line, '"');
}

void ops_number(struct ops *o, uint64_t number)
{
    comma(o);
    text_add_u64(&o->line, number);
}

void ops_raw(struct ops *o, const char *json)
{
    comma(o);
    text_add_string(&o->line, json);
}

void ops_link(struct ops *o, bool is_weak, uint64_t op)
{
    comma(o);
    text_add_string(&o->line, is_weak ? "{\"$weak\":\"@" : "{\"$ref\":\"@");
    text_add_u64(&o->line, op);
    text_add_string(&o->line, "\"}");
}

static uint64_t write_line(struct ops *o)
{
    text_add_byte(&o->line, '\n');
    o->no_memory |= o->line.failed;
    if (ops_ok(o) && !o->sink(o->arg, o->line.data, o->line.length))
        o->refused = true;
    return o->count++;
}

uint64_t ops_end(struct ops *o)
{
    text_add_byte(&o->line, ']');
    return write_line(o);
}

uint64_t ops_line(struct ops *o, const char *line, size_t length)
{
    text_clear(&o->line);
    text_add(&o->line, line, length);
    return write_line(o);
}

void ops_open(struct ops *o, char bracket)
{
    comma(o);
    text_add_byte(&o->line, bracket);
}

void ops_key(struct ops *o, const char *name, size_t length)
{
    struct text key = {0};

    if (length == 0 || name[0] != '$') {
        ops_text(o, name, length);
    } else {
        text_add_byte(&key, '$');
        text_add(&key, name, length);
        ops_text(o, text_string(&key), key.length);
    }
    text_add_byte(&o->line, ':');
    text_fini(&key);
}

void ops_close(struct ops *o, char bracket)
{
    text_add_byte(&o->line, bracket);
}
