/*
 * accept.h - does a client take an answer in this form? (Accept: RFC 9110, 12.5.1)
 */
#pragma once
#include "heap/base/slice.h"

/* True if the value of an Accept header takes the media type `type`, "text/html": the most specific of the ranges that
 * it falls under has a weight above 0. An empty one takes everything. */
bool accept_takes(struct slice accept, const char *type);
