/*
 * backup.c - heapctl backup and restore: a copy of the store out of a running heapd, and into a directory that one can start on.
 *
 * Restoring is work on a store, which heapd does (`heapd --restore`); heapctl finds it: beside itself, where a build has it, else
 * by PATH.
 */
#include "client/cli/args.h"
#include "client/cli/download.h"
#include "client/cli/say.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- backup ---- */

static int run_backup(struct cli *cli, struct args *args)
{
    const char *wrong = args_take_flags(args, NULL, 0), *file = args_shift(args);
    uint64_t bytes;
    int code;

    if (wrong != NULL || file == NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "it takes the name of a file");
    code = download_to_file(cli, "/v1/backup", file, "backing up", &bytes);
    if (code == CLI_OK)
        printf("%s: %" PRIu64 " bytes\n", file, bytes);
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
