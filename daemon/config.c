/*
 * config.c - see config.h.
 *
 * The file is read where it stands among the options, so what comes later on the command line wins.
 */
#include "daemon/config.h"
#include "api/wire.h"
#include "daemon/activation.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_LINE_MAX 4096 /* without its end */

static const char usage[] =
    "usage: heapd [OPTION]...\n"
    "A shared, reference-counted heap over HTTP that collects its cycles.\n"
    "\n"
    "  --listen ADDR:PORT   listen here (default " WIRE_DEFAULT_LISTEN "; port 0: any free one);\n"
    "  --listen unix:PATH   or on a Unix socket; may be given several times\n"
    "  --allow-host NAME    also answer to this Host; may be given several times\n"
    "  --max-memory SIZE    what heapd may allocate, as 512M or 4G (K, M, G; default: no limit)\n"
    "  --config FILE        settings, one `name = JSON value` a line, names as in /v1/config\n"
    "  --token-file FILE    who may do what, one `LABEL read|write|admin TOKEN` a line; read again on SIGHUP\n"
    "  --plaintext          allow a TCP address that is not loopback without TLS (needs --token-file)\n"
    "  --data DIR           keep the heap here, so that it survives a restart (default: nothing survives)\n"
    "  --check DIR          look through what is kept there, say what is broken, and end; changes nothing\n"
    "  --restore FILE DIR   make DIR, new or empty, a store with what is in the backup FILE (GET /v1/backup), and end\n"
    "  --print-config       print every setting with its default, as a file for --config\n"
    "  --version, --help\n"
    "\n"
    "Sockets handed over by systemd (LISTEN_FDS) are listened at too, and instead of the default address.\n";

static enum config_verdict say(enum config_verdict v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum config_verdict say(enum config_verdict v, const char *format, ...)
{
    va_list args;

    fputs("heapd: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputs(v == CONFIG_MISUSED ? "\nheapd: try --help\n" : "\n", stderr);
    return v;
}

/* ---- addresses ---- */

static bool read_ip(const char *host, uint16_t port, struct sockaddr_storage *ret)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;

    *ret = (struct sockaddr_storage){0};
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        return true;
    }
    return false;
}

/* "127.0.0.1:80" and "[::1]:80"; "localhost" is taken for 127.0.0.1. */
static bool read_tcp(const char *text, struct sockaddr_storage *ret)
{
    const char *colon = strrchr(text, ':');
    char host[INET6_ADDRSTRLEN + 2];
    size_t len = colon == NULL ? 0 : (size_t)(colon - text);
    uint64_t port;

    if (len == 0 || len >= sizeof(host) || !parse_u64(slice_of(colon + 1), UINT16_MAX, &port))
        return false;
    memcpy(host, text, len);
    host[len] = '\0';
    if (host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        return strchr(host + 1, ':') != NULL && read_ip(host + 1, (uint16_t)port, ret);
    }
    if (strcmp(host, "localhost") == 0)
        return read_ip(WIRE_DEFAULT_HOST, (uint16_t)port, ret);
    return strchr(host, ':') == NULL && read_ip(host, (uint16_t)port, ret);
}

static enum address_reach reach_v4(uint32_t address)
{
    if (address >> 24 == 127)
        return REACH_LOOPBACK;
    return address == INADDR_ANY ? REACH_EVERYWHERE : REACH_NETWORK;
}

enum address_reach address_reach(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)a)->sin6_addr;

    if (a->ss_family == AF_INET)
        return reach_v4(ntohl(v4->sin_addr.s_addr));
    if (IN6_IS_ADDR_LOOPBACK(v6))
        return REACH_LOOPBACK;
    return IN6_IS_ADDR_UNSPECIFIED(v6) ? REACH_EVERYWHERE : REACH_NETWORK;
}

static enum config_verdict add_unix(struct listen_at *at, const char *path)
{
    size_t len = strlen(path);

    if (len == 0 || len > CONFIG_UNIX_PATH_MAX)
        return say(CONFIG_MISUSED, "the path of a Unix socket has 1 to %zu bytes, this one %zu",
                   CONFIG_UNIX_PATH_MAX, len);
    at->unix_socket = true;
    memcpy(at->path, path, len + 1);
    return CONFIG_RUN;
}

static enum config_verdict add_listen(struct config *c, const char *text)
{
    struct listen_at *at = &c->listens[c->listen_count];

    if (c->listen_count == CONFIG_LISTENS_MAX)
        return say(CONFIG_MISUSED, "--listen may be given %d times", CONFIG_LISTENS_MAX);
    *at = (struct listen_at){.fd = -1};
    c->listen_count++;
    if (strncmp(text, "unix:", 5) == 0)
        return add_unix(at, text + 5);
    if (!read_tcp(text, &at->address))
        return say(CONFIG_MISUSED, "--listen takes ADDR:PORT, [ADDR]:PORT or unix:PATH, not \"%s\"", text);
    return CONFIG_RUN;
}

/* ---- sockets handed to us ---- */

/* A stream socket that listens; of Internet or Unix addresses. */
static bool describe_socket(struct listen_at *at)
{
    struct sockaddr_un *local = (struct sockaddr_un *)&at->address;
    socklen_t len = sizeof at->address, flag_len = sizeof(int);
    int type = 0, listens = 0;

    if (getsockopt(at->fd, SOL_SOCKET, SO_TYPE, &type, &flag_len) != 0 || type != SOCK_STREAM ||
        getsockopt(at->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &flag_len) != 0 || !listens ||
        getsockname(at->fd, (struct sockaddr *)&at->address, &len) != 0)
        return false;
    at->unix_socket = at->address.ss_family == AF_UNIX;
    if (at->unix_socket) {
        size_t path_len = len - offsetof(struct sockaddr_un, sun_path);

        memcpy(at->path, local->sun_path, path_len < sizeof at->path ? path_len : sizeof at->path - 1);
        if (path_len > 0 && at->path[0] == '\0')
            at->path[0] = '@';
    }
    return at->unix_socket || at->address.ss_family == AF_INET || at->address.ss_family == AF_INET6;
}

static enum config_verdict add_inherited(struct config *c)
{
    int count = activation_take();

    for (int fd = ACTIVATION_FD_FIRST; fd < ACTIVATION_FD_FIRST + count; fd++) {
        struct listen_at *at = &c->listens[c->listen_count];

        if (c->listen_count == CONFIG_LISTENS_MAX)
            return say(CONFIG_REFUSED, "there are more than %d sockets to listen at", CONFIG_LISTENS_MAX);
        *at = (struct listen_at){.inherited = true, .fd = fd};
        if (!describe_socket(at))
            return say(CONFIG_REFUSED, "descriptor %d of LISTEN_FDS is no TCP or Unix socket that listens", fd);
        c->listen_count++;
    }
    return CONFIG_RUN;
}

/* ---- names ---- */

static enum config_verdict add_allow_host(struct config *c, const char *name)
{
    size_t len = strlen(name);

    if (c->allow_host_count == CONFIG_ALLOW_HOSTS_MAX)
        return say(CONFIG_MISUSED, "--allow-host may be given %d times", CONFIG_ALLOW_HOSTS_MAX);
    if (len == 0 || len > DOOR_NAME_MAX)
        return say(CONFIG_MISUSED, "--allow-host takes a name of 1 to %d bytes", DOOR_NAME_MAX);
    c->allow_hosts[c->allow_host_count++] = name;
    return CONFIG_RUN;
}

/* ---- settings ---- */

static bool read_size(const char *text, uint64_t *ret)
{
    static const char suffixes[] = "KMG";
    size_t len = strlen(text);
    const char *suffix = len == 0 ? NULL : strchr(suffixes, text[len - 1]);
    unsigned shift = 0;
    uint64_t n;

    if (suffix != NULL) {
        shift = 10 * (unsigned)(suffix - suffixes + 1);
        len--;
    }
    if (!parse_u64((struct slice){text, len}, (uint64_t)INT64_MAX >> shift, &n))
        return false;
    *ret = n << shift;
    return true;
}

static enum config_verdict set_max_memory(struct config *c, const char *text)
{
    uint64_t bytes;

    if (!read_size(text, &bytes))
        return say(CONFIG_MISUSED,
                   "--max-memory takes a number of bytes, or one with K, M or G behind it, not \"%s\"", text);
    c->settings.memory_bytes_max = bytes;
    c->memory_is_given = true;
    return CONFIG_RUN;
}

/* `name = JSON value`, without blanks around it; an empty line and `# ...` say nothing. */
static enum err set_line(struct settings *s, struct slice line, struct why *why)
{
    struct slice value = line, name = slice_trim(slice_cut(&value, '='));
    json_t *json;
    enum err e;

    if (line.len == 0 || line.data[0] == '#')
        return ERR_OK;
    if (value.len == 0)
        return why_set(why, ERR_BAD_VALUE, "a line is `name = JSON value`");
    json = json_loadb(value.data, value.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (json == NULL)
        return why_set(why, ERR_BAD_JSON, "%.*s: the value is not JSON", (int)name.len, name.data);
    e = settings_set(s, name, json, false, why);
    json_decref(json);
    return e;
}

static enum config_verdict read_lines(struct config *c, FILE *file, const char *path)
{
    char text[FILE_LINE_MAX + sizeof "\n"];
    struct why why = {0};

    for (unsigned number = 1; fgets(text, sizeof(text), file) != NULL; number++) {
        struct slice rest = slice_of(text), line = slice_line(&rest);

        if (line.len > FILE_LINE_MAX)
            return say(CONFIG_REFUSED, "%s:%u: the line is too long", path, number);
        if (set_line(&c->settings, slice_trim(line), &why) != ERR_OK)
            return say(CONFIG_REFUSED, "%s:%u: %s", path, number, why.text);
    }
    return ferror(file) ? say(CONFIG_REFUSED, "%s: %s", path, strerror(errno)) : CONFIG_RUN;
}

static enum config_verdict read_file(struct config *c, const char *path)
{
    FILE *file = fopen(path, "re");
    enum config_verdict v;

    if (file == NULL)
        return say(CONFIG_REFUSED, "%s: %s", path, strerror(errno));
    v = read_lines(c, file, path);
    fclose(file);
    return v;
}

/* Every setting as it is if nobody sets it, with what it is for: a file that changes nothing until it is changed. */
static void print_settings(void)
{
    const struct setting *s;

    puts("# heapd --config: one `name = JSON value` a line. These are the defaults.");
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        char text[SETTING_TEXT_MAX];

        printf("\n# %s\n", s->about);
        if (s->kind == SETTING_NUMBER)
            printf("# %" PRIu64 " to %" PRIu64 " (%s)\n", s->min, s->max, s->unit);
        printf("%s = %s\n", s->name, setting_text(s, s->fallback, text));
    }
}

/* ---- the command line ---- */

enum option_key {
    KEY_LISTEN = 256,
    KEY_DATA,
    KEY_TOKENS,
    KEY_HOST,
    KEY_PLAIN,
    KEY_MEMORY,
    KEY_FILE,
    KEY_CHECK,
    KEY_RESTORE,
    KEY_PRINT,
    KEY_VERSION,
    KEY_HELP
};

static const struct option options[] = {
    {"listen", required_argument, NULL, KEY_LISTEN},
    {"data", required_argument, NULL, KEY_DATA},
    {"token-file", required_argument, NULL, KEY_TOKENS},
    {"allow-host", required_argument, NULL, KEY_HOST},
    {"plaintext", no_argument, NULL, KEY_PLAIN},
    {"max-memory", required_argument, NULL, KEY_MEMORY},
    {"config", required_argument, NULL, KEY_FILE},
    {"check", required_argument, NULL, KEY_CHECK},
    {"restore", required_argument, NULL, KEY_RESTORE},
    {"print-config", no_argument, NULL, KEY_PRINT},
    {"version", no_argument, NULL, KEY_VERSION},
    {"help", no_argument, NULL, KEY_HELP},
    {NULL, 0, NULL, 0},
};

static enum config_verdict take_option(struct config *c, int key, const char *argument)
{
    switch (key) {
    case KEY_LISTEN:
        return add_listen(c, argument);
    case KEY_HOST:
        return add_allow_host(c, argument);
    case KEY_MEMORY:
        return set_max_memory(c, argument);
    case KEY_FILE:
        return read_file(c, argument);
    case KEY_PLAIN:
        c->plaintext = true;
        return CONFIG_RUN;
    case KEY_DATA:
        c->data_dir = optarg;
        return CONFIG_RUN;
    case KEY_TOKENS:
        c->token_file = argument;
        return CONFIG_RUN;
    case KEY_CHECK:
        c->check_dir = argument;
        return CONFIG_RUN;
    case KEY_RESTORE:
        c->restore_file = argument;
        return CONFIG_RUN;
    case KEY_PRINT:
        print_settings();
        return CONFIG_SAID;
    case KEY_VERSION:
        puts("heapd " HEAPD_VERSION);
        return CONFIG_SAID;
    case KEY_HELP:
        fputs(usage, stdout);
        return CONFIG_SAID;
    default: /* getopt_long() has said what is wrong */
        return say(CONFIG_MISUSED, "this cannot be understood");
    }
}

/* Beyond this machine, only who shows a token may come in, and only if it is known that the way there is in the
 * clear. */
static enum config_verdict check_reach(const struct config *c)
{
    for (size_t i = 0; i < c->listen_count; i++) {
        const struct listen_at *at = &c->listens[i];

        if (at->unix_socket || address_reach(&at->address) == REACH_LOOPBACK)
            continue;
        if (c->token_file == NULL)
            return say(CONFIG_REFUSED, "a TCP address that is not loopback needs --token-file: else whoever reaches "
                                       "it may do everything");
        if (!c->plaintext)
            return say(CONFIG_REFUSED, "a TCP address that is not loopback needs --plaintext: tokens and data cross "
                                       "the network unencrypted (TLS is not there yet)");
    }
    return CONFIG_RUN;
}

static enum config_verdict take_restore_dir(struct config *c, int count, char **words)
{
    if (count != 1)
        return say(CONFIG_MISUSED, "--restore takes a file and then one directory");
    c->restore_dir = words[0];
    return CONFIG_RESTORE;
}

enum config_verdict config_read(int argc, char **argv, struct config *ret)
{
    enum config_verdict v = CONFIG_RUN;
    int key;

    *ret = (struct config){0};
    settings_defaults(&ret->settings);
    while (v == CONFIG_RUN && (key = getopt_long(argc, argv, "", options, NULL)) != -1)
        v = take_option(ret, key, optarg);
    if (v == CONFIG_RUN && ret->restore_file != NULL)
        return take_restore_dir(ret, argc - optind, argv + optind);
    if (v == CONFIG_RUN && optind < argc)
        v = say(CONFIG_MISUSED, "\"%s\" is not an option", argv[optind]);
    if (v == CONFIG_RUN && ret->check_dir != NULL)
        return CONFIG_CHECK;
    if (v == CONFIG_RUN)
        v = add_inherited(ret);
    if (v == CONFIG_RUN && ret->listen_count == 0)
        v = add_listen(ret, WIRE_DEFAULT_LISTEN);
    return v == CONFIG_RUN ? check_reach(ret) : v;
}
