/*
 * config.h - what the command line and the config file ask for, checked.
 */
#pragma once
#include "api/settings.h"
#include "daemon/doors.h"
#include "daemon/log.h"
#include <netinet/in.h>
#include <sys/un.h>

#define CONFIG_LISTENS_MAX     16
#define CONFIG_ALLOW_HOSTS_MAX 16
#define CONFIG_UNIX_PATH_MAX   (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/* One --listen, or one socket that was handed to us. */
struct listen_at {
    bool unix_socket;
    bool inherited; /* `fd` is open and bound; else it is for us to open */
    int fd;
    char path[CONFIG_UNIX_PATH_MAX + 1]; /* of a Unix socket; an abstract one is shown as "@NAME" */
    struct sockaddr_storage address;     /* else: an IPv4 or IPv6 address */
};

/* From where an address can be reached. */
enum address_reach {
    REACH_LOOPBACK,
    REACH_NETWORK,    /* at one address of this machine */
    REACH_EVERYWHERE, /* at all of them, loopback too: "0.0.0.0", "::" */
};
enum address_reach address_reach(const struct sockaddr_storage *a);

struct config {
    size_t listen_count;
    struct listen_at listens[CONFIG_LISTENS_MAX];
    size_t allow_host_count;
    const char *allow_hosts[CONFIG_ALLOW_HOSTS_MAX]; /* as given on the command line */
    const char *token_file; /* NULL: none; as given on the command line */
    const char *data_dir;   /* the same */
    const char *check_dir;  /* the same; only to be looked through */
    const char *restore_file, *restore_dir; /* the same; from the one into the other */
    bool plaintext;
    bool memory_is_given;   /* on the command line: that wins over what survived */
    enum log_level log_level;
    struct settings settings;
};

enum config_verdict {
    CONFIG_RUN,
    CONFIG_CHECK,   /* --check, and ... */
    CONFIG_RESTORE, /* ... --restore: nothing is served */
    CONFIG_SAID,    /* --help, --version: written to stdout, exit status 0 */
    CONFIG_MISUSED, /* an option that is not one, or not so; written to stderr, exit status 2 */
    CONFIG_REFUSED, /* well understood and not to be had; the same, exit status 1 */
};

/* `*ret` refers to the strings of argv. */
enum config_verdict config_read(int argc, char **argv, struct config *ret);
