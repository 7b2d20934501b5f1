/*
 * ops.h - ops of a batch, written one after the other into a sink.
 *
 * Owns:      the line that is being written, and the number of the next op, which is what "@n" means.
 * Knows not: whether the sink is a daemon or a file.
 *
 *     ops_begin(o, "new");      ["new"
 *     ops_text(o, "Node", 4);   ,"Node"
 *     ops_at(o, 3);             ,"@3"
 *     n = ops_end(o);           ]\n    and its number
 *
 * Once the sink has refused, or memory has, nothing more is written and ops_ok() is false.
 */
#pragma once
#include "api/wire.h"
#include "client/text.h"
#include <stdint.h>

/* A line that reaches this is ended, so that with one more field or item it stays below the limit of
 * WIRE_BATCH_LINE_BYTES_MAX: a name has at most 255 bytes, 6 each if all are escaped. */
enum { OPS_LINE_SOFT_BYTES = 48 << 10 };

typedef bool ops_sink_fn(void *arg, const char *line, size_t length);

struct ops {
    ops_sink_fn *sink;
    void *arg;
    struct text line;
    uint64_t count; /* ops written */
    bool refused;   /* by the sink */
    bool no_memory;
};

void ops_init(struct ops *o, ops_sink_fn *sink, void *arg);
void ops_fini(struct ops *o);
bool ops_ok(const struct ops *o);
void ops_fail(struct ops *o); /* memory has run out elsewhere: write nothing more */

void ops_begin(struct ops *o, const char *verb);
void ops_text(struct ops *o, const char *data, size_t length); /* ,"text" */
void ops_at(struct ops *o, uint64_t op);                       /* ,"@op" */
void ops_number(struct ops *o, uint64_t number);               /* ,number */
void ops_raw(struct ops *o, const char *json);                 /* ,json */
void ops_link(struct ops *o, bool is_weak, uint64_t op);       /* ,{"$ref":"@op"} */

/* Write the line; the number of its op. */
uint64_t ops_end(struct ops *o);

/* A line that is an op already, without its newline. */
uint64_t ops_line(struct ops *o, const char *line, size_t length);

/* The same, inside an object or array: ops_open(o, '{'), ops_key(), a value.., ops_close(o, '}'). Values are
 * those above; commas are set by themselves. ops_key() adds the extra '$' that names in documents have. */
void ops_open(struct ops *o, char bracket);
void ops_key(struct ops *o, const char *name, size_t length);
void ops_close(struct ops *o, char bracket);
