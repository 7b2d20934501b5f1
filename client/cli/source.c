/*
 * source.c - see source.h. zlib's gzread passes plain files through as they are.
 */
#include "client/cli/source.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *open_fd(const char *path, int *ret_fd)
{
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return strerror(errno);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
        close(fd);
        return strerror(EISDIR);
    }
    *ret_fd = fd;
    return NULL;
}

const char *source_open(const char *path, struct source *ret_s)
{
    struct source s = {0};
    struct stat st;
    int fd = -1;
    const char *error = open_fd(path, &fd);

    if (error != NULL)
        return error;
    s.buffer = malloc(SOURCE_BUFFER_BYTES);
    s.file = gzdopen(fd, "rb");
    if (s.buffer == NULL || s.file == NULL) {
        if (s.file != NULL)
            gzclose(s.file);
        else
            close(fd);
        free(s.buffer);
        return strerror(ENOMEM);
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        s.size_bytes = (uint64_t)st.st_size;
    *ret_s = s;
    return NULL;
}

void source_close(struct source *s)
{
    gzclose(s->file);
    free(s->buffer);
    *s = (struct source){0};
}

bool source_refill(struct source *s)
{
    int n;

    if (s->ended)
        return false;
    n = gzread(s->file, s->buffer, SOURCE_BUFFER_BYTES);
    s->consumed += s->filled;
    s->at = 0;
    s->filled = n > 0 ? (size_t)n : 0;
    s->ended = n <= 0;
    if (s->on_refill != NULL)
        s->on_refill(s->on_refill_arg, s);
    return n > 0;
}

uint64_t source_offset(const struct source *s)
{
    return s->consumed + s->at;
}

uint64_t source_disk_offset(const struct source *s)
{
    z_off_t offset = gzoffset(s->file);

    return offset > 0 ? (uint64_t)offset : 0;
}

bool source_line(struct source *s, struct text *line)
{
    text_clear(line);
    while (source_peek(s) >= 0) {
        const char *from = s->buffer + s->at;
        const char *newline = memchr(from, '\n', s->filled - s->at);
        size_t n = newline != NULL ? (size_t)(newline - from) : s->filled - s->at;

        text_add(line, from, n);
        s->at += n + (newline != NULL);
        if (newline != NULL)
            return true;
    }
    return line->length > 0;
}

const char *source_error(const struct source *s)
{
    int code;
    const char *sentence = gzerror(s->file, &code);

    if (code == Z_OK || code == Z_STREAM_END)
        return NULL;
    if (code == Z_BUF_ERROR)
        return "the gzip file ends too early";
    return code == Z_ERRNO ? strerror(errno) : sentence;
}
