/*
 * fetch.c - see fetch.h.
 */
#include "client/cli/fetch.h"
#include "api/wire.h"
#include "client/cli/json_text.h"
#include "client/cli/say.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int call_new(struct cli *cli, const char *method, const char *path, json_t *body_new,
                    struct heapd_reply *ret_reply)
{
    struct text body = {0};
    struct heapd_problem p;
    enum heapd_result r;

    if (body_new != NULL)
        json_text_value(&body, body_new);
    json_decref(body_new);
    if (body.failed)
        return say_no_memory(cli);
    r = heapd_call(cli->heapd, method, path,
                   body.length > 0 ? &(struct heapd_body){.data = body.data, .length = body.length} : NULL,
                   ret_reply, &p);
    text_fini(&body);
    return r == HEAPD_OK ? CLI_OK : say_problem(cli, &p);
}

static int decode(const struct cli *cli, const char *path, const struct heapd_reply *reply,
                  json_t **ret_answer)
{
    json_error_t error;
    json_t *answer = json_loadb(reply->body, reply->length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);

    if (answer == NULL)
        return say_failed(cli, "the answer to %s is not JSON (%s): is that heapd?", path, error.text);
    *ret_answer = answer;
    return CLI_OK;
}

int fetch_json_new(struct cli *cli, const char *method, const char *path, json_t *body_new,
                   json_t **ret_answer)
{
    struct heapd_reply reply;
    int code = call_new(cli, method, path, body_new, &reply);

    if (code != CLI_OK)
        return code;
    code = decode(cli, path, &reply, ret_answer);
    heapd_reply_fini(&reply);
    return code;
}

int fetch_and_show_new(struct cli *cli, const char *method, const char *path, json_t *body_new,
                       fetch_show_fn *show)
{
    struct heapd_reply reply;
    json_t *answer = NULL;
    int code = call_new(cli, method, path, body_new, &reply);

    if (code != CLI_OK)
        return code;
    if (cli->json) {
        fwrite(reply.body, 1, reply.length, stdout);
        if (reply.length > 0 && reply.body[reply.length - 1] != '\n')
            putchar('\n');
    } else if ((code = decode(cli, path, &reply, &answer)) == CLI_OK) {
        code = show(cli, answer);
        json_decref(answer);
    }
    heapd_reply_fini(&reply);
    return code;
}

/* The path of the page at `cursor`, which is a string or a number; NULL for the first. */
static char *page_path(const char *path, json_t *cursor)
{
    struct text prefix = {0}, text = {0};
    char *whole;

    text_printf(&prefix, "%s%climit=%d", path, strchr(path, '?') != NULL ? '&' : '?', WIRE_PAGE_MAX);
    if (cursor == NULL)
        return prefix.data;
    text_add_string(&prefix, "&cursor=");
    if (json_is_string(cursor))
        text_add_string(&text, json_string_value(cursor));
    else
        json_text_value(&text, cursor);
    whole = prefix.failed || text.failed ? NULL : heapd_path(prefix.data, text_string(&text));
    text_fini(&prefix);
    text_fini(&text);
    return whole;
}

static int each_item(json_t *page, fetch_item_fn *each, void *arg)
{
    json_t *items = json_object_get(page, "items");
    int code = CLI_OK;

    for (size_t i = 0; i < json_array_size(items) && code == CLI_OK; i++)
        code = each(arg, json_array_get(items, i));
    return code;
}

int fetch_pages(struct cli *cli, const char *path, fetch_item_fn *each, void *arg)
{
    json_t *page = NULL, *next;
    int code = CLI_OK;

    do {
        char *at = page_path(path, json_object_get(page, "next"));

        if (at == NULL) {
            json_decref(page);
            return say_no_memory(cli);
        }
        code = fetch_json_new(cli, "GET", at, NULL, &next);
        free(at);
        json_decref(page);
        page = code == CLI_OK ? next : NULL;
        if (code == CLI_OK)
            code = each_item(page, each, arg);
    } while (code == CLI_OK && json_object_get(page, "next") != NULL &&
             !json_is_null(json_object_get(page, "next")));
    json_decref(page);
    return code;
}

static int append_item(void *arg, json_t *item)
{
    return json_array_append(arg, item) == 0 ? CLI_OK : CLI_FAILED;
}

int fetch_all(struct cli *cli, const char *path, json_t **ret_answer)
{
    json_t *items = json_array();
    int code = fetch_pages(cli, path, append_item, items);

    if (code == CLI_OK)
        *ret_answer = json_pack("{s:O,s:n}", "items", items, "next");
    json_decref(items);
    return code;
}

/* --- ops as one --- */

static enum heapd_result run_ops(struct cli *cli, const char *lines, size_t length, struct heapd_problem *p)
{
    struct heapd_batch *batch;
    enum heapd_result r = heapd_batch_open(cli->heapd, HEAPD_BATCH_ATOMIC | HEAPD_BATCH_SUMMARY, NULL, NULL, &batch, p);

    if (r != HEAPD_OK)
        return r;
    (void)heapd_batch_put(batch, lines, length); /* its failure is told by the end */
    return heapd_batch_end(&batch, NULL, p);
}

static int do_ops_new(struct cli *cli, json_t *ops_new)
{
    struct text lines = {0};
    struct heapd_problem p;
    int code = CLI_OK;

    for (size_t i = 0; i < json_array_size(ops_new); i++) {
        json_text_value(&lines, json_array_get(ops_new, i));
        text_add_byte(&lines, '\n');
    }
    json_decref(ops_new);
    if (lines.failed)
        code = say_no_memory(cli);
    else if (run_ops(cli, lines.data, lines.length, &p) != HEAPD_OK)
        code = say_problem(cli, &p);
    text_fini(&lines);
    return code;
}

int fetch_change_new(struct cli *cli, uint64_t id, json_t *ops_new, fetch_show_fn *show)
{
    int code = do_ops_new(cli, ops_new);

    return code == CLI_OK ? fetch_and_show_new(cli, "GET", fetch_object_path(id, ""), NULL, show) : code;
}

int fetch_print(const struct cli *cli, json_t *answer)
{
    struct text out = {0};

    json_text_value(&out, answer);
    text_add_byte(&out, '\n');
    if (!out.failed)
        fwrite(out.data, 1, out.length, stdout);
    else
        (void)say_no_memory(cli);
    text_fini(&out);
    return CLI_OK;
}

const char *fetch_object_path(uint64_t id, const char *rest)
{
    static char path[128];

    (void)snprintf(path, sizeof path, "/v1/objects/%" PRIu64 "%s", id, rest);
    return path;
}
