/* texts.c - see texts.h. */
#include "heap/graph/texts.h"
#include "heap/base/num.h"
#include "heap/intern.h"
#include "heap/shape.h"

#define CHUNK_BYTES (16u << 10)
#define OWN_STRINGS 16u     /* names that are not the heap's: of what is synthetic, and the empty one */
#define OWN_LABELS 16u
#define TEXT_UNITS 4u       /* to look for one, 60 ns and more ... */
#define NEW_TEXT_UNITS 8u   /* ... and to add it */
#define CHUNK_UNITS 32u     /* to give one back */

_Static_assert(NAME_BYTES_MAX <= FROZEN_STRING_BYTES_MAX, "every name fits");

struct text_chunk {
    struct text_chunk *next;
    char bytes[CHUNK_BYTES - sizeof(struct text_chunk *)];
};

/* ---- strings ---- */

static const char **strings_of(const struct texts *t)
{
    return (const char **)(void *)t->strings.base;
}

static struct slice text_at(const struct texts *t, uint32_t string)
{
    const char *text = strings_of(t)[string];

    return (struct slice){text + 1, (unsigned char)text[0]};
}

static char *room_for(struct texts *t, size_t bytes)
{
    struct text_chunk *c = t->chunk;

    if (c == NULL || sizeof c->bytes - t->chunk_used < bytes) {
        if ((c = mem_alloc(t->mem, sizeof *c)) == NULL)
            return NULL;
        c->next = t->chunk;
        t->chunks_bytes += sizeof *c;
        t->chunk = c;
        t->chunk_used = 0;
    }
    t->chunk_used += bytes;
    return c->bytes + t->chunk_used - bytes;
}

static bool add_text(struct texts *t, struct slice text, uint32_t hash, uint32_t *ret)
{
    char *to;

    CHECK(text.len <= FROZEN_STRING_BYTES_MAX);
    if (!lane_need(&t->strings, ((size_t)t->string_count + 1) * sizeof(char *)) || (to = room_for(t, 1 + text.len)) == NULL ||
        !map_add(t->by_text, hash, t->string_count))
        return false;
    t->units += NEW_TEXT_UNITS;
    to[0] = (char)text.len;
    slice_copy(to + 1, text);
    strings_of(t)[t->string_count] = to;
    *ret = t->string_count++;
    return true;
}

bool texts_number(struct texts *t, struct slice text, uint32_t *ret)
{
    uint32_t hash = (uint32_t)hash_bytes(t->seed, text.data, text.len);

    t->units += TEXT_UNITS;
    for (uint32_t e = map_find(t->by_text, hash); e != MAP_NONE; e = map_next(t->by_text, e))
        if (slice_eq(text_at(t, map_value(t->by_text, e)), text)) {
            *ret = map_value(t->by_text, e);
            return true;
        }
    return add_text(t, text, hash, ret);
}

/* ---- labels ---- */

bool texts_label(struct texts *t, struct frozen_label label, uint32_t *ret)
{
    struct frozen_label *labels = (void *)t->labels.base;
    uint32_t hash = (uint32_t)hash_u64(hash_u64(t->seed, label.kind), (uint64_t)label.class << 32 | label.site);

    for (uint32_t e = map_find(t->by_parts, hash); e != MAP_NONE; e = map_next(t->by_parts, e)) {
        const struct frozen_label *l = &labels[map_value(t->by_parts, e)];

        if (l->class == label.class && l->site == label.site && l->kind == label.kind) {
            *ret = map_value(t->by_parts, e);
            return true;
        }
    }
    if (!lane_need(&t->labels, ((size_t)t->label_count + 1) * sizeof label) || !map_add(t->by_parts, hash, t->label_count))
        return false;
    labels[t->label_count] = label;
    *ret = t->label_count++;
    return true;
}

/* ---- forms ---- */

static struct form **form_at(const struct texts *t, uint32_t shape)
{
    CHECK(shape < t->shapes);
    return (struct form **)(void *)t->forms.base + shape;
}

static size_t form_bytes(uint32_t names)
{
    return sizeof(struct form) + names * sizeof(uint32_t);
}

static void free_form(struct texts *t, uint32_t shape)
{
    struct form **at = form_at(t, shape);

    if (*at == NULL)
        return;
    mem_free(t->mem, *at, form_bytes((*at)->names));
    *at = NULL;
}

static bool fill_form(struct texts *t, const struct heap *h, const struct shape *s, uint32_t shape, struct form *f)
{
    if (!texts_number(t, shape_class_name(h, shape), &f->class) ||
        (s->site != 0 && !texts_number(t, shape_site(h, shape), &f->site)))
        return false;
    for (uint32_t i = 0; i < f->names; i++)
        if (!texts_number(t, string_slice(h, s->names[i]), &f->name[i]))
            return false;
    return true;
}

struct form *texts_form(struct texts *t, const struct heap *h, uint32_t shape)
{
    const struct shape *s = &h->shapes[shape];
    struct form **at = form_at(t, shape), *f = *at;

    if (f != NULL)
        return f;
    if (!lane_need(&t->forms, ((size_t)shape + 1) * sizeof f) || (f = mem_zalloc(t->mem, form_bytes(s->field_count))) == NULL)
        return NULL;
    f->names = s->field_count;
    *at = f;
    if (fill_form(t, h, s, shape, f))
        return f;
    free_form(t, shape);
    return NULL;
}

bool texts_label_of(struct texts *t, struct form *f, enum frozen_kind kind, uint32_t *ret)
{
    CHECK(kind < ARRAY_LEN(f->label));
    if (f->label[kind] == 0 && !texts_label(t, (struct frozen_label){.class = f->class, .site = f->site, .kind = kind}, &f->label[kind]))
        return false;
    *ret = f->label[kind];
    return true;
}

void texts_count_node(struct texts *t, uint32_t label, uint64_t bytes)
{
    struct frozen_label *l = (struct frozen_label *)(void *)t->labels.base + label;

    l->nodes++;
    l->bytes += bytes;
}

/* ---- life ---- */

/* String 0 is empty, label 0 nobody's. */
bool texts_open(struct texts *t, const struct heap *h, uint64_t other_names)
{
    uint32_t empty, none;

    *t = (struct texts){.mem = h->mem, .seed = h->seed, .shapes = h->shape_end};
    t->by_text = map_create(h->mem, h->seed);
    t->by_parts = map_create(h->mem, h->seed);
    return t->by_text != NULL && t->by_parts != NULL &&
           lane_open(&t->strings, h->mem, h->stats.strings + other_names + OWN_STRINGS, sizeof(char *)) &&
           lane_open(&t->labels, h->mem, 3 * (uint64_t)h->shape_end + other_names + OWN_LABELS, sizeof(struct frozen_label)) &&
           lane_open(&t->forms, h->mem, h->shape_end, sizeof(struct form *)) && texts_number(t, SLICE(""), &empty) &&
           texts_label(t, (struct frozen_label){.kind = FROZEN_KINDS}, &none);
}

uint64_t texts_bytes(const struct texts *t)
{
    return t->chunks_bytes + t->strings.charged - t->strings.gone + t->labels.charged - t->labels.gone;
}

size_t texts_end_making(struct texts *t, size_t units)
{
    units = map_destroy_step(&t->by_text, units);
    units = map_destroy_step(&t->by_parts, units);
    for (; t->forms.mem != NULL && units > 0 && ((size_t)t->forms_freed + 1) * sizeof(struct form *) <= t->forms.charged &&
           t->forms_freed < t->shapes;
         units--)
        free_form(t, t->forms_freed++);
    return units > 0 ? lane_close(&t->forms, units) : 0;
}

size_t texts_close(struct texts *t, size_t units)
{
    struct text_chunk *c;

    for (; (c = t->chunk) != NULL && units > 0; units = units_less(units, CHUNK_UNITS)) {
        t->chunk = c->next;
        t->chunks_bytes -= sizeof *c;
        mem_free(t->mem, c, sizeof *c);
    }
    units = units > 0 ? lane_close(&t->strings, units) : 0;
    return units > 0 ? lane_close(&t->labels, units) : 0;
}
