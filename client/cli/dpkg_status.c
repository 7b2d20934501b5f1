/*
 * dpkg_status.c - see dpkg_status.h.
 */
#include "client/cli/dpkg_status.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct reading {
    json_t *stanzas;
    json_t *stanza; /* the one being read; NULL between two */
    char field[64]; /* the last one, for its continuation lines */
    uint64_t line;
};

static bool is_blank(const char *line)
{
    return line[strspn(line, " \t\r")] == '\0';
}

/* " more": the last field goes on. */
static const char *take_continuation(struct reading *r, const char *line)
{
    const char *old = json_string_value(json_object_get(r->stanza, r->field));
    json_t *longer;

    if (old == NULL)
        return "a line goes on where no field was begun";
    longer = json_sprintf("%s\n%s", old, line + 1);
    return json_object_set_new(r->stanza, r->field, longer) == 0 ? NULL : "this is not UTF-8";
}

static const char *take_field(struct reading *r, const char *line)
{
    size_t length = strcspn(line, ": \t");
    const char *value = line + length + 1;

    if (line[length] != ':' || length == 0 || length >= sizeof r->field)
        return "\"Field: value\" should stand here";
    if (r->stanza == NULL) {
        r->stanza = json_object();
        if (json_array_append_new(r->stanzas, r->stanza) != 0)
            return "out of memory";
    }
    memcpy(r->field, line, length);
    r->field[length] = '\0';
    value += strspn(value, " \t");
    return json_object_set_new(r->stanza, r->field, json_string(value)) == 0 ? NULL : "this is not UTF-8";
}

static const char *take_line(struct reading *r, char *line)
{
    size_t length = strlen(line);

    r->line++;
    if (length > 0 && line[length - 1] == '\r')
        line[length - 1] = '\0';
    if (is_blank(line)) {
        r->stanza = NULL;
        return NULL;
    }
    return line[0] == ' ' || line[0] == '\t' ? take_continuation(r, line) : take_field(r, line);
}

static const char *read_lines(struct source *source, struct reading *r)
{
    struct text line = {0};
    const char *error = NULL;

    while (error == NULL && source_line(source, &line))
        error = line.failed ? "out of memory" : take_line(r, line.data);
    text_fini(&line);
    return error != NULL ? error : source_error(source);
}

json_t *dpkg_status_read(struct source *source, char sentence[256])
{
    struct reading r = {.stanzas = json_array()};
    const char *error = r.stanzas != NULL ? read_lines(source, &r) : "out of memory";

    if (error == NULL)
        return r.stanzas;
    (void)snprintf(sentence, 256, "line %" PRIu64 ": %s", r.line, error);
    json_decref(r.stanzas);
    return NULL;
}

bool dpkg_relation_next(const char **at, struct dpkg_word *ret_w)
{
    const char *from = *at + strspn(*at, " \t\r\n,|");
    size_t name = strcspn(from, " \t\r\n,|:([<");
    const char *behind = from + name;
    size_t arch = *behind == ':' ? strcspn(behind + 1, " \t\r\n,|([<") : 0;

    if (name == 0)
        return false;
    ret_w->joint = memchr(*at, '|', (size_t)(from - *at)) != NULL ? DPKG_OR : DPKG_NEXT;
    (void)snprintf(ret_w->name, sizeof ret_w->name, "%.*s", (int)name, from);
    (void)snprintf(ret_w->arch, sizeof ret_w->arch, "%.*s", (int)arch, behind + 1);
    *at = behind + strcspn(behind, ",|");
    return true;
}
