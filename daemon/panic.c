/*
 * panic.c - see panic.h.
 *
 * A signal handler is called with a signal and nothing else, so whom it speaks for has to stand somewhere: `speaker` is the
 * one variable of this file that is not on the stack.
 */
#include "daemon/panic.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define WORDS_MAX 512u

static struct panic *volatile speaker; /* NULL: nobody, or it has begun to speak */

/* ---- a line, put together without the C library ---- */

struct words {
    size_t len;
    char text[WORDS_MAX];
};

static void add(struct words *w, const char *text)
{
    while (*text != '\0' && w->len < WORDS_MAX) {
        char c = *text++;

        w->text[w->len++] = c == '"' ? '\'' : c >= ' ' && c <= '~' ? c : '?';
    }
}

static void add_quote(struct words *w)
{
    if (w->len < WORDS_MAX)
        w->text[w->len++] = '"';
}

static void add_number(struct words *w, uint64_t n, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits);

    digits[--at] = '\0';
    do
        digits[--at] = "0123456789abcdef"[n % base];
    while ((n /= base) > 0);
    add(w, &digits[at]);
}

static void add_pair(struct words *w, const char *key, uint64_t n)
{
    add(w, key);
    add_number(w, n, 10);
}

static void say(const struct words *w)
{
    (void)!write(STDERR_FILENO, w->text, w->len);
}

/* ---- how heapd was doing ---- */

static void say_self(const struct panic *p)
{
    struct words w = {.len = 0};

    add_pair(&w, " uptime_s=", (clock_us() - p->began_us) / 1000000);
    add(&w, " version=" HEAPD_VERSION " instance=");
    add(&w, p->instance);
    add_pair(&w, " pid=", (uint64_t)getpid());
    say(&w);
}

static void say_facts(const struct panic *p)
{
    struct panic_facts f = {.phase = "unknown"};
    struct words w = {.len = 0};

    p->facts(p->ctx, &f);
    add(&w, " phase=");
    add(&w, f.phase);
    add_pair(&w, " objects=", f.objects);
    add_pair(&w, " roots=", f.roots);
    add_pair(&w, " sessions=", f.sessions);
    add_pair(&w, " connections=", f.connections);
    say(&w);
}

/* What needs the heap comes last: if that fails too, the process ends in the middle of the line. */
static void say_all(const struct words *first)
{
    struct panic *p = speaker;

    speaker = NULL;
    say(first);
    if (p != NULL) {
        say_self(p);
        say_facts(p);
    }
    (void)!write(STDERR_FILENO, "\n", 1);
}

/* ---- what brings it about ---- */

/* The abort that follows is no news. */
static void on_check_failed(const char *file, int line, const char *claim)
{
    struct words w = {.len = 0};

    signal(SIGABRT, SIG_DFL);
    add(&w, "heapd: fatal check-failed at=");
    add(&w, strncmp(file, "../", 3) == 0 ? file + 3 : file); /* as seen from the build directory */
    add_pair(&w, ":", (uint64_t)line);
    add(&w, " claim=");
    add_quote(&w);
    add(&w, claim);
    add_quote(&w);
    say_all(&w);
}

static const struct fault {
    int number;
    const char *name;
} faults[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGFPE, "SIGFPE"}, {SIGILL, "SIGILL"},
    {SIGABRT, "SIGABRT"}, /* of a library that aborts, or a watchdog that heard nothing */
};

static const char *name_of(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (faults[i].number == number)
            return faults[i].name;
    return "unknown";
}

/* Its disposition is the default's again, and it is not blocked: raising it ends the process here. */
static void on_fault(int number, siginfo_t *info, void *context)
{
    struct words w = {.len = 0};

    (void)context;
    add(&w, "heapd: fatal signal name=");
    add(&w, name_of(number));
    if (info->si_code > 0) { /* of the processor; else somebody has sent it */
        add(&w, " address=0x");
        add_number(&w, (uint64_t)(uintptr_t)info->si_addr, 16);
    } else {
        add_pair(&w, " sent_by=", (uint64_t)info->si_pid);
    }
    say_all(&w);
    raise(number);
}

static void watch(int number)
{
    struct sigaction act = {.sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};

    act.sa_sigaction = on_fault;
    sigemptyset(&act.sa_mask);
    CHECK(sigaction(number, &act, NULL) == 0);
}

void panic_prepare(struct panic *p)
{
    stack_t stack = {.ss_sp = p->stack, .ss_size = sizeof(p->stack)};

    speaker = p;
    check_tell(on_check_failed);
    CHECK(sigaltstack(&stack, NULL) == 0);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        watch(faults[i].number);
}

void panic_calm(void)
{
    speaker = NULL;
}
