/*
 * batch_forms.h - the forms (heap/form.h) of the records that a batch makes many of.
 *
 * Owns:      at most BATCH_FORMS forms, until the batch ends.
 * Knows not: ops, lines.
 *
 * A batch mostly makes records that are like one it made just before. The second of a kind gets a form; one that
 * comes to the same place in the table takes it away again. Who makes a different record with each op pays for a
 * look at the table, and every other record for a form that nobody uses.
 */
#pragma once
#include "heap/form.h"

#define BATCH_FORMS 16

struct batch_forms {
    struct batch_form {
        uint32_t mark; /* of the last that came here; 0: none did */
        struct record_form *form;
    } at[BATCH_FORMS];
};

void batch_forms_fini(struct heap *h, struct batch_forms *forms);

/* heap_new_record(), by a form if there is one. */
enum err batch_new_record(struct heap *h, struct batch_forms *forms, struct label label, const struct field *fields,
                          size_t count, obj_id *ret, struct why *why);
