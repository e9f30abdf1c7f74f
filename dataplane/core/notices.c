#include "dataplane/core/notices.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "dataplane/core/gate.h"
#include "dataplane/core/session.h"
#include "dataplane/core/worker.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/notice.h"

#define LENGTH  sizeof(uint32_t)
#define MESSAGE (48 * 1024) /* rows go together up to this; a larger one goes alone */

void notices_init(struct notices *o)
{
    *o = (struct notices){.fd = -1};
}

void notices_fini(struct notices *o)
{
    if (o->fd >= 0)
        close(o->fd);
    free(o->mem);
    notices_init(o);
}

void notices_attach(struct notices *o, int fd)
{
    uint8_t *mem = o->mem ? o->mem : malloc(NOTICES_ROOM);

    if (o->fd >= 0)
        close(o->fd);
    *o = (struct notices){.fd = mem ? fd : -1, .mem = mem};
    if (!mem)
        close(fd);
}

/* Where rows begin again when all were sent. */
static void add(struct notices *o, const struct notice *m)
{
    struct buf b;
    uint32_t n;

    if (o->n + LENGTH > NOTICES_ROOM) {
        o->lost++;
        return;
    }
    buf_init(&b, o->mem + o->n + LENGTH, NOTICES_ROOM - o->n - LENGTH);
    notice_put(&b, m);
    if (!buf_ok(&b)) {
        o->lost++;
        return;
    }
    n = (uint32_t)b.len;
    memcpy(o->mem + o->n, &n, LENGTH);
    o->n += LENGTH + n;
}

static int64_t wall_ms(void)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000 + now.tv_usec / 1000;
}

static void fill(struct notice *m, const struct session *s)
{
    m->at_ms = wall_ms();
    m->session = s->id;
    m->revision = s->gate ? s->gate->policy->revision : 0;
    snprintf(m->link, sizeof m->link, "%s", s->link ? s->link->policy->name : "");
    m->reason = s->reason;
    snprintf(m->text, sizeof m->text, "%s", s->text);
    m->source = s->leg[LEG_OUTER].addr;
    m->target = s->leg[LEG_INNER].addr;
}

void notices_refused(struct notices *o, const struct session *s, const struct handoff_failed *m)
{
    static const size_t room = sizeof(struct notice);
    struct notice *row = o->fd < 0 ? NULL : calloc(1, room);

    if (!row)
        return;
    fill(row, s);
    row->kind = NOTICE_REFUSED;
    row->side = s->leg[LEG_INNER].addr.len ? LEG_INNER : LEG_OUTER;
    snprintf(row->peer, sizeof row->peer, "%s", s->peer_name);
    if (m) {
        row->n_reasons = m->n_reasons;
        memcpy(row->reasons, m->reasons, m->n_reasons * sizeof m->reasons[0]);
        row->chain = m->chain;
        row->n_chain = m->n_chain;
    }
    add(o, row);
    free(row);
}

void notices_ended(struct notices *o, const struct session *s)
{
    struct notice *row = o->fd < 0 ? NULL : calloc(1, sizeof *row);
    const struct peer *peer;

    if (!row)
        return;
    fill(row, s);
    row->kind = NOTICE_ENDED;
    row->side = s->leg[LEG_OUTER].tls ? LEG_OUTER : LEG_INNER;
    peer = s->leg[row->side == LEG_OUTER ? LEG_OUTER : LEG_INNER].peer;
    snprintf(row->peer, sizeof row->peer, "%s", peer ? peer->facts.name : "");
    row->up_bytes = session_up(s);
    row->down_bytes = session_down(s);
    row->age_ms = s->worker->now_ms - s->start_ms;
    add(o, row);
    free(row);
}

/* As many rows as fit, from `sent` on, in one message. 0 or -errno. */
static int send_some(struct notices *o)
{
    uint8_t message[MESSAGE];
    size_t at = o->sent, used = 0;
    struct buf b;
    int rc;

    while (at < o->n) {
        uint32_t n;

        memcpy(&n, o->mem + at, LENGTH);
        if (used + n > MESSAGE)
            break;
        memcpy(message + used, o->mem + at + LENGTH, n);
        used += n;
        at += LENGTH + n;
    }
    if (used) {
        buf_init_read(&b, message, used);
    } else { /* one that is larger than that */
        uint32_t n;

        memcpy(&n, o->mem + at, LENGTH);
        buf_init_read(&b, o->mem + at + LENGTH, n);
        at += LENGTH + n;
    }
    rc = chan_send(o->fd, NOTICE_ROWS, &b, NULL, 0);
    if (!rc)
        o->sent = at;
    return rc;
}

void notices_flush(struct notices *o)
{
    struct notice lost = {.kind = NOTICE_LOST};
    int rc = 0;

    while (o->fd >= 0 && o->sent < o->n && !rc)
        rc = send_some(o);
    if (rc && rc != -EAGAIN) {
        close(o->fd); /* mgmt is gone: the next one brings a channel */
        o->fd = -1;
    }
    if (o->sent < o->n && o->fd >= 0)
        return;
    o->n = o->sent = 0;
    if (o->lost && o->fd >= 0) {
        lost.count = o->lost;
        o->lost = 0;
        add(o, &lost);
    }
}
