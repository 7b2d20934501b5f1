/*
 * doors.h - by which names heapd may be called, from which pages, and who may do what.
 *
 * A browser sends requests for any page it shows, to loopback addresses too. Two checks keep such pages out:
 * a name that an attacker's DNS points at us is not one of ours (DNS rebinding), and a page of another origin
 * says so itself (Origin, Sec-Fetch-Site). Who comes by a Unix socket is let in by file permissions: there
 * the name is not checked, and the page's origin must be the name that the request uses.
 *
 * At a listener that is open at every address of the machine ("0.0.0.0", "::"), any IP address is a name of ours: what
 * DNS can point at us is a name, never a number. That is so of the Host alone. A page has an address too, of whatever
 * machine it lies on: there it is ours only if it calls us by that very address, and the same goes for ports.
 */
#pragma once
#include "daemon/guard.h"
#include "daemon/tokens.h"

#define DOOR_NAME_MAX 261 /* a DNS name of 255 bytes and a port */
#define DOORS_MAX     80  /* 16 names that are allowed, and 4 of each of 16 listeners */

struct doors {
    const struct tokens *tokens; /* NULL: whoever comes in may do everything */
    size_t count;
    struct door {
        char name[DOOR_NAME_MAX + 1];
        bool own;
        bool any_address; /* the name is a port, ":4327" */
    } list[DOORS_MAX];
};

/* Let in who calls us by the address of a listener, as it is written ("127.0.0.1:4327"): its pages are at
 * http. False: there are DOORS_MAX already, or the name is empty or too long. */
bool doors_add_own(struct doors *d, const char *name);
/* The same for any IP address, and "localhost", with this port (":4327"). */
bool doors_add_any_address(struct doors *d, const char *port);
/* The same for a name that somebody has allowed, at http or (from a proxy) https. One without a port stands
 * for any port; a page at another one than the request's own must be at the scheme's. */
bool doors_add_allowed(struct doors *d, const char *name);

/* ERR_FORBIDDEN for a foreign Host, a foreign Origin, or what a page of another site asks for; a GET by which
 * somebody follows a link to us is fine. */
enum err doors_check(const struct doors *d, bool unix_socket, enum method method, const struct guard_facts *f,
                     struct why *why);

/* What who asks may do. */
struct grant doors_grant(const struct doors *d, const struct guard_facts *f);
/* True unless the token of that grant has been taken back since. */
bool doors_still_open(const struct doors *d, uint64_t token);
