/*
 * failing_disk.c - preloaded into a heapd: its disk is full, or cannot sync, while a file says so.
 *
 * HEAPD_TEST_DISK names that file: "full": writes below HEAPD_TEST_DATA find no room; "sync": syncs there fail. What is synced
 * is noted in the file of that name with ".synced" behind it, a path a line.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void path_of(int fd, char *ret, size_t room)
{
    char link[64];
    ssize_t len;

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    len = readlink(link, ret, room - 1);
    ret[len < 0 ? 0 : len] = '\0';
}

static int is_data(int fd)
{
    const char *data = getenv("HEAPD_TEST_DATA");
    char path[4096];

    path_of(fd, path, sizeof path);
    return data != NULL && strncmp(path, data, strlen(data)) == 0;
}

static int says(const char *what)
{
    const char *name = getenv("HEAPD_TEST_DISK");
    int fd = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    char text[16] = "";
    ssize_t len;

    if (fd < 0)
        return 0;
    len = read(fd, text, sizeof text - 1);
    close(fd);
    return len > 0 && strcmp(text, what) == 0;
}

static int fails(int fd, const char *what, int error)
{
    int before = errno;

    if (!is_data(fd) || !says(what)) {
        errno = before;
        return 0;
    }
    errno = error;
    return 1;
}

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t len)
{
    return fails(fd, "full", ENOSPC) ? -1 : REAL(write)(fd, data, len);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t at)
{
    return fails(fd, "full", ENOSPC) ? -1 : REAL(pwrite)(fd, data, len, at);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
    return fails(fd, "full", ENOSPC) ? -1 : REAL(pwrite64)(fd, data, len, at);
}

static void note(int fd)
{
    const char *name = getenv("HEAPD_TEST_DISK");
    char path[4096], notes[4096];
    FILE *out;

    if (name == NULL)
        return;
    path_of(fd, path, sizeof path);
    snprintf(notes, sizeof notes, "%s.synced", name);
    if ((out = fopen(notes, "a")) == NULL)
        return;
    fprintf(out, "%s\n", path);
    fclose(out);
}

int fsync(int fd)
{
    note(fd);
    return fails(fd, "sync", EIO) ? -1 : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
    note(fd);
    return fails(fd, "sync", EIO) ? -1 : REAL(fdatasync)(fd);
}
