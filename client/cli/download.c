/* download.c - see download.h. */
#include "client/cli/download.h"
#include "client/cli/progress.h"
#include "client/cli/say.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct download {
    struct cli *cli;
    const char *path;   /* of the daemon */
    const char *file;
    const char *what;
    struct text part;   /* its name */
    int fd;
    int error;          /* of the file; 0: none */
    uint64_t bytes;
    struct progress progress;
};

static bool write_part(void *arg, const void *data, size_t length, uint64_t total)
{
    struct download *d = arg;
    const char *at = data;

    if (d->bytes == 0)
        progress_begin(&d->progress, d->cli, d->what, total);
    d->bytes += length;
    while (length > 0) {
        ssize_t n = write(d->fd, at, length);

        if (n < 0 && errno != EINTR) {
            d->error = errno;
            return false;
        }
        if (n > 0) {
            at += n;
            length -= (size_t)n;
        }
    }
    progress_at(&d->progress, d->bytes);
    return true;
}

static int say_file_failed(const struct download *d, int error)
{
    return say_failed(d->cli, "cannot write %s: %s", text_string(&d->part), strerror(error));
}

static int download(struct download *d)
{
    struct heapd_problem p;
    enum heapd_result r = heapd_download(d->cli->heapd, d->path, write_part, d, &p);

    progress_end(&d->progress);
    if (d->error != 0)
        return say_file_failed(d, d->error);
    return r == HEAPD_OK ? CLI_OK : say_problem(d->cli, &p);
}

static int download_file(struct download *d)
{
    int code;

    d->fd = open(text_string(&d->part), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (d->fd < 0)
        return say_file_failed(d, errno);
    code = fchmod(d->fd, 0600) == 0 ? download(d) : say_file_failed(d, errno); /* if it was there: it is nobody else's to read */
    if (code == CLI_OK && fsync(d->fd) != 0)
        code = say_file_failed(d, errno);
    if (close(d->fd) != 0 && code == CLI_OK)
        code = say_file_failed(d, errno);
    if (code == CLI_OK && rename(text_string(&d->part), d->file) != 0)
        code = say_failed(d->cli, "cannot name it %s: %s", d->file, strerror(errno));
    if (code != CLI_OK)
        (void)unlink(text_string(&d->part));
    return code;
}

int download_to_file(struct cli *cli, const char *path, const char *file, const char *what, uint64_t *ret_bytes)
{
    struct download d = {.cli = cli, .path = path, .file = file, .what = what};
    int code;

    text_printf(&d.part, "%s.part", file);
    code = d.part.failed ? say_no_memory(cli) : download_file(&d);
    text_fini(&d.part);
    *ret_bytes = d.bytes;
    return code;
}
