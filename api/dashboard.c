/*
 * dashboard.c - see dashboard.h. Each file is there twice, as it is and gzipped, and each of these has an ETag of its own, for a
 * strong one is of bytes (RFC 9110, 8.8.3.3).
 */
#include "api/dashboard.h"
#include "api/accept.h"
#include "api/handlers.h"
#include "api/task.h"
#include "heap/base/check.h"
#include <sodium.h>

#define TYPE_HTML "text/html; charset=utf-8"
#define TYPE_CSS  "text/css; charset=utf-8"
#define TYPE_JS   "text/javascript; charset=utf-8"

/* The files: what deploy/embed.py calls it, its name below /assets/, its type. The page is the first. */
#define FILES(X)                                                                                             \
    X(dashboard_html, "dashboard.html", TYPE_HTML)                                                           \
    X(dashboard_css, "dashboard.css", TYPE_CSS)                                                              \
    X(chart_js, "chart.js", TYPE_JS)                                                                         \
    X(ask_js, "ask.js", TYPE_JS)                                                                             \
    X(collector_js, "collector.js", TYPE_JS)                                                                 \
    X(curl_js, "curl.js", TYPE_JS)                                                                           \
    X(cut_js, "cut.js", TYPE_JS)                                                                             \
    X(dom_js, "dom.js", TYPE_JS)                                                                             \
    X(format_js, "format.js", TYPE_JS)                                                                       \
    X(hash_js, "hash.js", TYPE_JS)                                                                           \
    X(inspector_js, "inspector.js", TYPE_JS)                                                                 \
    X(main_js, "main.js", TYPE_JS)                                                                           \
    X(metrics_js, "metrics.js", TYPE_JS)                                                                     \
    X(now_js, "now.js", TYPE_JS)                                                                             \
    X(over_time_js, "over_time.js", TYPE_JS)                                                                 \
    X(pools_js, "pools.js", TYPE_JS)                                                                         \
    X(samples_js, "samples.js", TYPE_JS)                                                                     \
    X(series_js, "series.js", TYPE_JS)                                                                       \
    X(snapshots_js, "snapshots.js", TYPE_JS)                                                                 \
    X(spark_js, "spark.js", TYPE_JS)                                                                         \
    X(stream_js, "stream.js", TYPE_JS)                                                                       \
    X(suspects_js, "suspects.js", TYPE_JS)                                                                   \
    X(tallies_js, "tallies.js", TYPE_JS)                                                                     \
    X(ticker_js, "ticker.js", TYPE_JS)                                                                       \
    X(why_picture_js, "why_picture.js", TYPE_JS)                                                             \
    X(wire_js, "wire.js", TYPE_JS)

#define DECLARE(symbol, name, type)                                                                          \
    extern const unsigned char asset_##symbol[], asset_##symbol##_gz[];                                      \
    extern const size_t asset_##symbol##_len, asset_##symbol##_gz_len;
FILES(DECLARE)

enum form { PLAIN, GZIPPED };

static const struct file {
    const char *name, *type;
    const unsigned char *data[2]; /* by enum form */
    const size_t *len[2];
} files[] = {
#define ROW(symbol, name, type)                                                                              \
    {name, type, {asset_##symbol, asset_##symbol##_gz}, {&asset_##symbol##_len, &asset_##symbol##_gz_len}},
    FILES(ROW)
};

_Static_assert(ARRAY_LEN(files) <= DASHBOARD_FILES_MAX, "there is a tag for each file");

/* Only what is ours is loaded and asked, nothing is made of text that might come from the heap, and nobody frames us. */
#define GUARD                                                                                                \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "                      \
    "require-trusted-types-for 'script'; trusted-types 'none'\r\n"                                           \
    "Referrer-Policy: no-referrer\r\n"                                                                       \
    "Cross-Origin-Opener-Policy: same-origin\r\n"                                                            \
    "Cross-Origin-Resource-Policy: same-origin\r\n"
#define VARY "Vary: Accept, Accept-Encoding\r\n"
#define KEEP "Cache-Control: no-cache\r\n" /* kept, and asked for again each time: mostly a 304 */

static const char *const headers_of[] = {
    [PLAIN] = GUARD VARY KEEP,
    [GZIPPED] = GUARD VARY KEEP "Content-Encoding: gzip\r\n",
};

static uint64_t tag_of(struct api *api, size_t file, enum form form)
{
    uint64_t *tag = &api->dashboard.tags[file][form];
    unsigned char hash[crypto_generichash_BYTES_MIN];

    if (*tag == 0) {
        CHECK(crypto_generichash(hash, sizeof hash, files[file].data[form], *files[file].len[form], NULL, 0) == 0);
        memcpy(tag, hash, sizeof *tag);
    }
    return *tag;
}

static void write_file(struct task *t, size_t file, enum form form, int status)
{
    struct out *o = reply_json(t, status);

    t->reply.content_type = files[file].type;
    t->reply.more_headers = headers_of[form];
    buf_add_slice(o->buf, (struct slice){(const char *)files[file].data[form], *files[file].len[form]});
}

static enum form choose_form(const struct task *t)
{
    return accept_takes_coding(t->headers.accept_encoding, "gzip") ? GZIPPED : PLAIN;
}

static enum err reply_file(struct api *api, struct task *t, size_t file, struct why *why)
{
    enum form form = choose_form(t);

    t->reply.has_etag = true;
    t->reply.etag = tag_of(api, file, form);
    if (t->headers.if_none_match.data != NULL && etag_listed(t->headers.if_none_match, t->reply.etag, true)) {
        t->reply.more_headers = headers_of[form];
        return reply_empty(t, 304);
    }
    write_file(t, file, form, 200);
    return reply_end(t, why);
}

/* ---- the page ---- */

/* For those who look with curl and take no HTML. */
static enum err reply_text(struct task *t, struct why *why)
{
    struct out *o = reply_json(t, 200);

    t->reply.content_type = "text/plain; charset=utf-8";
    t->reply.more_headers = VARY;
    buf_add_text(o->buf, "heapd: a shared object heap. Objects live while something holds them.\n"
                         "\n"
                         "  /               the same as a page, for a browser\n"
                         "  /openapi.json   every call\n"
                         "  /v1/heap        what there is\n"
                         "  /v1/gc          the collector, and how to tune it\n"
                         "  /v1/config      every limit\n"
                         "  /metrics        for Prometheus\n"
                         "  /readyz         for whoever starts and stops it\n"
                         "\n"
                         "Begin with:\n"
                         "  curl -d '{\"class\": \"Node\", \"fields\": {\"val\": 1}}' http://HOST:PORT/v1/objects\n");
    return reply_end(t, why);
}

/* GET /  ->  200, the page; or, where Accept takes no HTML, a text */
enum err get_dashboard(struct api *api, struct task *t, struct why *why)
{
    if (t->headers.accept.data == NULL || accept_takes(t->headers.accept, "text/html"))
        return reply_file(api, t, 0, why);
    return reply_text(t, why);
}

/* GET /assets/{name}  ->  200, a file of the page; 304 */
enum err get_asset(struct api *api, struct task *t, struct why *why)
{
    for (size_t i = 1; i < ARRAY_LEN(files); i++) {
        if (slice_is(t->params[0], files[i].name))
            return reply_file(api, t, i, why);
    }
    return why_set(why, ERR_NO_NAME, "the page has no file \"%.*s\"", (int)t->params[0].len, t->params[0].data);
}

/* ---- without a token ---- */

bool dashboard_may_ask(const struct task *t, const struct why *why)
{
    return why->err == ERR_UNAUTHORIZED && t->route != NULL && t->route->handle == get_dashboard &&
           t->headers.accept.data != NULL && accept_names(t->headers.accept, "text/html");
}

void dashboard_ask(struct task *t, const struct why *why)
{
    reply_problem(t, why); /* its status, and how to say who asks */
    write_file(t, 0, PLAIN, t->reply.status);
    if (t->reply.body.failed)
        reply_problem(t, why);
}
