#include "mgmt/launcher/outbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/wire/chan.h"

struct waiting {
    struct list in_queue;
    int fd; /* ours, or -1 */
    uint8_t type;
    size_t n_body;
    uint8_t body[];
};

void outbox_init(struct outbox *o)
{
    list_init(&o->queue);
    o->n = 0;
}

static void drop(struct outbox *o, struct waiting *w)
{
    list_remove(&w->in_queue);
    o->n--;
    if (w->fd >= 0)
        close(w->fd);
    free(w);
}

void outbox_fini(struct outbox *o)
{
    struct list *pos, *tmp;

    list_for_each_safe(pos, tmp, &o->queue) drop(o, list_entry(pos, struct waiting, in_queue));
}

bool outbox_empty(const struct outbox *o)
{
    return list_empty(&o->queue);
}

static int enqueue(struct outbox *o, uint8_t type, const struct buf *body, int fd)
{
    size_t n = body ? body->len : 0;
    struct waiting *w;

    if (o->n >= OUTBOX_MAX)
        return -ENOBUFS;
    w = malloc(sizeof(*w) + n);
    if (!w)
        return -ENOMEM;
    w->fd = -1;
    if (fd >= 0) {
        w->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
        if (w->fd < 0) {
            int rc = -errno;

            free(w);
            return rc;
        }
    }
    w->type = type;
    w->n_body = n;
    if (n)
        memcpy(w->body, body->data, n);
    list_push(&o->queue, &w->in_queue);
    o->n++;
    return 0;
}

int outbox_send(struct outbox *o, int chan, uint8_t type, const struct buf *body, int fd)
{
    if (body && !buf_ok(body))
        return -EINVAL;
    if (outbox_empty(o)) {
        int rc = chan_send(chan, type, body, &fd, fd >= 0 ? 1 : 0);

        if (rc != -EAGAIN)
            return rc;
    }
    return enqueue(o, type, body, fd);
}

int outbox_flush(struct outbox *o, int chan)
{
    while (!outbox_empty(o)) {
        struct waiting *w = list_entry(o->queue.next, struct waiting, in_queue);
        struct buf body;
        int rc;

        buf_init(&body, w->body, w->n_body);
        body.len = w->n_body;
        rc = chan_send(chan, w->type, &body, &w->fd, w->fd >= 0 ? 1 : 0);
        if (rc)
            return rc;
        drop(o, w);
    }
    return 0;
}
