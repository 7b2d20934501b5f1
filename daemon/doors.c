/* doors.c - see doors.h. */
#include "daemon/doors.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <strings.h>

bool doors_add(struct doors *d, const char *name, bool any_port)
{
    size_t len = strlen(name);

    if (d->count == DOORS_MAX || len == 0 || len > DOOR_NAME_MAX)
        return false;

    struct door *door = &d->list[d->count++];

    memcpy(door->name, name, len + 1);
    door->any_port = any_port;
    return true;
}

/* ":4327" behind the name of a door that any port opens. */
static bool is_port(struct slice s)
{
    uint64_t port;

    return s.len > 1 && s.data[0] == ':' && parse_u64((struct slice){s.data + 1, s.len - 1}, UINT16_MAX, &port);
}

static bool opens(const struct door *door, struct slice host)
{
    size_t len = strlen(door->name);

    if (host.len < len || strncasecmp(host.data, door->name, len) != 0)
        return false;
    return host.len == len || (door->any_port && is_port((struct slice){host.data + len, host.len - len}));
}

static bool is_ours(const struct doors *d, struct slice host)
{
    for (size_t i = 0; i < d->count; i++) {
        if (opens(&d->list[i], host))
            return true;
    }
    return false;
}

static bool same_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

/* The host of "http://HOST" or "https://HOST"; empty for anything else, "null" too. */
static struct slice host_of_origin(struct slice origin)
{
    static const char *const schemes[] = {"http://", "https://"};

    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t len = strlen(schemes[i]);

        if (origin.len > len && strncasecmp(origin.data, schemes[i], len) == 0)
            return (struct slice){origin.data + len, origin.len - len};
    }
    return SLICE("");
}

static bool origin_is_ours(const struct doors *d, bool unix_socket, const struct guard_facts *f)
{
    struct slice host = host_of_origin(f->origin);

    if (host.len == 0)
        return false;
    return unix_socket ? same_nocase(host, f->host) : is_ours(d, host);
}

static bool is_foreign_page(enum method method, const struct guard_facts *f)
{
    bool foreign = slice_is_nocase(f->fetch_site, "cross-site") || slice_is_nocase(f->fetch_site, "same-site");
    bool follows_link = method == METHOD_GET && slice_is_nocase(f->fetch_mode, "navigate");

    return foreign && !follows_link;
}

enum err doors_check(const struct doors *d, bool unix_socket, enum method method, const struct guard_facts *f,
                     struct why *why)
{
    if (!unix_socket && f->host_count > 0 && !is_ours(d, f->host))
        return why_set(why, ERR_FORBIDDEN, "the Host \"%.*s\" is not one of this service",
                       (int)(f->host.len < 64 ? f->host.len : 64), f->host.data == NULL ? "" : f->host.data);
    if (f->origin_count > 0 && !origin_is_ours(d, unix_socket, f))
        return why_set(why, ERR_FORBIDDEN, "the Origin \"%.*s\" is foreign",
                       (int)(f->origin.len < 64 ? f->origin.len : 64), f->origin.data == NULL ? "" : f->origin.data);
    if (is_foreign_page(method, f))
        return why_set(why, ERR_FORBIDDEN, "a page of another site asks for this (Sec-Fetch-Site: %.*s)",
                       (int)f->fetch_site.len, f->fetch_site.data);
    return ERR_OK;
}
