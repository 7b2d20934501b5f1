/*
 * slow_sync.c - a slower disk, for whoever is started with this in LD_PRELOAD: every fdatasync() and fsync() takes 2 ms more.
 *
 * A plain sleep, as long for every server, and no longer for many bytes than for few: what disks and networks add to each
 * wait for them.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MORE_NS 2000000L

typedef int sync_function(int fd);

static int slowly(const char *name, int fd)
{
    const struct timespec more = {.tv_nsec = MORE_NS};
    void *found = dlsym(RTLD_NEXT, name);
    sync_function *real = *(sync_function **)&found; /* C has no other cast from data to a function */

    if (real == NULL)
        abort();
    nanosleep(&more, NULL);
    return real(fd);
}

int fdatasync(int fd)
{
    return slowly("fdatasync", fd);
}

int fsync(int fd)
{
    return slowly("fsync", fd);
}
