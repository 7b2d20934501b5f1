/*
 * listen.c - GET /v1/events, line by line, until somebody says that it is enough.
 *
 * curl waits for the connection and for the caller's descriptor at once, so a stop is noticed at once.
 */
#include "api/wire.h"
#include "client/codec.h"
#include "client/text.h"
#include "client/transport.h"

enum { POLL_MS = 60000 };

struct listening {
    CURL *easy;
    heapd_event_fn *on_event;
    void *arg;
    struct text line;    /* as far as it has come */
    struct text problem; /* the body of a refusal */
};

static size_t on_bytes(char *data, size_t one, size_t length, void *arg)
{
    struct listening *l = arg;

    (void)one; /* always 1 */
    if (transport_status(l->easy) >= 400) {
        text_add(&l->problem, data, length);
        return l->problem.failed ? 0 : length;
    }
    return text_lines(&l->line, data, length, l->on_event, l->arg) ? length : 0;
}

/* True once the transfer has ended. */
static bool take_end(CURLM *multi, CURLcode *ret_code)
{
    int left;

    for (CURLMsg *m; (m = curl_multi_info_read(multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE) {
            *ret_code = m->data.result;
            return true;
        }
    return false;
}

/* Until it has ended, or is to end: then *ret_code is CURLE_OK too. */
static CURLMcode run(CURLM *multi, int stop_fd, CURLcode *ret_code)
{
    struct curl_waitfd stop = {.fd = stop_fd, .events = CURL_WAIT_POLLIN};
    int running;
    CURLMcode code;

    *ret_code = CURLE_OK;
    do {
        if ((code = curl_multi_perform(multi, &running)) != CURLM_OK || take_end(multi, ret_code))
            return code;
        code = curl_multi_poll(multi, &stop, stop_fd >= 0, POLL_MS, NULL);
    } while (code == CURLM_OK && stop.revents == 0);
    return code;
}

static enum heapd_result listen_on(struct heapd *h, CURLM *multi, struct listening *l, int stop_fd, struct heapd_problem *p)
{
    CURLcode code = CURLE_OK;
    CURLMcode how = curl_multi_add_handle(multi, l->easy);

    if (how == CURLM_OK) {
        how = run(multi, stop_fd, &code);
        curl_multi_remove_handle(multi, l->easy);
    }
    if (how != CURLM_OK || l->line.failed || l->problem.failed)
        return problem_no_memory(p);
    if (code != CURLE_OK)
        return transport_failed(h, code, p);
    if (transport_status(l->easy) >= 400)
        return problem_of_answer(p, (int)transport_status(l->easy), text_string(&l->problem), l->problem.length);
    return HEAPD_OK;
}

static enum heapd_result listen_with(struct heapd *h, const char *path, struct listening *l, int stop_fd, struct heapd_problem *p)
{
    struct curl_slist *headers;
    CURLM *multi;
    enum heapd_result r;

    if ((r = transport_prepare(h, l->easy, path, p)) != HEAPD_OK)
        return r;
    headers = transport_headers_for(h, WIRE_TYPE_NDJSON);
    multi = curl_multi_init();
    if (headers != NULL && multi != NULL) {
        curl_easy_setopt(l->easy, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(l->easy, CURLOPT_WRITEFUNCTION, on_bytes);
        curl_easy_setopt(l->easy, CURLOPT_WRITEDATA, l);
        r = listen_on(h, multi, l, stop_fd, p);
    } else {
        r = problem_no_memory(p);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    return r;
}

enum heapd_result heapd_listen(struct heapd *h, const char *query, heapd_event_fn *on_event, void *arg, int stop_fd,
                               struct heapd_problem *p)
{
    struct listening l = {.easy = curl_easy_init(), .on_event = on_event, .arg = arg};
    struct text path = {0};
    enum heapd_result r;

    text_printf(&path, "/v1/events%s", query);
    r = l.easy == NULL || path.failed ? problem_no_memory(p) : listen_with(h, text_string(&path), &l, stop_fd, p);
    curl_easy_cleanup(l.easy);
    text_fini(&path);
    text_fini(&l.line);
    text_fini(&l.problem);
    return r;
}
