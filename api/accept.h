/*
 * accept.h - does a client take an answer in this form? (Accept, Accept-Encoding: RFC 9110, 12.5.1 and 12.5.3)
 */
#pragma once
#include "heap/base/slice.h"

/* True if the value of an Accept header takes the media type `type`, "text/html": the most specific of the ranges that
 * it falls under has a weight above 0. An empty one takes everything. */
bool accept_takes(struct slice accept, const char *type);
/* The same, and it is named: by "text/html", or "text/html;q=0.9", not by what takes anything. */
bool accept_names(struct slice accept, const char *type);
/* True if the value of an Accept-Encoding header takes the coding, "gzip". An empty one takes none. */
bool accept_takes_coding(struct slice accept, const char *coding);
