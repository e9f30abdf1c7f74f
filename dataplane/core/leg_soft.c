/* The soft leg: records are opened and sealed here, in place, by record/seal. */
#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/core/legs.h"
#include "dataplane/core/stream.h"
#include "dataplane/record/frame.h"

/* RFC 8446 5.2; TLS 1.2 allows more expansion, but no AEAD suite uses more than 24 bytes of it. */
#define BODY_MAX (RECORD_PLAIN_MAX + 256)

static int soft_rekey_rx(struct worker *w, struct leg *leg)
{
    (void)w;
    return seal_update(&leg->rx);
}

static int soft_rekey_tx(struct worker *w, struct leg *leg)
{
    (void)w;
    return seal_update(&leg->tx);
}

static enum leg_event open_error(struct leg *leg, int rc)
{
    switch (rc) {
    case -EBADMSG:
        return leg_fail(leg, REASON_DECRYPT, 20, "a record failed authentication");
    case -EMSGSIZE:
        return leg_fail(leg, REASON_RECORD_SIZE, 22, "a record of a forbidden size");
    case -EPROTO:
        return leg_fail(leg, REASON_RECORD_TYPE, 10, "a record of a forbidden type");
    default:
        return leg_fail(leg, REASON_ENGINE, 80, "the record engine failed");
    }
}

static enum leg_event soft_record(struct worker *w, struct leg *leg, struct iobuf *io,
                                  uint8_t *record, size_t n)
{
    struct opened o;
    int rc = open_record(&leg->rx, record, n, &o);

    if (rc)
        return open_error(leg, rc);
    if (o.type != CONTENT_DATA)
        return leg_control_record(w, leg, o.type, o.data, o.n, soft_rekey_rx);
    if (!post_idle(&leg->post))
        return leg_fail(leg, REASON_RECORD_TYPE, 10, "data inside a handshake message");
    leg->seen_data = true;
    iobuf_add(io, o.data, o.n);
    return LEG_DATA;
}

/* Every whole record of the n bytes at p; *used is what they took. */
static enum leg_event soft_records(struct worker *w, struct leg *leg, struct iobuf *io, uint8_t *p,
                                   size_t n, size_t *used)
{
    enum leg_event ev = LEG_DATA;

    *used = 0;
    open_ahead(&leg->rx, p, n);
    while (ev == LEG_DATA) {
        long size = frame_size(p + *used, n - *used, BODY_MAX);

        if (size == -EMSGSIZE || size == -EPROTO)
            return open_error(leg, (int)size);
        if (size == 0 || (size_t)size > n - *used)
            return LEG_DATA;
        ev = soft_record(w, leg, io, p + *used, (size_t)size);
        *used += (size_t)size;
    }
    return ev;
}

/* A whole record (or a bad one) that was read ahead of the keys: nothing more is needed to go on.
 */
static bool read_ahead(const struct leg *leg)
{
    long size = leg->in.n ? frame_size(leg->in.data, leg->in.n, BODY_MAX) : 0;

    return size < 0 || (size > 0 && size <= (long)leg->in.n);
}

/* Bytes that the record at the stash's start still lacks. 0: none, or its header is not there. */
static size_t lacking(const struct stash *in)
{
    long size = in->n ? frame_size(in->data, in->n, BODY_MAX) : 0;

    return size > (long)in->n ? (size_t)size - in->n : 0;
}

/* The stash goes to base, what is read behind it; *have counts both. As net->read. */
static ssize_t read_behind(struct worker *w, struct leg *leg, uint8_t *base, size_t room,
                           size_t *have)
{
    size_t old = leg->in.n;
    ssize_t n;

    if (old)
        memcpy(base, leg->in.data, old);
    n = read_ahead(leg) ? -EAGAIN
                        : w->net->read(w, leg, &(struct iovec){base + old, room - old}, 1);
    *have = old + (n > 0 ? (size_t)n : 0);
    return n;
}

/*
 * What the stash's record lacks is read into the stash, and behind it to where it will lie at base:
 * one that comes in many pieces is copied once, not with each of them. *have: bytes at base; 0
 * while the record is not whole. As net->read.
 */
static ssize_t read_rest(struct worker *w, struct leg *leg, size_t lack, uint8_t *base, size_t room,
                         size_t *have)
{
    struct stash *in = &leg->in;
    size_t whole = in->n + lack;
    struct iovec iov[2] = {{in->data + in->n, lack}, {base + whole, room - whole}};
    ssize_t n = w->net->read(w, leg, iov, 2);

    *have = 0;
    if (n > 0)
        in->n += (uint32_t)((size_t)n < lack ? (size_t)n : lack);
    if (in->n == whole) {
        memcpy(base, in->data, whole);
        *have = whole + (size_t)n - lack;
    }
    return n;
}

static enum leg_event soft_recv(struct worker *w, struct leg *leg, struct iobuf *io, bool *more)
{
    uint8_t *base = io->mem + IOBUF_FRONT;
    size_t old = leg->in.n, all = iobuf_records(&w->iobufs) * (size_t)IOBUF_RECORD, have, used;
    size_t lack = lacking(&leg->in);
    enum leg_event ev, sock = LEG_DATA;
    ssize_t n;

    check(old + lack < all);
    if (stash_reserve(&leg->in, old + lack))
        return leg_fail(leg, REASON_INTERNAL, 80, "out of memory");
    n = lack ? read_rest(w, leg, lack, base, all, &have) : read_behind(w, leg, base, all, &have);
    *more = n == (ssize_t)(all - old);
    if (n < 0)
        sock = stream_recv_error(leg, (int)-n);
    else if (n == 0)
        sock = LEG_EOF;
    if (have == 0 && sock != LEG_EOF)
        return sock;
    io->gap = seal_overhead(&leg->rx);
    ev = soft_records(w, leg, io, base, have, &used);
    if (ev != LEG_DATA)
        return ev;
    if (sock == LEG_EOF) /* FIN, and no close_notify came before it */
        return leg_fail(leg, REASON_TRUNCATED, 0, "the connection ended without close_notify");
    if (stash_set(&leg->in, base + used, have - used))
        return leg_fail(leg, REASON_INTERNAL, 80, "out of memory");
    return sock;
}

/* Begin to seal one piece where it lies, or to `out` when the room around it is too small. */
static int seal_piece(struct leg *leg, struct iovec *piece, uint8_t *out)
{
    size_t prefix = seal_prefix(&leg->tx), n;
    uint8_t *to = out ? out : (uint8_t *)piece->iov_base - prefix;
    int rc = seal_begin(&leg->tx, CONTENT_DATA, piece->iov_base, piece->iov_len, to, &n);

    if (!rc)
        *piece = (struct iovec){.iov_base = to, .iov_len = n};
    return rc;
}

/* Seal all of io's pieces, where they lie or into copy. No library has anything to do with either
 * any more when it returns. */
static int seal_pieces(struct leg *leg, struct iobuf *io, struct iobuf *copy)
{
    uint8_t *to = copy ? copy->mem : NULL;
    int rc = 0, end;

    for (unsigned i = 0; i < io->n && !rc; i++) {
        struct iovec piece = io->piece[i];

        rc = seal_piece(leg, &piece, to);
        if (!copy) {
            io->piece[i] = piece;
            continue;
        }
        copy->piece[copy->n++] = piece;
        to += piece.iov_len;
        check(to <= copy->mem + IOBUF_MEM);
    }
    end = seal_finish(&leg->tx);
    return rc ? rc : end;
}

static int soft_send(struct worker *w, struct leg *leg, struct iobuf *io)
{
    struct iobuf *copy = NULL;
    int rc = 0;

    /* A TLS 1.3 record leaves less room than a TLS 1.2 one needs: such a bridge copies. */
    if (io->gap < seal_overhead(&leg->tx)) {
        copy = iobuf_get(&w->iobufs);
        rc = copy ? 0 : -ENOMEM;
    }
    if (!rc)
        rc = seal_pieces(leg, io, copy);
    if (rc || copy)
        iobuf_put(&w->iobufs, io);
    if (rc) {
        iobuf_put(&w->iobufs, copy);
        return rc;
    }
    return stream_send(w, leg, copy ? copy : io);
}

static int soft_control(struct worker *w, struct leg *leg, uint8_t type, const uint8_t *data,
                        size_t n)
{
    uint8_t record[64];
    size_t len;
    int rc;

    check(n + seal_overhead(&leg->tx) <= sizeof record);
    rc = seal_record(&leg->tx, type, data, n, record, &len);
    return rc ? rc : stream_send_bytes(w, leg, record, len);
}

int leg_soft_install(struct leg *leg, const struct leg_ops *ops,
                     const struct seal_ops *(*library)(enum aead aead))
{
    struct traffic_keys rx, tx;
    int rc;

    traffic_keys_move(&rx, &leg->rx.keys);
    traffic_keys_move(&tx, &leg->tx.keys);
    rc = seal_init(&leg->rx, &rx, library(rx.suite->aead));
    if (!rc)
        rc = seal_init(&leg->tx, &tx, library(tx.suite->aead));
    traffic_keys_wipe(&rx);
    traffic_keys_wipe(&tx);
    if (!rc)
        leg->ops = ops;
    return rc;
}

const struct leg_ops leg_soft_ops = {
    .engine = LEG_SOFT,
    .recv = soft_recv,
    .send = soft_send,
    .flush = stream_flush,
    .control = soft_control,
    .rekey_tx = soft_rekey_tx,
};

const struct leg_ops leg_dpdk_ops = {
    .engine = LEG_DPDK,
    .recv = soft_recv,
    .send = soft_send,
    .flush = stream_flush,
    .control = soft_control,
    .rekey_tx = soft_rekey_tx,
};
