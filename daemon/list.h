/*
 * list.h - a ring of structs that carry their own links: any member leaves in O(1), nothing is allocated.
 *
 * A `struct list` is either the head of a ring or one member of it. A member that is on no ring points at
 * itself.
 */
#pragma once
#include "heap/base/check.h"

struct list {
    struct list *prev, *next;
};

/* The struct of `type` whose `member` is at `link`. */
#define LIST_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *l)
{
    l->prev = l->next = l;
}

/* For a head: no members. For a member: on no ring. */
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}

static inline void list_push(struct list *head, struct list *member)
{
    CHECK(list_empty(member));
    member->prev = head->prev;
    member->next = head;
    head->prev->next = member;
    head->prev = member;
}

/* Fine for a member that is on no ring. */
static inline void list_remove(struct list *member)
{
    member->prev->next = member->next;
    member->next->prev = member->prev;
    list_init(member);
}

/* Move all members of `from` behind those of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
