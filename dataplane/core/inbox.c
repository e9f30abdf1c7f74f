#include "dataplane/core/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

int inbox_init(struct inbox *b)
{
    b->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->event_fd < 0)
        return -errno;
    pthread_mutex_init(&b->lock, NULL);
    list_init(&b->notes);
    return 0;
}

void inbox_fini(struct inbox *b)
{
    struct note *n;

    while ((n = inbox_take(b))) {
        free(n->fds);
        free(n);
    }
    close(b->event_fd);
    pthread_mutex_destroy(&b->lock);
}

struct note *note_new(enum note_kind kind)
{
    struct note *n = calloc(1, sizeof *n);

    if (n) {
        n->kind = kind;
        n->fd = -1;
    }
    return n;
}

void inbox_post(struct inbox *b, struct note *n)
{
    uint64_t one = 1;
    ssize_t wrote;

    pthread_mutex_lock(&b->lock);
    list_push(&b->notes, &n->node);
    pthread_mutex_unlock(&b->lock);
    wrote = write(b->event_fd, &one, sizeof one); /* can only fail when it is already readable */
    (void)wrote;
}

struct note *inbox_take(struct inbox *b)
{
    struct note *n = NULL;
    uint64_t count;
    ssize_t got = read(b->event_fd, &count, sizeof count);

    (void)got; /* nothing to clear is fine */
    pthread_mutex_lock(&b->lock);
    if (!list_empty(&b->notes)) {
        n = list_entry(b->notes.next, struct note, node);
        list_remove(&n->node);
    }
    pthread_mutex_unlock(&b->lock);
    return n;
}
