/* doors.c - see doors.h. */
#include "daemon/doors.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <arpa/inet.h>

static bool add(struct doors *d, const char *name, struct door kind)
{
    size_t len = strlen(name);

    if (d->count == DOORS_MAX || len == 0 || len > DOOR_NAME_MAX)
        return false;

    struct door *door = &d->list[d->count++];

    *door = kind;
    memcpy(door->name, name, len + 1);
    return true;
}

bool doors_add_own(struct doors *d, const char *name)
{
    return add(d, name, (struct door){.own = true});
}

bool doors_add_any_address(struct doors *d, const char *port)
{
    return add(d, port, (struct door){.own = true, .any_address = true});
}

bool doors_add_allowed(struct doors *d, const char *name)
{
    return add(d, name, (struct door){.own = false});
}

/* "127.0.0.1", "[::1]" */
static bool is_address(struct slice s)
{
    bool v6 = s.len > 2 && s.data[0] == '[' && s.data[s.len - 1] == ']';
    char text[INET6_ADDRSTRLEN];
    unsigned char bytes[sizeof(struct in6_addr)];

    if (v6)
        s = (struct slice){s.data + 1, s.len - 2};
    if (s.len == 0 || s.len >= sizeof text)
        return false;
    memcpy(text, s.data, s.len);
    text[s.len] = '\0';
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) == 1;
}

/* `host` is an address or "localhost", with `port` (":4327") behind it; port 80 may be left out. */
static bool is_here(struct slice host, const char *port)
{
    size_t len = strlen(port);

    if (host.len > len && memcmp(host.data + host.len - len, port, len) == 0)
        host.len -= len;
    else if (strcmp(port, ":80") != 0)
        return false;
    return is_address(host) || slice_is_nocase(host, "localhost");
}

/* ":4327" behind the name of a door that any port opens. */
static bool is_port(struct slice s)
{
    uint64_t port;

    return s.len > 1 && s.data[0] == ':' &&
           parse_u64(slice_from(s, 1), UINT16_MAX, &port);
}

static bool opens(const struct door *door, struct slice host)
{
    size_t len = strlen(door->name);
    bool any_port = !door->own && strchr(door->name, ':') == NULL;

    if (door->any_address)
        return is_here(host, door->name);
    if (host.len < len || !slice_is_nocase((struct slice){host.data, len}, door->name))
        return false;
    return host.len == len || (any_port && is_port(slice_from(host, len)));
}

static const struct door *find_door(const struct doors *d, struct slice host)
{
    for (size_t i = 0; i < d->count; i++) {
        if (opens(&d->list[i], host))
            return &d->list[i];
    }
    return NULL;
}

/* What stands behind `scheme` in an origin; empty if it has another one, as "null" has. */
static struct slice behind(struct slice origin, const char *scheme)
{
    size_t len = strlen(scheme);

    if (origin.len <= len || !slice_is_nocase((struct slice){origin.data, len}, scheme))
        return SLICE("");
    return slice_from(origin, len);
}

/* The door that a page at `page` is behind. What stands for many names (any port, any address) says nothing of where the
 * others lead: of them only the one that the request has come by is ours. */
static const struct door *door_of_page(const struct doors *d, struct slice page, struct slice host)
{
    if (slice_eq_nocase(page, host))
        return find_door(d, page);
    for (size_t i = 0; i < d->count; i++) {
        if (!d->list[i].any_address && slice_is_nocase(page, d->list[i].name))
            return &d->list[i];
    }
    return NULL;
}

static bool origin_is_ours(const struct doors *d, bool unix_socket, const struct guard_facts *f)
{
    struct slice plain = behind(f->origin, "http://"), secure = behind(f->origin, "https://");
    struct slice page = plain.len > 0 ? plain : secure;
    const struct door *door;

    if (page.len == 0)
        return false;
    if (unix_socket)
        return slice_eq_nocase(page, f->host);
    door = door_of_page(d, page, f->host);
    return door != NULL && (plain.len > 0 || !door->own);
}

static bool is_foreign_page(enum method method, const struct guard_facts *f)
{
    bool foreign =
        slice_is_nocase(f->fetch_site, "cross-site") || slice_is_nocase(f->fetch_site, "same-site");
    bool follows_link = method == METHOD_GET && slice_is_nocase(f->fetch_mode, "navigate");

    return foreign && !follows_link;
}

enum err doors_check(const struct doors *d, bool unix_socket, enum method method, const struct guard_facts *f,
                     struct why *why)
{
    if (!unix_socket && f->host_count > 0 && find_door(d, f->host) == NULL)
        return why_set(why, ERR_FORBIDDEN, "the Host \"%.*s\" is not one of this service",
                       (int)(f->host.len < 64 ? f->host.len : 64), f->host.data == NULL ? "" : f->host.data);
    if (f->origin_count > 0 && !origin_is_ours(d, unix_socket, f))
        return why_set(why, ERR_FORBIDDEN, "the Origin \"%.*s\" is foreign",
                       (int)(f->origin.len < 64 ? f->origin.len : 64),
                       f->origin.data == NULL ? "" : f->origin.data);
    if (is_foreign_page(method, f))
        return why_set(why, ERR_FORBIDDEN, "a page of another site asks for this (Sec-Fetch-Site: %.*s)",
                       (int)f->fetch_site.len, f->fetch_site.data);
    return ERR_OK;
}

struct grant doors_grant(const struct doors *d, const struct guard_facts *f)
{
    if (d->tokens == NULL)
        return (struct grant){.access = ACCESS_ADMIN};
    return tokens_grant(d->tokens, f->authorization);
}

bool doors_still_open(const struct doors *d, uint64_t token)
{
    return token == 0 || tokens_has(d->tokens, token);
}
