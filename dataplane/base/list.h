/*
 * list: an intrusive doubly linked list.
 *
 * Why: an object sits in lists without an allocation, and leaves in O(1).
 * Owner: the list owns nothing; one thread.
 */
#ifndef PENSTOCK_BASE_LIST_H
#define PENSTOCK_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_push(struct list *head, struct list *item) /* at the end */
{
    item->prev = head->prev;
    item->next = head;
    head->prev->next = item;
    head->prev = item;
}

/* Take item out of its list and leave it as a list of one, so that a second removal is harmless. */
static inline void list_remove(struct list *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->next = item->prev = item;
}

/* All of `from`, in its order, goes before what is in head; `from` is empty then. */
static inline void list_join(struct list *head, struct list *from)
{
    if (list_empty(from))
        return;
    from->prev->next = head->next;
    head->next->prev = from->prev;
    from->next->prev = head;
    head->next = from->next;
    list_init(from);
}

#define list_entry(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define list_for_each(pos, head)      for (pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_safe(pos, tmp, head)                                                         \
    for (pos = (head)->next, tmp = pos->next; pos != (head); pos = tmp, tmp = pos->next)

#endif
