/*
 * verdicts.h - who is to blame in a snapshot, judged by what is retained; two routes ask for it.
 */
#pragma once
#include "api/api_impl.h"

/* Leave the task the work of judging snapshot `n` (and of holding it against ?since=, if that is there) and of answering
 *     200 {"items": [{"sentence", ...}], "next"}, those to blame for most first, ?limit= of them from ?cursor= on
 * ERR_NO_NAME: there is no such snapshot. */
enum err verdicts_begin(struct api *api, struct task *task, struct slice n, struct why *why);
