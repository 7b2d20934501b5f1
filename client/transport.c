/*
 * transport.c - see transport.h.
 *
 * No proxy is ever asked and no redirect followed: the daemon is where the url says, and the token is for
 * nobody else. There is no time limit on an answer unless the caller sets one, since a collection takes as long as it takes.
 */
#include "client/transport.h"
#include "api/wire.h"
#include "client/codec.h"
#include "client/text.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECT_TIMEOUT_MS = 10000 };

#define UNIX_PREFIX "unix:"

static bool url_is_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
}

static enum heapd_result set_address(struct heapd *h, const char *url, struct heapd_problem *p)
{
    size_t length = strlen(url);

    if (strncmp(url, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0 && url[strlen(UNIX_PREFIX)] != '\0') {
        h->socket_path = strdup(url + strlen(UNIX_PREFIX));
        h->base = strdup("http://localhost");
        return h->socket_path != NULL && h->base != NULL ? HEAPD_OK : problem_no_memory(p);
    }
    if (!url_is_http(url))
        return problem_set(p, HEAPD_BAD_URL, "Not an address of heapd",
                           "It is http://HOST:PORT, https://HOST:PORT or unix:PATH.", "\"%s\" is no such url",
                           url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    h->base = strndup(url, length);
    return h->base != NULL ? HEAPD_OK : problem_no_memory(p);
}

/* Append "name: value", unless value is NULL. False without memory; then the list is as it was. */
static bool add_header(struct curl_slist **list, const char *name, const char *value)
{
    struct text line = {0};
    struct curl_slist *longer = NULL;

    if (value == NULL)
        return true;
    text_printf(&line, "%s: %s", name, value);
    if (!line.failed)
        longer = curl_slist_append(*list, line.data);
    text_fini(&line);
    if (longer == NULL)
        return false;
    *list = longer;
    return true;
}

static bool set_identity(struct heapd *h, const struct heapd_options *o)
{
    struct text bearer = {0};
    bool ok = true;

    if (o->token != NULL) {
        text_printf(&bearer, "Bearer %s", o->token);
        ok = !bearer.failed && add_header(&h->headers, "Authorization", bearer.data);
        text_fini(&bearer);
    }
    return ok && add_header(&h->headers, WIRE_HEADER_SESSION, o->session);
}

enum heapd_result heapd_open(const struct heapd_options *o, struct heapd **ret_h, struct heapd_problem *p)
{
    struct heapd *h = calloc(1, sizeof *h);
    enum heapd_result r;

    if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        free(h);
        return problem_no_memory(p);
    }
    h->stop_fd = -1;
    r = set_address(h, o->url != NULL ? o->url : HEAPD_DEFAULT_URL, p);
    h->easy = curl_easy_init();
    if (r == HEAPD_OK && (h->easy == NULL || !set_identity(h, o)))
        r = problem_no_memory(p);
    if (r != HEAPD_OK) {
        heapd_close(&h);
        return r;
    }
    *ret_h = h;
    return HEAPD_OK;
}

void heapd_close(struct heapd **h)
{
    if (*h == NULL)
        return;
    curl_easy_cleanup((*h)->easy);
    curl_slist_free_all((*h)->headers);
    free((*h)->base);
    free((*h)->socket_path);
    free(*h);
    *h = NULL;
    curl_global_cleanup();
}

struct curl_slist *transport_headers(const struct heapd *h, const char *media_type)
{
    struct curl_slist *all = curl_slist_append(NULL, "Expect:"); /* not a second's wait for 100 Continue */

    for (const struct curl_slist *s = h->headers; s != NULL && all != NULL; s = s->next) {
        struct curl_slist *longer = curl_slist_append(all, s->data);

        if (longer == NULL)
            curl_slist_free_all(all);
        all = longer;
    }
    if (all != NULL && !add_header(&all, "Content-Type", media_type)) {
        curl_slist_free_all(all);
        all = NULL;
    }
    return all;
}

struct curl_slist *transport_headers_for(const struct heapd *h, const char *accept)
{
    struct curl_slist *all = transport_headers(h, NULL);

    if (all != NULL && !add_header(&all, "Accept", accept)) {
        curl_slist_free_all(all);
        all = NULL;
    }
    return all;
}

enum heapd_result transport_prepare(const struct heapd *h, CURL *easy, const char *path,
                                    struct heapd_problem *p)
{
    struct text url = {0};
    CURLcode code;

    curl_easy_reset(easy);
    text_printf(&url, "%s%s", h->base, path);
    if (url.failed)
        return problem_no_memory(p);
    code = curl_easy_setopt(easy, CURLOPT_URL, url.data);
    text_fini(&url);
    if (code == CURLE_OK && h->socket_path != NULL)
        code = curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, h->socket_path);
    if (code != CURLE_OK)
        return problem_no_memory(p);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "heapctl/" HEAPD_VERSION);
    return HEAPD_OK;
}

long transport_status(CURL *easy)
{
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

enum heapd_result transport_failed(const struct heapd *h, CURLcode code, struct heapd_problem *p)
{
    const char *where = h->socket_path != NULL ? h->socket_path : h->base;

    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return problem_no_memory(p);
    case CURLE_URL_MALFORMAT:
        return problem_set(p, HEAPD_BAD_URL, "Not an address of heapd",
                           "It is http://HOST:PORT, https://HOST:PORT or unix:PATH.", "\"%s\" is no such url",
                           where);
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
        return problem_set(p, HEAPD_UNREACHABLE, "heapd is not reachable",
                           "Is it running? Start it with `heapd`, or say where it listens.", "%s: %s", where,
                           curl_easy_strerror(code));
    default:
        return problem_set(p, HEAPD_BROKEN, "The connection broke",
                           "Look at heapd's log; what was sent before may have been done.", "%s: %s", where,
                           curl_easy_strerror(code));
    }
}

/* --- one request --- */

void heapd_be_patient(struct heapd *h, unsigned answer_ms, int stop_fd)
{
    h->answer_ms = answer_ms;
    h->stop_fd = stop_fd;
}

/* curl asks once a second while nothing comes. */
static int is_enough(void *arg, curl_off_t total_in, curl_off_t in, curl_off_t total_out, curl_off_t out)
{
    struct pollfd stop = {.fd = *(const int *)arg, .events = POLLIN};

    (void)total_in, (void)in, (void)total_out, (void)out;
    return poll(&stop, 1, 0) != 0;
}

static void set_patience(struct heapd *h)
{
    curl_easy_setopt(h->easy, CURLOPT_TIMEOUT_MS, (long)h->answer_ms);
    if (h->stop_fd < 0)
        return;
    curl_easy_setopt(h->easy, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(h->easy, CURLOPT_XFERINFOFUNCTION, is_enough);
    curl_easy_setopt(h->easy, CURLOPT_XFERINFODATA, &h->stop_fd);
}

static size_t on_body(char *data, size_t one, size_t length, void *arg)
{
    struct text *body = arg;

    (void)one; /* always 1 */
    text_add(body, data, length);
    return body->failed ? 0 : length;
}

static void set_method(CURL *easy, const char *method, const struct heapd_body *body)
{
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (body != NULL || strcmp(method, "POST") == 0)
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, method);
    if (body != NULL || strcmp(method, "POST") == 0) {
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(body != NULL ? body->length : 0));
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body != NULL && body->length > 0 ? body->data : "");
    }
}

static const char *media_type_of(const struct heapd_body *body)
{
    if (body == NULL)
        return NULL;
    return body->type != NULL ? body->type : WIRE_TYPE_JSON;
}

static void read_instance(CURL *easy, char out[HEAPD_INSTANCE_MAX])
{
    struct curl_header *header;

    if (curl_easy_header(easy, WIRE_HEADER_INSTANCE, 0, CURLH_HEADER, -1, &header) == CURLHE_OK)
        (void)snprintf(out, HEAPD_INSTANCE_MAX, "%s", header->value);
}

static enum heapd_result perform(struct heapd *h, struct text *body, struct heapd_reply *ret_r,
                                 struct heapd_problem *p)
{
    CURLcode code;
    long status = 0;

    curl_easy_setopt(h->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(h->easy, CURLOPT_WRITEDATA, body);
    set_patience(h);
    code = curl_easy_perform(h->easy);
    if (body->failed || !text_reserve(body, 0))
        return problem_no_memory(p);
    if (code != CURLE_OK)
        return transport_failed(h, code, p);
    body->data[body->length] = '\0';
    curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return problem_of_answer(p, (int)status, body->data, body->length);
    *ret_r = (struct heapd_reply){.status = (int)status, .length = body->length, .body = body->data};
    read_instance(h->easy, ret_r->instance);
    *body = (struct text){0};
    return HEAPD_OK;
}

enum heapd_result heapd_call(struct heapd *h, const char *method, const char *path,
                             const struct heapd_body *body, struct heapd_reply *ret_r,
                             struct heapd_problem *p)
{
    struct text answer = {0};
    struct curl_slist *headers;
    enum heapd_result r;

    if ((r = transport_prepare(h, h->easy, path, p)) != HEAPD_OK)
        return r;
    headers = transport_headers(h, media_type_of(body));
    if (headers == NULL)
        return problem_no_memory(p);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
    set_method(h->easy, method, body);
    r = perform(h, &answer, ret_r, p);
    curl_slist_free_all(headers);
    text_fini(&answer);
    return r;
}

/* --- an answer that is not kept --- */

struct download {
    struct heapd *h;
    heapd_part_fn *on_part;
    void *arg;
    struct text problem; /* the body of a refusal */
};

static size_t on_part(char *data, size_t one, size_t length, void *arg)
{
    struct download *d = arg;
    curl_off_t total = 0;

    if (transport_status(d->h->easy) >= 400)
        return on_body(data, one, length, &d->problem);
    curl_easy_getinfo(d->h->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &total);
    return d->on_part(d->arg, data, length, total > 0 ? (uint64_t)total : 0) ? length : 0;
}

static enum heapd_result perform_download(struct download *d, struct heapd_problem *p)
{
    CURL *easy = d->h->easy;
    CURLcode code;

    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_part);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, d);
    set_patience(d->h);
    code = curl_easy_perform(easy);
    if (d->problem.failed || !text_reserve(&d->problem, 0))
        return problem_no_memory(p);
    if (code != CURLE_OK)
        return transport_failed(d->h, code, p);
    if (transport_status(easy) >= 400)
        return problem_of_answer(p, (int)transport_status(easy), text_string(&d->problem), d->problem.length);
    return HEAPD_OK;
}

enum heapd_result heapd_download(struct heapd *h, const char *path, heapd_part_fn *each, void *arg,
                                 struct heapd_problem *p)
{
    struct download d = {.h = h, .on_part = each, .arg = arg};
    struct curl_slist *headers;
    enum heapd_result r;

    if ((r = transport_prepare(h, h->easy, path, p)) != HEAPD_OK)
        return r;
    if ((headers = transport_headers(h, NULL)) == NULL)
        return problem_no_memory(p);
    curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, headers);
    r = perform_download(&d, p);
    curl_slist_free_all(headers);
    text_fini(&d.problem);
    return r;
}

void heapd_reply_fini(struct heapd_reply *r)
{
    free(r->body);
    *r = (struct heapd_reply){0};
}
