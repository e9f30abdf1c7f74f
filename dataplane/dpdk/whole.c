#include "dataplane/dpdk/whole.h"

#include "dataplane/dpdk/packets.h"
#include "dataplane/record/frame.h"
#include "dataplane/record/seal.h"
#include "dataplane/wire/handoff.h"

struct place { /* in the packets */
    const struct pbuf *p;
    size_t at;   /* of p's bytes */
    size_t left; /* bytes from here on */
};

static struct place place_first(const struct packets *q)
{
    return (struct place){.p = q->first, .at = q->at, .left = q->n};
}

/* n bytes further, of those that are left. */
static void place_skip(struct place *w, size_t n)
{
    w->at += n;
    w->left -= n;
    while (w->p && w->at >= w->p->len) {
        w->at -= w->p->len;
        w->p = w->p->next;
    }
}

/* Size of the record that begins here, as frame_size(). */
static long place_size(struct place w)
{
    uint8_t header[RECORD_HEADER];
    size_t n = 0;

    if (!w.left)
        return 0;
    if (w.p->len - w.at >= RECORD_HEADER)
        return frame_size((const uint8_t *)w.p->payload + w.at, RECORD_HEADER, RECORD_BODY_MAX);
    while (w.left && n < RECORD_HEADER) {
        header[n++] = ((const uint8_t *)w.p->payload)[w.at];
        place_skip(&w, 1);
    }
    return frame_size(header, n, RECORD_BODY_MAX);
}

/* Bytes of the first record, whether or not all are there; at least one. */
static size_t first_size(const struct packets *q)
{
    long size = place_size(place_first(q));

    return size < 0 ? 1 : size == 0 ? RECORD_HEADER : (size_t)size;
}

/* Bytes of the whole records in front; of all, where something follows that can not be a record. */
static size_t whole_bytes(const struct packets *q, size_t room)
{
    struct place w = place_first(q);
    size_t done = 0;

    for (;;) {
        long size = place_size(w);

        if (size < 0)
            return q->n < room ? q->n : room;
        if (size == 0 || (size_t)size > w.left || (size_t)size > room - done)
            return done;
        place_skip(&w, (size_t)size);
        done += (size_t)size;
    }
}

static void hold(struct whole *r, struct whole_all *all, uint32_t n)
{
    all->held += n;
    all->held -= r->held;
    r->held = n;
}

bool whole_ready(struct whole *r, struct whole_all *all, const struct packets *q)
{
    if (!q->first || !r->records)
        return q->first;
    if (r->size <= RECORD_HEADER && q->n >= r->size)
        r->size = (uint32_t)first_size(q);
    hold(r, all, q->n < r->size ? q->parts : 0);
    return !r->held || r->held > WHOLE_EACH || all->held > all->most;
}

size_t whole_due(struct whole *r, struct whole_all *all, const struct packets *q, bool records,
                 bool last, size_t room)
{
    size_t n;

    whole_end(r, all);
    if (!records)
        return room;
    r->records = true;
    n = whole_bytes(q, room);
    if (n || (!last && !whole_ready(r, all, q)))
        return n;
    whole_end(r, all); /* the next read begins inside of a record */
    return room;
}

void whole_end(struct whole *r, struct whole_all *all)
{
    hold(r, all, 0);
    *r = (struct whole){0};
}
