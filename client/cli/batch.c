/*
 * batch.c - heapctl batch: ops from a file or stdin to the daemon, its answers to stdout.
 *
 * Bytes are passed on as they come and answers as they arrive, so that a script can hold a conversation
 * through two pipes. Nothing is parsed here.
 */
#include "client/cli/args.h"
#include "client/cli/say.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10 };

static void print_answer(void *arg, const char *line, size_t length)
{
    (void)arg;
    fwrite(line, 1, length, stdout);
    putchar('\n');
    fflush(stdout);
}

/* Pass on all of fd, until it ends or the batch has. */
static int pass_on(const struct cli *cli, struct heapd_batch *batch, int fd)
{
    static char bytes[READ_BYTES];

    while (heapd_batch_wait(batch, fd) == HEAPD_OK) {
        ssize_t n = read(fd, bytes, sizeof bytes);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return say_failed(cli, "cannot read the ops: %s", strerror(errno));
        if (n == 0 || heapd_batch_put(batch, bytes, (size_t)n) != HEAPD_OK)
            break;
    }
    return CLI_OK;
}

static int stream(struct cli *cli, int fd, int flags)
{
    struct heapd_batch *batch;
    struct heapd_problem p;

    if (heapd_batch_open(cli->heapd, flags, print_answer, NULL, &batch, &p) != HEAPD_OK)
        return say_problem(cli, &p);
    if (pass_on(cli, batch, fd) != CLI_OK) {
        heapd_batch_abandon(&batch);
        return CLI_FAILED;
    }
    if (heapd_batch_end(&batch, NULL, &p) != HEAPD_OK)
        return say_problem(cli, &p);
    return CLI_OK;
}

static int run(struct cli *cli, struct args *args)
{
    bool summary = false, atomic = false;
    const struct flag flags[] = {{"summary", &summary, NULL}, {"atomic", &atomic, NULL}};
    const char *wrong = args_take_flags(args, flags, 2);
    const char *file = args_shift(args);
    int fd = STDIN_FILENO;
    int code;

    if (wrong != NULL || args->count > 0)
        return say_usage(cli, "%s", wrong != NULL ? wrong : "too many words");
    if (file != NULL && strcmp(file, "-") != 0 && (fd = open(file, O_RDONLY | O_CLOEXEC)) < 0)
        return say_failed(cli, "cannot open %s: %s", file, strerror(errno));
    code = stream(cli, fd, (summary ? HEAPD_BATCH_SUMMARY : 0) | (atomic ? HEAPD_BATCH_ATOMIC : 0));
    if (fd != STDIN_FILENO)
        close(fd);
    return code;
}

const struct verb verb_batch = {
    .name = "batch",
    .usage = "[FILE|-] [--summary] [--atomic]",
    .about = "send ops, one JSON array a line, and print the answers",
    .help = "  [\"new\",\"Node\",{\"val\":1}]\n"
            "  [\"set\",\"@0\",\"self\",{\"$ref\":\"@0\"}]\n"
            "  [\"root\",\"cache\",\"@0\"]\n"
            "\"@N\" is the object that op N made, counted from 0. The first op that fails ends the batch.\n"
            "--summary prints only the last line. With --atomic (at most 10,000 ops and 1 MiB) all are done at once,\n"
            "or, if one fails, none is.\n",
    .run = run,
};
