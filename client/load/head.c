/* head.c - see head.h. */
#include "client/load/head.h"
#include "api/wire.h"
#include <string.h>

static void add_field(struct text *out, const char *name, const char *value)
{
    text_add_string(out, name);
    text_add_string(out, ": ");
    text_add_string(out, value);
    text_add_string(out, "\r\n");
}

void head_write(struct text *out, const struct identity *who, const struct ask *a, const char *site)
{
    text_clear(out);
    text_add_string(out, a->method);
    text_add_byte(out, ' ');
    text_add_string(out, a->path);
    text_add_string(out, " HTTP/1.1\r\n");
    add_field(out, "Host", who->host);
    if (who->token != NULL)
        add_field(out, "Authorization", who->token);
    if (a->session[0] != '\0' || who->session[0] != '\0')
        add_field(out, WIRE_HEADER_SESSION, a->session[0] != '\0' ? a->session : who->session);
    if (site != NULL)
        add_field(out, WIRE_HEADER_SITE, site);
    if (a->body.length > 0) {
        add_field(out, "Content-Type", a->kind == ASK_BATCH ? WIRE_TYPE_NDJSON : WIRE_TYPE_JSON);
        text_add_string(out, "Content-Length: ");
        text_add_u64(out, a->body.length);
        text_add_string(out, "\r\n");
    } else if (strcmp(a->method, "POST") == 0) {
        add_field(out, "Content-Length", "0");
    }
    text_add_string(out, "\r\n");
}
