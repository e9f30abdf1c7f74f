#include "dataplane/base/timer.h"

#include <errno.h>
#include <stdlib.h>

#include "dataplane/base/check.h"

/* heap[0] is unused: places count from 1, so that parent and children are i/2, 2i and 2i+1. */

static void place(struct timers *t, struct timer *tm, size_t slot)
{
    t->heap[slot] = tm;
    tm->slot = slot;
}

static void sift_up(struct timers *t, struct timer *tm, size_t slot)
{
    for (; slot > 1 && t->heap[slot / 2]->due_ms > tm->due_ms; slot /= 2)
        place(t, t->heap[slot / 2], slot);
    place(t, tm, slot);
}

static void sift_down(struct timers *t, struct timer *tm, size_t slot)
{
    size_t child;

    for (; (child = 2 * slot) <= t->count; slot = child) {
        if (child < t->count && t->heap[child + 1]->due_ms < t->heap[child]->due_ms)
            child++;
        if (t->heap[child]->due_ms >= tm->due_ms)
            break;
        place(t, t->heap[child], slot);
    }
    place(t, tm, slot);
}

/* Put tm where it belongs, beginning at a slot that is free for it. */
static void settle(struct timers *t, struct timer *tm, size_t slot)
{
    if (slot > 1 && t->heap[slot / 2]->due_ms > tm->due_ms)
        sift_up(t, tm, slot);
    else
        sift_down(t, tm, slot);
}

int timers_init(struct timers *t, size_t cap)
{
    struct timer **heap;

    if (cap >= SIZE_MAX / sizeof(struct timer *))
        return -ENOMEM;
    heap = calloc(cap + 1, sizeof(struct timer *));
    if (!heap)
        return -ENOMEM;
    *t = (struct timers){.heap = heap, .cap = cap};
    return 0;
}

void timers_fini(struct timers *t)
{
    free(t->heap);
    *t = (struct timers){0};
}

void timers_set(struct timers *t, struct timer *tm, uint64_t due_ms)
{
    if (!tm->slot) {
        check(t->count < t->cap);
        tm->slot = ++t->count;
    } else {
        check(tm->slot <= t->count && t->heap[tm->slot] == tm);
    }
    tm->due_ms = due_ms;
    settle(t, tm, tm->slot);
}

void timers_cancel(struct timers *t, struct timer *tm)
{
    size_t slot = tm->slot;
    struct timer *last;

    if (!slot)
        return;
    check(slot <= t->count && t->heap[slot] == tm);
    last = t->heap[t->count--];
    tm->slot = 0;
    if (last != tm)
        settle(t, last, slot);
}

struct timer *timers_pop(struct timers *t, uint64_t now_ms)
{
    struct timer *first;

    if (!t->count || t->heap[1]->due_ms > now_ms)
        return NULL;
    first = t->heap[1];
    timers_cancel(t, first);
    return first;
}

uint64_t timers_wait_ms(const struct timers *t, uint64_t now_ms, uint64_t max_ms)
{
    uint64_t wait_ms;

    if (!t->count)
        return max_ms;
    if (t->heap[1]->due_ms <= now_ms)
        return 0;
    wait_ms = t->heap[1]->due_ms - now_ms;
    return wait_ms < max_ms ? wait_ms : max_ms;
}
