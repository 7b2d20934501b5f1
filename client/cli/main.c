/*
 * main.c - heapctl: the flags every verb has, the table of verbs, and how one is run.
 */
#include "api/wire.h"
#include "client/cli/args.h"
#include "client/cli/cli.h"
#include "client/cli/say.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb *const verbs[] = {
    &verb_new, &verb_get,     &verb_set,     &verb_unset, &verb_drop,   &verb_hold,   &verb_root,
    &verb_gc,  &verb_collect, &verb_classes, &verb_sites, &verb_suspects, &verb_pools, &verb_import, &verb_export, &verb_batch,
    &verb_backup, &verb_restore, &verb_why, &verb_retained, &verb_snapshot, &verb_events, &verb_load, &verb_report,
};

enum { VERB_COUNT = sizeof verbs / sizeof verbs[0] };

static const char flags_help[] =
    "Flags of every verb:\n"
    "  --url URL        where heapd listens: http://HOST:PORT or unix:PATH\n"
    "                   (HEAPD_URL; default " WIRE_DEFAULT_URL ")\n"
    "  --session TOKEN  act in this session (HEAPD_SESSION; else the default session)\n"
    "  --json           print the JSON of the answer, for scripts\n"
    "  --help           this, or the help of a verb\n"
    "  --version        the version of heapctl\n"
    "\n"
    "HEAPD_TOKEN is sent as a bearer token. NO_COLOR turns colours off.\n"
    "Exit status: 0 done, 1 heapd refused or the work failed, 2 wrong usage.\n";

static int help(void)
{
    puts("heapctl - look into and change the heap of a heapd\n"
         "\n"
         "usage: heapctl [FLAG ...] VERB [WORD ...]\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  %-8s %s\n", verbs[i]->name, verbs[i]->about);
    printf("\n%s", flags_help);
    return CLI_OK;
}

static int help_verb(const struct verb *verb)
{
    printf("usage: heapctl %s %s\n\n%s.\n", verb->name, verb->usage, verb->about);
    if (verb->help != NULL)
        printf("\n%s", verb->help);
    printf("\n%s", flags_help);
    return CLI_OK;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

/* An environment variable, NULL if it is empty too. */
static const char *environment(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static bool wants_colour(int fd)
{
    const char *term = getenv("TERM");

    return environment("NO_COLOR") == NULL && isatty(fd) && (term == NULL || strcmp(term, "dumb") != 0);
}

static int run_verb(struct cli *cli, struct args *args)
{
    struct heapd_problem p;
    int code;

    if (heapd_open(&cli->where, &cli->heapd, &p) != HEAPD_OK) {
        (void)say_problem(cli, &p);
        return p.result == HEAPD_BAD_URL ? CLI_USAGE : CLI_FAILED;
    }
    code = cli->verb->run(cli, args);
    heapd_close(&cli->heapd);
    if (fflush(stdout) != 0 || ferror(stdout))
        return say_failed(cli, "cannot write the answer: %s", strerror(errno));
    return code;
}

static int choose(struct cli *cli, struct args *args, bool wants_help)
{
    const char *name = args_shift(args);

    if (name == NULL)
        return wants_help ? help() : say_usage(cli, "what shall it do?");
    if (strcmp(name, "help") == 0)
        return args->count > 0 && find_verb(args->words[0]) != NULL ? help_verb(find_verb(args->words[0]))
                                                                    : help();
    if (name[0] == '-' && name[1] != '\0')
        return say_usage(cli, "there is no flag %s", name);
    cli->verb = find_verb(name);
    if (cli->verb == NULL)
        return say_usage(cli, "there is no verb \"%s\"", name);
    return wants_help ? help_verb(cli->verb) : run_verb(cli, args);
}

int main(int argc, char **argv)
{
    bool wants_help = false, wants_version = false;
    struct cli cli = {.where = {.url = environment("HEAPD_URL"),
                                .token = environment("HEAPD_TOKEN"),
                                .session = environment("HEAPD_SESSION")},
                      .colour_out = wants_colour(STDOUT_FILENO),
                      .colour_err = wants_colour(STDERR_FILENO)};
    const struct flag flags[] = {
        {"url", NULL, &cli.where.url}, {"session", NULL, &cli.where.session}, {"json", &cli.json, NULL},
        {"help", &wants_help, NULL},   {"version", &wants_version, NULL},
    };
    struct args args = args_of(argc, argv);
    const char *wrong = args_take_some_flags(&args, flags, sizeof flags / sizeof flags[0]);

    if (wrong != NULL)
        return say_usage(&cli, "%s", wrong);
    if (wants_version)
        return puts("heapctl " HEAPD_VERSION) == EOF ? CLI_FAILED : CLI_OK;
    return choose(&cli, &args, wants_help);
}
