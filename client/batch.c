/*
 * batch.c - POST /v1/batch as a stream: ops are put in at one end, answers fall out at the other.
 *
 *     put --> waiting (bounded) --> curl --> heapd --> line (cut at newlines) --> on_answer
 *
 * curl runs only inside put, wait and end. When nothing waits its read callback pauses the upload, and put
 * resumes it. Answers are always taken while ops are sent, so neither side can block the other for good.
 * The batch is over when the summary has come, or the transfer has ended, whichever is first: after a failed
 * op the daemon may close a connection on which we are still writing, and that is no error of ours.
 */
#include "api/wire.h"
#include "client/codec.h"
#include "client/text.h"
#include "client/transport.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
    WAITING_BYTES_MAX = 256 << 10, /* put blocks above this */
    WAITING_BYTES_LOW = 64 << 10,  /* until it is below this */
    UPLOAD_CHUNK_BYTES = 128 << 10,
    POLL_MS = 1000,
};

struct heapd_batch {
    struct heapd *h;
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    heapd_answer_fn *on_answer;
    void *arg;
    struct text waiting; /* put, not yet taken by curl: from taken_bytes on */
    size_t taken_bytes;
    struct text line; /* of the answer, as far as it has come */
    struct text body; /* of an answer that is no batch answer: a problem */
    struct batch_summary summary;
    struct heapd_problem problem; /* of the op that failed, if `failed` */
    CURLcode code;                /* of the transfer, once `over` */
    bool paused;                  /* curl waits for more to send */
    bool ended;                   /* nothing more will be put */
    bool summed_up;               /* the summary has come */
    bool failed;                  /* a problem line has come */
    bool over;                    /* the transfer has ended */
};

/* --- what curl calls --- */

static size_t waiting_bytes(const struct heapd_batch *b)
{
    return b->waiting.length - b->taken_bytes;
}

static size_t on_send(char *to, size_t one, size_t room, void *arg)
{
    struct heapd_batch *b = arg;
    size_t n = waiting_bytes(b) < room ? waiting_bytes(b) : room;

    (void)one; /* always 1 */
    if (b->summed_up)
        return 0; /* the rest is of no use */
    if (n == 0 && !b->ended) {
        b->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    if (n > 0)
        memcpy(to, b->waiting.data + b->taken_bytes, n);
    b->taken_bytes += n;
    if (b->taken_bytes == b->waiting.length) {
        text_clear(&b->waiting);
        b->taken_bytes = 0;
    }
    return n;
}

static void take_line(void *arg, const char *line, size_t length)
{
    struct heapd_batch *b = arg;

    switch (batch_line_read(line, length, &b->summary, &b->problem)) {
    case BATCH_LINE_PROBLEM:
        b->failed = true;
        break;
    case BATCH_LINE_SUMMARY:
        b->summed_up = true;
        break;
    case BATCH_LINE_ANSWER:
        break;
    }
    if (b->on_answer != NULL)
        b->on_answer(b->arg, line, length);
}

static bool is_refused(const struct heapd_batch *b)
{
    long status = 0;

    curl_easy_getinfo(b->easy, CURLINFO_RESPONSE_CODE, &status);
    return status >= 400;
}

static size_t on_answer_bytes(char *data, size_t one, size_t length, void *arg)
{
    struct heapd_batch *b = arg;

    (void)one;
    if (is_refused(b)) {
        text_add(&b->body, data, length);
        return b->body.failed ? 0 : length;
    }
    return text_lines(&b->line, data, length, take_line, b) ? length : 0;
}

/* --- running it --- */

static void note_end(struct heapd_batch *b)
{
    int left;

    for (CURLMsg *m; (m = curl_multi_info_read(b->multi, &left)) != NULL;)
        if (m->msg == CURLMSG_DONE) {
            b->over = true;
            b->code = m->data.result;
        }
}

/* Do what can be done now without waiting. */
static void run(struct heapd_batch *b)
{
    int running;

    if (b->paused && (waiting_bytes(b) > 0 || b->ended || b->summed_up)) {
        b->paused = false;
        curl_easy_pause(b->easy, CURLPAUSE_CONT);
    }
    if (curl_multi_perform(b->multi, &running) != CURLM_OK) {
        b->over = true;
        b->code = CURLE_OUT_OF_MEMORY;
    }
    note_end(b);
}

static bool is_finished(const struct heapd_batch *b)
{
    return b->over || b->summed_up;
}

/* HEAPD_BROKEN only says "it has ended": the reason is told by heapd_batch_end(). */
static enum heapd_result how_it_stands(const struct heapd_batch *b)
{
    return is_finished(b) ? HEAPD_BROKEN : HEAPD_OK;
}

enum heapd_result heapd_batch_put(struct heapd_batch *b, const void *data, size_t length)
{
    size_t low = WAITING_BYTES_MAX;

    if (is_finished(b))
        return HEAPD_BROKEN;
    if (b->taken_bytes > 0 && b->taken_bytes >= waiting_bytes(b)) {
        text_consume(&b->waiting, b->taken_bytes);
        b->taken_bytes = 0;
    }
    text_add(&b->waiting, data, length);
    if (b->waiting.failed)
        return HEAPD_NOMEM;
    while (!is_finished(b) && waiting_bytes(b) > low) {
        low = WAITING_BYTES_LOW;
        run(b);
        if (!is_finished(b) && waiting_bytes(b) > low)
            curl_multi_poll(b->multi, NULL, 0, POLL_MS, NULL);
    }
    return how_it_stands(b);
}

enum heapd_result heapd_batch_wait(struct heapd_batch *b, int fd)
{
    struct curl_waitfd input = {.fd = fd, .events = CURL_WAIT_POLLIN};

    while (!is_finished(b) && input.revents == 0) {
        run(b);
        if (!is_finished(b))
            curl_multi_poll(b->multi, &input, 1, POLL_MS, NULL);
    }
    return how_it_stands(b);
}

/* --- beginning and end --- */

static enum heapd_result prepare(struct heapd_batch *b, int flags, struct heapd_problem *p)
{
    static const char *const paths[] = {
        [0] = "/v1/batch",
        [HEAPD_BATCH_SUMMARY] = "/v1/batch?reply=summary",
        [HEAPD_BATCH_ATOMIC] = "/v1/batch?atomic=true",
        [HEAPD_BATCH_ATOMIC | HEAPD_BATCH_SUMMARY] = "/v1/batch?atomic=true&reply=summary",
    };
    const char *path = paths[flags & (HEAPD_BATCH_ATOMIC | HEAPD_BATCH_SUMMARY)];
    enum heapd_result r;

    b->multi = curl_multi_init();
    b->easy = curl_easy_init();
    b->headers = transport_headers(b->h, WIRE_TYPE_NDJSON);
    if (b->multi == NULL || b->easy == NULL || b->headers == NULL)
        return problem_no_memory(p);
    r = transport_prepare(b->h, b->easy, path, p);
    if (r != HEAPD_OK)
        return r;
    curl_easy_setopt(b->easy, CURLOPT_HTTPHEADER, b->headers);
    curl_easy_setopt(b->easy, CURLOPT_POST, 1L); /* of unknown length: chunked */
    curl_easy_setopt(b->easy, CURLOPT_READFUNCTION, on_send);
    curl_easy_setopt(b->easy, CURLOPT_READDATA, b);
    curl_easy_setopt(b->easy, CURLOPT_WRITEFUNCTION, on_answer_bytes);
    curl_easy_setopt(b->easy, CURLOPT_WRITEDATA, b);
    curl_easy_setopt(b->easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_CHUNK_BYTES);
    return curl_multi_add_handle(b->multi, b->easy) == CURLM_OK ? HEAPD_OK : problem_no_memory(p);
}

enum heapd_result heapd_batch_open(struct heapd *h, int flags, heapd_answer_fn *on_answer, void *arg,
                                   struct heapd_batch **ret_b, struct heapd_problem *p)
{
    struct heapd_batch *b = calloc(1, sizeof *b);
    enum heapd_result r;

    if (b == NULL)
        return problem_no_memory(p);
    *b = (struct heapd_batch){.h = h, .on_answer = on_answer, .arg = arg};
    r = prepare(b, flags, p);
    if (r != HEAPD_OK) {
        heapd_batch_abandon(&b);
        return r;
    }
    *ret_b = b;
    return HEAPD_OK;
}

void heapd_batch_abandon(struct heapd_batch **b)
{
    if (*b == NULL)
        return;
    if ((*b)->multi != NULL && (*b)->easy != NULL)
        curl_multi_remove_handle((*b)->multi, (*b)->easy);
    curl_easy_cleanup((*b)->easy);
    curl_multi_cleanup((*b)->multi);
    curl_slist_free_all((*b)->headers);
    text_fini(&(*b)->waiting);
    text_fini(&(*b)->line);
    text_fini(&(*b)->body);
    free(*b);
    *b = NULL;
}

static enum heapd_result judge(struct heapd_batch *b, struct heapd_problem *p)
{
    if (b->waiting.failed || b->line.failed || b->body.failed)
        return problem_no_memory(p);
    if (b->failed) {
        if (p != NULL)
            *p = b->problem;
        return HEAPD_REFUSED;
    }
    if (b->summed_up && b->summary.failed == 0)
        return HEAPD_OK;
    if (b->summed_up) { /* of HEAPD_BATCH_SUMMARY: the line with the problem was not sent */
        problem_set(p, HEAPD_REFUSED, "An op of the batch failed", "Without the summary flag heapd says why.",
                    "%" PRIu64 " ops were done", b->summary.done);
        if (p != NULL)
            p->line = (long)b->summary.done;
        return HEAPD_REFUSED;
    }
    if (is_refused(b)) {
        long status = 0;

        curl_easy_getinfo(b->easy, CURLINFO_RESPONSE_CODE, &status);
        return problem_of_answer(p, (int)status, text_string(&b->body), b->body.length);
    }
    if (b->over && b->code != CURLE_OK)
        return transport_failed(b->h, b->code, p);
    return problem_set(p, HEAPD_BROKEN, "The batch was cut short",
                       "Look at heapd's log; ops already read were done.",
                       "the answer ended without a summary");
}

enum heapd_result heapd_batch_end(struct heapd_batch **b, uint64_t *ret_done, struct heapd_problem *p)
{
    enum heapd_result r;

    (*b)->ended = true;
    while (!(*b)->over) {
        run(*b);
        if (!(*b)->over)
            curl_multi_poll((*b)->multi, NULL, 0, POLL_MS, NULL);
    }
    if ((*b)->line.length > 0)
        take_line(*b, (*b)->line.data, (*b)->line.length); /* the last, without a newline */
    r = judge(*b, p);
    if (ret_done != NULL)
        *ret_done = (*b)->summary.done;
    heapd_batch_abandon(b);
    return r;
}
