/*
 * batch_forms.c - see batch_forms.h.
 */
#include "api/batch_forms.h"

void batch_forms_fini(struct heap *h, struct batch_forms *forms)
{
    for (size_t i = 0; i < BATCH_FORMS; i++)
        heap_form_destroy(h, &forms->at[i].form);
}

/* Something that names which differ mostly differ in; whether they are the same is asked of the form. */
static uint32_t mix(uint32_t mark, struct slice name)
{
    unsigned char first = name.len > 0 ? (unsigned char)name.data[0] : 0;
    unsigned char last = name.len > 0 ? (unsigned char)name.data[name.len - 1] : 0;

    return (mark ^ (uint32_t)name.len ^ (uint32_t)first << 8 ^ (uint32_t)last << 16) * 0x9e3779b1u;
}

static uint32_t mark_of(struct label label, const struct field *fields, size_t count)
{
    uint32_t mark = mix(1, label.class);

    for (size_t i = 0; i < count; i++)
        mark = mix(mark ^ mark >> 15, fields[i].name);
    return mark | 1;
}

/* NULL if it cannot be made: then the record cannot be made either, or memory is short. */
static struct record_form *make_form(struct heap *h, struct label label, const struct field *fields, size_t count)
{
    struct slice names[RECORD_SLOTS_MAX];
    struct record_form *form = NULL;

    for (size_t i = 0; i < count; i++)
        names[i] = fields[i].name;
    return heap_form_create(h, label, names, count, &form, NULL) == ERR_OK ? form : NULL;
}

static const struct record_form *form_for(struct heap *h, struct batch_forms *forms, struct label label,
                                          const struct field *fields, size_t count)
{
    uint32_t mark = mark_of(label, fields, count);
    struct batch_form *place = &forms->at[mark >> 16 & (BATCH_FORMS - 1)];
    bool seen = place->mark == mark;

    place->mark = mark;
    if (place->form != NULL && heap_form_fits(h, place->form, label, fields, count))
        return place->form;
    if (!seen)
        return NULL;
    heap_form_destroy(h, &place->form);
    place->form = make_form(h, label, fields, count);
    return place->form;
}

enum err batch_new_record(struct heap *h, struct batch_forms *forms, struct label label, const struct field *fields,
                          size_t count, obj_id *ret, struct why *why)
{
    const struct record_form *form = NULL;
    struct value values[RECORD_SLOTS_MAX];

    if (count <= RECORD_SLOTS_MAX)
        form = form_for(h, forms, label, fields, count);
    if (form == NULL)
        return heap_new_record(h, label, fields, count, ret, why);
    for (size_t i = 0; i < count; i++)
        values[i] = fields[i].value;
    return heap_new_of_form(h, form, values, ret, why);
}
