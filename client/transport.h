/*
 * transport.h - HTTP by libcurl: where the daemon is, who we are, one request at a time.
 *
 * Owns:      struct heapd, its curl handle, and the translation of curl's errors into sentences.
 * Knows not: what bodies mean; codec.h reads them.
 */
#pragma once
#include "client/heapd.h"
#include <curl/curl.h>

struct heapd {
    CURL *easy;                 /* for heapd_call(); keeps its connection */
    char *base;                 /* "http://127.0.0.1:4327": no slash at its end */
    char *socket_path;          /* of unix:PATH, else NULL */
    struct curl_slist *headers; /* of every request */
    unsigned answer_ms;         /* that an answer may take; 0: as long as it takes */
    int stop_fd;                /* readable when it is enough; -1: there is none */
};

/* Make `easy` ready for a request of h to `path`; its method and body are the caller's. */
enum heapd_result transport_prepare(const struct heapd *h, CURL *easy, const char *path,
                                    struct heapd_problem *p);

/* The headers of every request of h, and one for the body. To be freed with curl_slist_free_all(). */
struct curl_slist *transport_headers(const struct heapd *h, const char *media_type);

/* The same, for an answer of that type. */
struct curl_slist *transport_headers_for(const struct heapd *h, const char *accept);

/* The status of the answer that comes, or has come. */
long transport_status(CURL *easy);

/* What a failed transfer says. */
enum heapd_result transport_failed(const struct heapd *h, CURLcode code, struct heapd_problem *p);
