/*
 * args.c - see args.h.
 */
#include "client/cli/args.h"
#include "api/wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct args args_of(int argc, char **argv)
{
    struct args args = {.count = argc > 0 ? argc - 1 : 0, .words = argc > 0 ? argv + 1 : argv};

    args.literal = args.count;
    for (int i = 0; i < args.count; i++) {
        if (strcmp(args.words[i], "--") != 0)
            continue;
        memmove(&args.words[i], &args.words[i + 1], (size_t)(args.count - i - 1) * sizeof *args.words);
        args.literal = i;
        args.count--;
        break;
    }
    return args;
}

static void drop_word(struct args *args, int at)
{
    memmove(&args->words[at], &args->words[at + 1], (size_t)(args->count - at - 1) * sizeof *args->words);
    args->count--;
    if (at < args->literal)
        args->literal--;
}

/* The flag that `word` names; *ret_inline is what follows its '=', or NULL. */
static const struct flag *find_flag(const char *word, const struct flag *flags, size_t count,
                                    const char **ret_inline)
{
    const char *name = word + 2;
    size_t length = strcspn(name, "=");

    *ret_inline = name[length] == '=' ? name + length + 1 : NULL;
    for (size_t i = 0; i < count; i++)
        if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0)
            return &flags[i];
    return NULL;
}

/* A sentence about a flag, in a static buffer. */
static const char *complain(const char *about, const char *flag)
{
    static char sentence[160];

    (void)snprintf(sentence, sizeof sentence, "%s --%.100s", about, flag);
    return sentence;
}

/* Words[at] is `flag`: take it, and its value, out. */
static const char *take_flag(struct args *args, int at, const struct flag *flag, const char *value)
{
    drop_word(args, at);
    if (flag->ret_value == NULL) {
        *flag->ret_given = true;
        return value == NULL ? NULL : complain("no value goes with", flag->name);
    }
    if (value == NULL) {
        if (at >= args->literal)
            return complain("a value is missing behind", flag->name);
        value = args->words[at];
        drop_word(args, at);
    }
    *flag->ret_value = value;
    return NULL;
}

static bool looks_like_flag(const char *word)
{
    return word[0] == '-' && word[1] == '-' && word[2] != '\0';
}

const char *args_take_some_flags(struct args *args, const struct flag *flags, size_t count)
{
    const char *wrong = NULL;

    for (int i = 0; i < args->literal && wrong == NULL;) {
        const char *value;
        const struct flag *flag =
            looks_like_flag(args->words[i]) ? find_flag(args->words[i], flags, count, &value) : NULL;

        if (flag == NULL)
            i++;
        else
            wrong = take_flag(args, i, flag, value);
    }
    return wrong;
}

const char *args_take_flags(struct args *args, const struct flag *flags, size_t count)
{
    const char *wrong = args_take_some_flags(args, flags, count);

    for (int i = 0; i < args->literal && wrong == NULL; i++)
        if (looks_like_flag(args->words[i]))
            wrong = complain("there is no flag", args->words[i] + 2);
    return wrong;
}

const char *args_shift(struct args *args)
{
    const char *first = args->count > 0 ? args->words[0] : NULL;

    if (first != NULL)
        drop_word(args, 0);
    return first;
}

bool args_read_id(const char *word, uint64_t *ret_id)
{
    const char *digits = word[0] == '@' ? word + 1 : word;
    unsigned long long id;
    char *end;

    if (digits[0] < '0' || digits[0] > '9')
        return false;
    errno = 0;
    id = strtoull(digits, &end, 10);
    if (*end != '\0' || errno != 0 || id == 0 || id > WIRE_ID_MAX)
        return false;
    *ret_id = id;
    return true;
}
