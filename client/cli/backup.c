/*
 * backup.c - heapctl backup and restore: a copy of the store out of a running heapd, and into a directory that one can start on.
 *
 * The copy is written as FILE.part, which gets its name when all of it is on disk: what is called FILE is whole. Restoring is
 * work on a store, which heapd does (`heapd --restore`); heapctl finds it: beside itself, where a build has it, else by PATH.
 */
#include "client/cli/args.h"
#include "client/cli/cli.h"
#include "client/cli/progress.h"
#include "client/cli/say.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- backup ---- */

struct download {
    struct cli *cli;
    const char *path;
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
        progress_begin(&d->progress, d->cli, "backing up", total);
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
    enum heapd_result r = heapd_download(d->cli->heapd, "/v1/backup", write_part, d, &p);

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
    code = fchmod(d->fd, 0600) == 0 ? download(d) : say_file_failed(d, errno); /* if it was there: session tokens are in it */
    if (code == CLI_OK && fsync(d->fd) != 0)
        code = say_file_failed(d, errno);
    if (close(d->fd) != 0 && code == CLI_OK)
        code = say_file_failed(d, errno);
    if (code == CLI_OK && rename(text_string(&d->part), d->path) != 0)
        code = say_failed(d->cli, "cannot name it %s: %s", d->path, strerror(errno));
    if (code != CLI_OK)
        (void)unlink(text_string(&d->part));
    return code;
}

static int run_backup(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    struct download d = {.cli = cli, .path = args_shift(args)};
    int code;

    if (wrong != NULL || d.path == NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "it takes the name of a file");
    text_printf(&d.part, "%s.part", d.path);
    code = d.part.failed ? say_no_memory(cli) : download_file(&d);
    if (code == CLI_OK)
        printf("%s: %" PRIu64 " bytes\n", d.path, d.bytes);
    text_fini(&d.part);
    return code;
}

const struct verb verb_backup = {
    .name = "backup",
    .usage = "FILE",
    .about = "a consistent copy of the store of a running heapd",
    .help = "With all that was answered before it began, while others read and write. Needs an admin's token, for the\n"
            "tokens of sessions are in it (FILE gets mode 0600). While it is written it is called FILE.part.\n"
            "`heapctl restore` makes a store of it again; `sqlite3 FILE` can look into it (deploy/SCHEMA.md).\n",
    .run = run_backup,
};

/* ---- restore ---- */

/* Try a heapd that lies where heapctl does, or, as in a build, in the folder next to it. Returns if there is none. */
static void exec_beside(const char *name, const char *file, const char *dir)
{
    struct text path = {0};
    char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    char *slash;

    if (len <= 0)
        return;
    self[len] = '\0';
    if ((slash = strrchr(self, '/')) == NULL)
        return;
    *slash = '\0';
    text_printf(&path, "%s/%s", self, name);
    if (!path.failed)
        (void)execl(text_string(&path), "heapd", "--restore", file, "--", dir, (char *)NULL);
    text_fini(&path);
}

static int run_restore(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0);
    const char *file = args_shift(args), *dir = args_shift(args);

    if (wrong != NULL || dir == NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "it takes the name of a backup and that of a directory");
    exec_beside("heapd", file, dir);
    exec_beside("../daemon/heapd", file, dir);
    (void)execlp("heapd", "heapd", "--restore", file, "--", dir, (char *)NULL);
    return say_failed(cli, "cannot run heapd, which does the work: %s: is it in PATH?", strerror(errno));
}

const struct verb verb_restore = {
    .name = "restore",
    .usage = "FILE DIR",
    .about = "make a store of a backup, for heapd --data DIR",
    .help = "DIR is new or empty, and no heapd needs to run; run it as the user that heapd runs as. The backup is looked\n"
            "through before it is put there. What starts on it has the ids of the backup under a new Heapd-Instance, for\n"
            "the old life of them may have gone on. The same as `heapd --restore FILE DIR`.\n",
    .run = run_restore,
};
