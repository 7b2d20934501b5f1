/*
 * form.h - records that are alike, prepared once: a label and field names, looked up when the form is made.
 *
 * heap_new_record() finds its shape by hashing: the class, the site, each name, each step from one sequence of
 * names to the next. Whoever makes many records of the same label and names, or sets the same field of many,
 * makes a form once and pays for none of that again.
 *
 * A form is a user of its shape, as an object is. So while it lives its class is in use: heap_next_tally()
 * shows it, without objects too. Destroy a form that is not needed any more, at the latest before the heap.
 *
 * Nothing shows outside of whether a record was made by its form or by name. A class that has all the shapes it
 * may have gives its records dictionaries; then a form does by name what it is asked to.
 */
#pragma once
#include "heap/heap.h"

struct record_form;

/* `names` are distinct, at most RECORD_SLOTS_MAX; they and the label are copied. ERR_BAD_VALUE, ERR_LIMIT
 * (shapes_max), ERR_NOMEM. */
enum err heap_form_create(struct heap *h, struct label label, const struct slice *names, size_t count,
                          struct record_form **ret, struct why *why);
/* Sets *form to NULL; a NULL *form is fine. Its records stay. */
void heap_form_destroy(struct heap *h, struct record_form **form);

/* heap_new_record() with one value for each name, in their order. ERR_DANGLING, ERR_BAD_VALUE, ERR_NOMEM. */
enum err heap_new_of_form(struct heap *h, const struct record_form *form, const struct value *values, obj_id *ret,
                          struct why *why);

/* Would it make records of that label with these fields, in their order? */
bool heap_form_fits(const struct heap *h, const struct record_form *form, struct label label, const struct field *fields,
                    size_t count);

/* Set the field that the form has at `place`, counted from 0. A record of another shape, whatever its class, is
 * edited by name: it has the field or gets it. What heap_edit_record() answers. */
enum err heap_set_of_form(struct heap *h, obj_id id, const struct record_form *form, size_t place,
                          const struct value *v, struct why *why);

/* ---- inside heap/ ---- */

uint64_t form_side_bytes(const struct heap *h);
