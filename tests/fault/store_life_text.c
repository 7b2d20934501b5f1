/* store_life_text.c - see store_life.h: all of a heap as text, to be compared with what it was. */
#include "heap/heap_gc.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/fault/store_life_impl.h"

static void describe_bytes(struct life *life, obj_id id, FILE *out)
{
    struct object_info info;
    struct payload *p;
    uint64_t sum = 0;

    CHECK(heap_info(life->heap, id, &info, NULL) == ERR_OK);
    if (info.kind != HEAP_BYTES)
        return;
    CHECK(heap_get_bytes(life->heap, id, &p, NULL) == ERR_OK);
    for (size_t i = 0; i < p->len; i++)
        sum = sum * 31 + (unsigned char)p->data[i];
    fprintf(out, "bytes %" PRIu64 " %zu %" PRIx64 "\n", id, p->len, sum);
    payload_release(&p);
}

static void describe_objects(struct life *life, FILE *out)
{
    struct redo text;
    slot_t slot = 0;
    obj_id id;

    redo_init(&text, life->heap, &life->mem);
    do {
        if ((id = heap_next_object(life->heap, &slot, SIZE_MAX)) == 0)
            continue;
        CHECK(redo_note(&text, &(struct change){.kind = CHANGE_NEW, .id = id}, NULL) == ERR_OK);
        describe_bytes(life, id, out);
    } while (slot != 0);
    for (const struct redo_chunk *c = text.first; c != NULL; c = c->next)
        fwrite(c->text.data, 1, c->text.len, out);
    redo_fini(&text);
}

static void describe_names(struct life *life, FILE *out)
{
    struct slice name;
    obj_id id;

    for (uint32_t cursor = 0; root_next(life->heap, &cursor, &name, &id);)
        fprintf(out, "root %zu %.*s %" PRIu64 "\n", name.len, (int)name.len, name.data, id);
    for (uint32_t cursor = 0; weak_next(life->heap, &cursor, &name, &id);)
        fprintf(out, "weak %zu %.*s %" PRIu64 "\n", name.len, (int)name.len, name.data, id);
}

static void describe_sessions(struct life *life, FILE *out)
{
    struct session_info s;
    obj_id id;

    for (uint32_t cursor = 0; session_next(life->sessions, &cursor, &s);) {
        fprintf(out, "session %u %.*s %.17g\n", s.id, (int)s.label.len, s.label.len > 0 ? s.label.data : "", s.ttl_s);
        for (uint32_t hold = UINT32_MAX; session_next_hold(life->sessions, s.id, &hold, &id);)
            fprintf(out, "hold %u %" PRIu64 "\n", s.id, id);
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names and holds come in the order in which their entries were made, which is not kept. */
static char *sorted_lines(char *text, size_t len)
{
    char **line = malloc((len + 1) * sizeof *line), *sorted = malloc(len + 1), *at = sorted;
    size_t n = 0;

    CHECK(line != NULL && sorted != NULL);
    for (char *save, *l = strtok_r(text, "\n", &save); l != NULL; l = strtok_r(NULL, "\n", &save))
        line[n++] = l;
    qsort(line, n, sizeof *line, by_text);
    for (size_t i = 0; i < n; i++)
        at += sprintf(at, "%s\n", line[i]);
    *at = '\0';
    free(line);
    free(text);
    return sorted;
}

char *life_describe(struct life *life)
{
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    CHECK(out != NULL);
    describe_objects(life, out);
    describe_names(life, out);
    describe_sessions(life, out);
    life_describe_answers(life, out);
    CHECK(fclose(out) == 0);
    return sorted_lines(text, len);
}
