/*
 * doors.h - by which names heapd may be called, and from which pages.
 *
 * A browser sends requests for any page it shows, to loopback addresses too. Two checks keep such pages out:
 * a name that an attacker's DNS points at us is not one of ours (DNS rebinding), and a page of another origin
 * says so itself (Origin, Sec-Fetch-Site). Who comes by a Unix socket is let in by file permissions: there
 * the name is not checked, and the page's origin must be the name that the request uses.
 */
#pragma once
#include "daemon/guard.h"

#define DOOR_NAME_MAX 261 /* a DNS name of 255 bytes and a port */
#define DOORS_MAX     64

struct doors {
    size_t count;
    struct door {
        char name[DOOR_NAME_MAX + 1];
        bool own;
    } list[DOORS_MAX];
};

/* Let in who calls us by the address of a listener, as it is written ("127.0.0.1:4327"): its pages are at
 * http. False: there are DOORS_MAX already, or the name is empty or too long. */
bool doors_add_own(struct doors *d, const char *name);
/* The same for a name that somebody has allowed, at http or (from a proxy) https. One without a port stands
 * for any port. */
bool doors_add_allowed(struct doors *d, const char *name);

/* ERR_FORBIDDEN for a foreign Host, a foreign Origin, or what a page of another site asks for; a GET by which
 * somebody follows a link to us is fine. */
enum err doors_check(const struct doors *d, bool unix_socket, enum method method, const struct guard_facts *f,
                     struct why *why);
