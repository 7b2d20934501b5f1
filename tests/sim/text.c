/* text.c - see world.h: ops as text, lines of a batch or requests. */
#include "heap/base/check.h"
#include "tests/sim/world.h"

static void write_ref(const struct ref *r, struct buf *to)
{
    if (r->id != 0)
        buf_printf(to, "%" PRIu64, r->id);
    else
        buf_printf(to, "\"@%u\"", r->number);
}

int64_t model_int(int32_t n)
{
    return n % 7 == 3 ? (int64_t)n << 29 : n % 5 == 0 ? -(int64_t)n : n;
}

static void write_value(const struct op_value *v, struct buf *to)
{
    switch (v->value.kind) {
    case VALUE_NULL:
        buf_add_text(to, "null");
        break;
    case VALUE_FALSE:
        buf_add_text(to, "false");
        break;
    case VALUE_TRUE:
        buf_add_text(to, "true");
        break;
    case VALUE_INT:
        buf_printf(to, "%" PRId64, model_int(v->value.n));
        break;
    case VALUE_REAL:
        buf_add_text(to, model_reals[v->value.n]);
        break;
    case VALUE_STRING:
        buf_printf(to, "\"%s\"", model_texts[v->value.n]);
        break;
    default:
        buf_add_text(to, v->value.kind == VALUE_LINK ? "{\"$ref\":" : "{\"$weak\":");
        write_ref(&v->ref, to);
        buf_add_byte(to, '}');
    }
}

static void write_fields(const struct sim_op *op, struct buf *to)
{
    buf_add_byte(to, '{');
    for (uint32_t i = 0; i < op->count; i++) {
        buf_printf(to, "%s\"%s\":", i > 0 ? "," : "", model_keys[op->parts[i].value.name]);
        write_value(&op->parts[i], to);
    }
    buf_add_byte(to, '}');
}

static void write_items(const struct sim_op *op, struct buf *to)
{
    buf_add_byte(to, '[');
    for (uint32_t i = 0; i < op->count; i++) {
        if (i > 0)
            buf_add_byte(to, ',');
        write_value(&op->parts[i], to);
    }
    buf_add_byte(to, ']');
}

static void write_base64(const struct sim_op *op, struct buf *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (uint32_t i = 0; i < op->n; i += 3) {
        uint32_t b[3] = {0};

        for (uint32_t j = 0; j < 3 && i + j < op->n; j++)
            b[j] = model_byte(op->count, i + j);
        buf_add_byte(to, digits[b[0] >> 2]);
        buf_add_byte(to, digits[(b[0] & 3) << 4 | b[1] >> 4]);
        buf_add_byte(to, i + 1 < op->n ? digits[(b[1] & 15) << 2 | b[2] >> 6] : '=');
        buf_add_byte(to, i + 2 < op->n ? digits[b[2] & 63] : '=');
    }
}

/* ["set",7,"a",1] */
static void write_place(const struct sim_op *op, const char *verb, bool is_item, bool has_value, struct buf *to)
{
    buf_printf(to, "[\"%s\",", verb);
    write_ref(&op->target, to);
    if (is_item)
        buf_printf(to, ",%u", op->n);
    else
        buf_printf(to, ",\"%s\"", model_names[op->n]);
    if (has_value) {
        buf_add_byte(to, ',');
        write_value(&op->parts[0], to);
    }
    buf_add_byte(to, ']');
}

static void write_about(const struct sim_op *op, const char *verb, struct buf *to)
{
    buf_printf(to, "[\"%s\",", verb);
    write_ref(&op->target, to);
    buf_add_byte(to, ']');
}

static void write_line(const struct sim_op *op, struct buf *to)
{
    switch (op->verb) {
    case V_NEW:
        buf_printf(to, "[\"new\",\"%s\",", model_classes[op->n]);
        write_fields(op, to);
        buf_add_byte(to, ']');
        break;
    case V_LIST:
        buf_add_text(to, "[\"list\",");
        write_items(op, to);
        buf_add_byte(to, ']');
        break;
    case V_BYTES:
        buf_add_text(to, "[\"bytes\",\"");
        write_base64(op, to);
        buf_add_text(to, "\"]");
        break;
    case V_SET:
    case V_PUT:
        write_place(op, "set", op->verb == V_PUT, true, to);
        break;
    case V_UNSET:
        write_place(op, "unset", false, false, to);
        break;
    case V_PUSH:
        buf_add_text(to, "[\"push\",");
        write_ref(&op->target, to);
        buf_add_byte(to, ',');
        write_value(&op->parts[0], to);
        buf_add_byte(to, ']');
        break;
    case V_HOLD:
        write_about(op, "hold", to);
        break;
    case V_DROP:
        write_about(op, "drop", to);
        break;
    case V_GET:
        write_about(op, "get", to);
        break;
    case V_ROOT:
    case V_WEAK:
        buf_printf(to, op->verb == V_ROOT ? "[\"root\",\"r%u\"," : "[\"weak\",\"w%u\",", op->n);
        write_ref(&op->target, to);
        buf_add_byte(to, ']');
        break;
    case V_UNROOT:
        buf_printf(to, "[\"unroot\",\"r%u\"]", op->n);
        break;
    case V_IS:
    case V_IS_ITEM:
        write_place(op, "is", op->verb == V_IS_ITEM, true, to);
        break;
    case V_COLLECT:
        buf_printf(to, "[\"collect\",%u]", op->n);
        break;
    default:
        UNREACHABLE();
    }
    buf_add_byte(to, '\n');
}

/* "POST /v1/objects", a newline, the body. */
static void write_request(const struct sim_op *op, struct buf *to)
{
    unsigned long long id = op->target.id;

    switch (op->verb) {
    case V_NEW:
        buf_printf(to, "POST /v1/objects\n{\"class\":\"%s\",\"fields\":", model_classes[op->n]);
        write_fields(op, to);
        buf_add_byte(to, '}');
        break;
    case V_LIST:
        buf_add_text(to, "POST /v1/objects\n{\"items\":");
        write_items(op, to);
        buf_add_byte(to, '}');
        break;
    case V_BYTES:
        buf_add_text(to, "POST /v1/objects\n");
        for (uint32_t i = 0; i < op->n; i++)
            buf_add_byte(to, (char)model_byte(op->count, i));
        break;
    case V_SET:
        buf_printf(to, "PUT /v1/objects/%llu/fields/%s\n", id, model_paths[op->n]);
        write_value(&op->parts[0], to);
        break;
    case V_PUT:
        buf_printf(to, "PUT /v1/objects/%llu/items/%u\n", id, op->n);
        write_value(&op->parts[0], to);
        break;
    case V_UNSET:
        buf_printf(to, "DELETE /v1/objects/%llu/fields/%s\n", id, model_paths[op->n]);
        break;
    case V_PUSH:
        buf_printf(to, "POST /v1/objects/%llu/items\n", id);
        write_value(&op->parts[0], to);
        break;
    case V_PATCH:
        buf_printf(to, "PATCH /v1/objects/%llu\n", id);
        write_fields(op, to);
        break;
    case V_REPLACE:
        buf_printf(to, "PUT /v1/objects/%llu/bytes\n", id);
        for (uint32_t i = 0; i < op->n; i++)
            buf_add_byte(to, (char)model_byte(op->count, i));
        break;
    case V_FREEZE:
        buf_add_text(to, op->n != 0 ? "PUT /v1/gc/freeze\n" : "DELETE /v1/gc/freeze\n");
        break;
    case V_CUT:
        buf_printf(to, "DELETE /v1/objects/%llu/items/%u\n", id, op->n);
        break;
    case V_HOLD:
        buf_printf(to, "PUT /v1/objects/%llu/hold\n", id);
        break;
    case V_DROP:
        buf_printf(to, "DELETE /v1/objects/%llu\n", id);
        break;
    case V_GET:
        buf_printf(to, "GET /v1/objects/%llu\n", id);
        break;
    case V_ROOT:
        buf_printf(to, "PUT /v1/roots/r%u\n{\"$ref\":%llu}", op->n, id);
        break;
    case V_UNROOT:
        buf_printf(to, "DELETE /v1/roots/r%u\n", op->n);
        break;
    case V_WEAK:
        buf_printf(to, "PUT /v1/weak/w%u\n{\"$ref\":%llu}", op->n, id);
        break;
    case V_UNWEAK:
        buf_printf(to, "DELETE /v1/weak/w%u\n", op->n);
        break;
    case V_GET_WEAK:
        buf_printf(to, "GET /v1/weak/w%u\n", op->n);
        break;
    case V_COLLECT:
        buf_printf(to, "POST /v1/gc/collect\n{\"generation\":%u}", op->n);
        break;
    case V_OPEN:
        buf_printf(to, "POST /v1/sessions\n{\"ttl\":%u}", op->count);
        break;
    case V_RENEW:
        buf_printf(to, "PUT /v1/sessions/%llu\n", id);
        break;
    case V_END:
        buf_printf(to, "DELETE /v1/sessions/%llu\n", id);
        break;
    case V_VALIDATE:
        buf_add_text(to, "POST /v1/heap/validate\n");
        break;
    case V_TUNE:
        buf_printf(to, "PATCH /v1/gc\n{\"thresholds\":[%u],\"enabled\":%s}", op->n, op->n == 0 ? "false" : "true");
        break;
    case V_PERSIST:
        buf_printf(to, op->count != 0 ? "PATCH /v1/config?persist=true\n{\"pipeline_max\":%u}"
                                      : "PATCH /v1/gc?persist=true\n{\"thresholds\":[%u]}", op->n);
        break;
    default:
        UNREACHABLE();
    }
}

void ask_write(const struct sim_op *op, bool one, struct buf *to)
{
    if (one)
        write_request(op, to);
    else
        write_line(op, to);
}
