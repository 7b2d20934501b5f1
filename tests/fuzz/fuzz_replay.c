/*
 * fuzz_replay.c - plays files of bytes into a fuzz target without a fuzzer: each argument is a file, or a folder of
 * them. So the corpus is a test like any other, whatever compiler there is.
 */
#include "heap/base/check.h"
#include "tests/fuzz/fuzz.h"
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define INPUT_BYTES_MAX (1u << 20)

static int play_file(const char *path)
{
    uint8_t *bytes = malloc(INPUT_BYTES_MAX);
    FILE *f = fopen(path, "rb");
    size_t size;

    CHECK(bytes != NULL);
    if (f == NULL) {
        perror(path);
        free(bytes);
        return 0;
    }
    size = fread(bytes, 1, INPUT_BYTES_MAX, f);
    fclose(f);
    fprintf(stderr, "%s (%zu bytes)\n", path, size); /* the last one named is the one that failed */
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static int play_folder(const char *path)
{
    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort), played = 0;
    char file[PATH_MAX];

    for (int i = 0; i < count; i++) {
        if (names[i]->d_name[0] != '.' && snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name) < PATH_MAX)
            played += play_file(file);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
    return played;
}

int main(int argc, char **argv)
{
    struct stat st;
    int played = 0;

    for (int i = 1; i < argc; i++)
        if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
            played += play_folder(argv[i]);
        else
            played += play_file(argv[i]);
    printf("%d inputs\n", played);
    return played > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
