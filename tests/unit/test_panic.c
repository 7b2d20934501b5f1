/* test_panic.c - last words: one line, whatever went wrong, and then the end that was due. Each in a process of its own. */
#include "daemon/panic.h"
#include "tests/unit/unit.h"
#include <sys/wait.h>
#include <unistd.h>

static void facts(void *ctx, struct panic_facts *ret)
{
    (void)ctx;
    *ret = (struct panic_facts){.phase = "spread", .objects = 12, .roots = 3, .sessions = 1, .connections = 2};
}

static void broken_facts(void *ctx, struct panic_facts *ret)
{
    (void)ctx;
    ret->phase = "spread";
    CHECK(ret->objects == 1);
}

static void fail_a_check(void)
{
    int zero = getpid() < 0;

    CHECK(zero == 1);
}

static void touch_nothing(void)
{
    volatile uintptr_t nowhere = 16;

    *(volatile int *)nowhere = 1;
}

static uint32_t use_up_the_stack(volatile char *above, uint32_t times)
{
    volatile char more[4096];

    more[0] = above[0];
    return times == 0 ? 0 : (uint32_t)more[0] + use_up_the_stack(more, times - 1);
}

static void recurse(void)
{
    volatile char first[1] = {1};

    (void)use_up_the_stack(first, UINT32_MAX);
}

static void be_killed(void)
{
    raise(SIGBUS);
}

static void be_illegal(void)
{
    raise(SIGILL);
}

static void give_up(void)
{
    abort();
}

static void divide(void)
{
    raise(SIGFPE);
}

/* What a process says that does this, and how it ends. */
struct end {
    char said[4096];
    int signal; /* 0: it went on */
};

static void live(int out, void (*tell)(void *ctx, struct panic_facts *ret), void (*harm)(void))
{
    static struct panic p;

    dup2(out, STDERR_FILENO);
    p = (struct panic){.facts = tell, .instance = "f00d"};
    panic_prepare(&p);
    harm();
    _exit(0);
}

static struct end end_of(void (*tell)(void *ctx, struct panic_facts *ret), void (*harm)(void))
{
    struct end e = {.signal = 0};
    size_t len = 0;
    ssize_t n;
    int pipes[2], status;
    pid_t child;

    ck_assert_int_eq(pipe(pipes), 0);
    child = fork();
    if (child == 0)
        live(pipes[1], tell, harm);
    close(pipes[1]);
    while ((n = read(pipes[0], e.said + len, sizeof(e.said) - 1 - len)) > 0)
        len += (size_t)n;
    close(pipes[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    e.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    return e;
}

static void says(const struct end *e, const char *part)
{
    ck_assert_msg(strstr(e->said, part) != NULL, "no \"%s\" in: %s", part, e->said);
}

START_TEST(a_failed_check_says_where_and_how_things_were)
{
    struct end e = end_of(facts, fail_a_check);

    ck_assert_int_eq(e.signal, SIGABRT);
    ck_assert_int_eq(strncmp(e.said, "heapd: fatal check-failed at=tests/unit/test_panic.c:", 53), 0);
    says(&e, " claim=\"zero == 1\" uptime_s=");
    says(&e, " version=" HEAPD_VERSION " instance=f00d pid=");
    says(&e, " phase=spread objects=12 roots=3 sessions=1 connections=2\n");
    ck_assert_ptr_eq(strchr(e.said, '\n'), e.said + strlen(e.said) - 1);
}
END_TEST

START_TEST(so_does_whatever_the_processor_refuses)
{
    static const struct {
        void (*harm)(void);
        int signal;
        const char *said;
    } cases[] = {
        {touch_nothing, SIGSEGV, "heapd: fatal signal name=SIGSEGV address=0x10 uptime_s="},
        {recurse, SIGSEGV, "heapd: fatal signal name=SIGSEGV address=0x"},
        {be_killed, SIGBUS, "heapd: fatal signal name=SIGBUS sent_by="},
        {divide, SIGFPE, "heapd: fatal signal name=SIGFPE sent_by="},
        {be_illegal, SIGILL, "heapd: fatal signal name=SIGILL sent_by="},
        {give_up, SIGABRT, "heapd: fatal signal name=SIGABRT sent_by="},
    };
    struct end e = end_of(facts, cases[_i].harm);

    ck_assert_int_eq(e.signal, cases[_i].signal);
    says(&e, cases[_i].said);
    says(&e, " objects=12 ");
}
END_TEST

/* What can be said without looking has been said by then. */
START_TEST(a_report_that_fails_itself_ends_the_process_all_the_same)
{
    struct end e = end_of(broken_facts, fail_a_check);

    ck_assert_int_eq(e.signal, SIGABRT);
    says(&e, "claim=\"zero == 1\" uptime_s=");
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_failed_check_says_where_and_how_things_were),
        TEST(so_does_whatever_the_processor_refuses, .rounds = 6),
        TEST(a_report_that_fails_itself_ends_the_process_all_the_same),
    };

    return unit_main(argc, argv, "panic", tests, ARRAY_LEN(tests));
}
