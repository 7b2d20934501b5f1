/*
 * admit.h - may a request come in? Everything that can be said about it before its body is read.
 *
 * Knows not: what becomes of it then (api.c).
 */
#pragma once
#include "api/task.h"

/* Fill the task from the request: method, route, parameters, headers, what its body may be, the session it runs in.
 * Every error that api/answer.c has for a head; then the task may be in its session and has changed nothing. */
enum err task_admit(struct task *t, const struct request *r, struct why *why);

/* May the store take what it is about to do, now? Asked when its head comes, again when its body is there, and by a batch before
 * each op that changes something: what is done while the disk is full could not be made durable, and would be answered. */
enum err task_check_store(const struct task *t, struct why *why);

/* ERR_TOO_LARGE, with the limit of this task's body. */
enum err task_refuse_length(const struct task *t, struct why *why);
