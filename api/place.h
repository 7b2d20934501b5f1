/*
 * place.h - where a new object goes: the session's holds, a root, or into another object.
 */
#pragma once
#include "api/task.h"

struct place {
    struct slice root;  /* data NULL: none */
    obj_id into;        /* 0: none */
    struct slice field; /* of a record; data NULL: none, `into` is a list */
};

/* From the members `root` and `into` of a JSON object; from ?root=&into=&field=. ERR_BAD_VALUE, ERR_DANGLING,
 * ERR_WRONG_KIND: the object to put it into is looked at, so that only memory can be missing later. */
enum err place_from_json(const struct task *t, const json_t *body, struct place *ret, struct why *why);
enum err place_from_query(const struct task *t, struct place *ret, struct why *why);

/* Put `id` there; the caller keeps its own reference. After an error nothing has changed. ERR_NOMEM,
 * ERR_LIMIT. */
enum err place_object(const struct task *t, const struct place *p, obj_id id, struct why *why);
