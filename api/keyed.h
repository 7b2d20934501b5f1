/*
 * keyed.h - a POST that says Idempotency-Key: the first is carried out, a retry gets the first answer
 * (draft-ietf-httpapi-idempotency-key-header-07).
 *
 * Owns:      whose a key is, what makes a request another one, which answers are kept.
 * Knows not: where they are kept (idempotency.h), and what requests do.
 *
 * A key is a session's, and its who the token belongs to: others may use the same for what they like. With it the path,
 * the query and the body must come again byte by byte, as JSON or as bytes, else it is 422. Headers may differ: who may
 * not do it any more, or names an instance that is over, is told so before anybody looks for a key.
 *
 *   begun --body is whole (a stream: at once)--> FIRST --carried out: kept, or nothing came of it: forgotten
 *                                             '-> AGAIN --body is whole, and the same--> the first answer
 *                                             '-> 409 busy, while the first is carried out
 *
 * Kept are answers of requests that were carried out to their end, 2xx and 4xx; not 429 and 5xx, which say that nothing
 * has changed and it may go well later. A request that is cut off before its body is whole has done nothing and leaves
 * nothing, but for a batch, whose first ops are done: a retry with the same lines is told how many.
 *
 * With a world that keeps answers (api_answers) each is handed over in the step in which it became true, and a batch, which
 * takes many, hands over in each what it would be answered had it been cut off there. So when the process ends at any time,
 * what is kept of a request and what is kept of its answer are of the same step.
 */
#pragma once
#include "api/request.h"
#include "heap/base/err.h"
#include "heap/base/slice.h"

struct keyed;
struct task;

/* The head of a request with a key is there, and nothing else is wrong with it. ERR_BAD_REQUEST (the key), ERR_BAD_VALUE
 * (a batch that answers line by line), ERR_NOMEM, and for a stream those of keyed_begin(). */
enum err keyed_admit(struct task *t, const struct request *r, struct why *why);
/* The next bytes of the body, whatever becomes of them. */
void keyed_feed(struct task *t, struct slice bytes);
/* It is about to run. A retry is answered instead: its state is TASK_DISCARD then. ERR_BUSY, ERR_NOMEM. */
enum err keyed_begin(struct task *t, struct why *why);
/* It is about to do something, in this step: from now on the answer can be kept, too. ERR_NOMEM. */
enum err keyed_prepare(struct task *t, struct why *why);
/* What is in the reply would be the answer if it ended here; something was done, and it goes on. */
void keyed_tell(struct task *t);
/* An answer with this status is the last word: it is kept. */
bool keyed_is_final(int status);
/* The reply is whole, or will be when a retry's body has proved to be the same: else it is the problem. Ends t->keyed. */
void keyed_finish(struct task *t);
/* What is in the reply is the answer, though nobody may ever get it: something was done. Ends t->keyed. */
void keyed_keep(struct task *t);
/* Nothing was done. Ends t->keyed. */
void keyed_forget(struct task *t);
