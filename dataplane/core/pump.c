/*
 * The pump: bytes from leg to leg, one block at a time. A leg whose socket is full holds one block
 * and stops its partner from reading; nothing else is queued.
 */
#include "dataplane/core/pump.h"

#include <errno.h>
#include <string.h>
#include "dataplane/core/flow.h"
#include "dataplane/core/legs.h"

/* A turn's blocks and bytes: then other sessions have theirs, */
#define BLOCKS_PER_TURN 4
#define BYTES_PER_TURN  (512 * 1024)
/* or if nobody waits for the worker: who is served long wakes its ends less. */
#define BLOCKS_ALONE 16
#define BYTES_ALONE  (2048 * 1024)

static void leg_broken(struct session *s, struct leg *leg, int rc)
{
    leg_fail(leg, rc == -EOVERFLOW || rc == -EIO ? REASON_ENGINE : REASON_RESET, 0,
             rc == -EPIPE || rc == -ECONNRESET ? "the peer reset the connection"
                                               : "sending failed");
    session_close(s, leg->fault, leg->fault_text);
}

/* Send what is owed, then FIN behind close_notify. False if the session ended over it. */
static bool settle(struct worker *w, struct session *s, struct leg *leg)
{
    int rc = leg_settle(w, leg);

    if (rc) {
        leg_broken(s, leg, rc);
        return false;
    }
    if (leg->tx_closed && !leg->out && !leg->fin_sent) {
        leg->fin_sent = true;
        w->net->finish(w, leg);
    }
    if (leg->out || leg->retry_control)
        w->net->want_out(w, s, leg);
    return true;
}

static uint64_t sent_records(const struct leg *leg)
{
    return leg_seals(leg) ? leg->tx.keys.seq : leg->tx_records;
}

static void own_rekey(struct worker *w, struct leg *leg)
{
    if (leg->tls && leg->version == TLS13 && sent_records(leg) >= w->shared->rekey_records)
        leg->owed |= OWE_KEYUPDATE;
}

/* n bytes of src are on their way. */
static void count(struct worker *w, struct session *s, struct leg *src, size_t n)
{
    s->bytes[src->side] += n;
    s->active_ms = w->now_ms;
    leg_volume(src, n);
    leg_volume(leg_other(s, src), n);
    if (src->side == LEG_OUTER)
        s->link->live->up_bytes += n;
    else
        s->link->live->down_bytes += n;
    src->bulk = n >= RECORD_PLAIN_MAX;
}

/* The rest of a delivery: what dst owes now goes out. rc: 0, or -errno of dst. */
static bool delivered(struct worker *w, struct session *s, struct leg *dst, int rc)
{
    if (rc) {
        leg_broken(s, dst, rc);
        return false;
    }
    own_rekey(w, dst);
    return settle(w, s, dst);
}

static bool deliver(struct worker *w, struct session *s, struct leg *src, struct iobuf *io)
{
    struct leg *dst = leg_other(s, src);

    if (io->n == 0) {
        iobuf_put(&w->iobufs, io);
        return true;
    }
    count(w, s, src, io->bytes);
    return delivered(w, s, dst, dst->ops->send(w, dst, io));
}

static void both_closed(struct session *s)
{
    const struct leg *o = &s->leg[LEG_OUTER], *i = &s->leg[LEG_INNER];

    if (o->rx_closed && i->rx_closed && o->fin_sent && i->fin_sent)
        session_close(s, REASON_CLOSED, NULL);
}

/*
 * Bytes that need not be seen here, if that can be. LEG_AGAIN: take a block; else *more as below.
 * A fault found behind the bytes of the last call stands in the leg.
 */
static enum leg_event pump_moved(struct worker *w, struct session *s, struct leg *src, bool *more)
{
    struct leg *dst = leg_other(s, src);
    enum leg_event ev = LEG_AGAIN;
    struct moved m;

    if (src->fault)
        ev = LEG_FAILED;
    else if (src->bulk && w->net->move)
        ev = w->net->move(w, src, dst, &m);
    if (ev == LEG_FAILED)
        session_close(s, src->fault, src->fault_text);
    if (ev != LEG_DATA)
        return ev;
    count(w, s, src, m.n);
    if (m.rest)
        m.error = dst->ops->send(w, dst, m.rest);
    *more = delivered(w, s, dst, m.error) && !dst->out;
    return ev;
}

/* One block from src to its partner. True if another may follow at once. */
static bool pump_block(struct worker *w, struct session *s, struct leg *src)
{
    struct leg *dst = leg_other(s, src);
    struct iobuf *io = iobuf_get(&w->iobufs);
    enum leg_event ev;
    bool more = false;

    if (!io) {
        session_close(s, REASON_INTERNAL, "out of memory");
        return false;
    }
    ev = src->ops->recv(w, src, io, &more);
    if (ev == LEG_FAILED) {
        iobuf_put(&w->iobufs, io);
        session_close(s, src->fault, src->fault_text);
        return false;
    }
    if (!deliver(w, s, src, io) || (src->owed && !settle(w, s, src)))
        return false;
    if (ev == LEG_EOF) {
        src->rx_closed = true;
        dst->owed |= OWE_CLOSE;
        if (settle(w, s, dst))
            both_closed(s);
        return false;
    }
    return more && !dst->out;
}

static bool turn_ends(struct worker *w, int blocks, uint64_t bytes)
{
    if (blocks >= BLOCKS_ALONE || bytes >= BYTES_ALONE)
        return true;
    return (blocks >= BLOCKS_PER_TURN || bytes >= BYTES_PER_TURN) && w->net->awaited(w);
}

void pump_from(struct worker *w, struct session *s, struct leg *src)
{
    struct leg *dst = leg_other(s, src);
    uint64_t before = s->bytes[src->side];
    bool more = true;

    for (int i = 0; more && !turn_ends(w, i, s->bytes[src->side] - before); i++) {
        if (src->rx_closed || dst->out || s->state != SESSION_PUMPING)
            return;
        more = false;
        if (pump_moved(w, s, src, &more) == LEG_AGAIN)
            more = pump_block(w, s, src);
    }
    if (s->state != SESSION_PUMPING || src->rx_closed || dst->out)
        return;
    if (more) {
        src->turn = true;
        list_remove(&s->node);
        list_push(&w->ready, &s->node);
    } else {
        w->net->want_in(w, s, src);
    }
}

int pump_prefix(struct worker *w, struct session *s, const uint8_t *data, size_t n)
{
    struct leg *inner = &s->leg[LEG_INNER];
    struct iobuf *io = iobuf_get(&w->iobufs);
    struct iovec iov[IOBUF_RECORDS];

    if (!io)
        return -ENOMEM;
    iobuf_layout(io, iov);
    memcpy(iov[0].iov_base, data, n); /* PROXY_MAX is less than a record */
    iobuf_filled(io, iov, n);
    return inner->ops->send(w, inner, io);
}

void pump_start(struct worker *w, struct session *s)
{
    for (int i = 0; i < 2 && s->state == SESSION_PUMPING; i++) {
        struct leg *leg = &s->leg[i];
        if (leg->out)
            w->net->want_out(w, s, leg);
        if (leg->tls) /* records may have been read ahead */
            pump_from(w, s, leg);
        else
            w->net->want_in(w, s, leg);
    }
}

void pump_writable(struct worker *w, struct session *s, struct leg *leg)
{
    int rc = leg->ops->flush(w, leg);

    if (rc) {
        leg_broken(s, leg, rc);
        return;
    }
    if (!settle(w, s, leg) || leg->out)
        return;
    both_closed(s);
    if (s->state == SESSION_PUMPING)
        pump_from(w, s, leg_other(s, leg));
}

void pump_turn(struct worker *w, struct session *s)
{
    for (int i = 0; i < 2 && s->state == SESSION_PUMPING; i++) {
        if (!s->leg[i].turn)
            continue;
        s->leg[i].turn = false;
        pump_from(w, s, &s->leg[i]);
    }
}
