/*
 * The ktls leg: the kernel seals and opens; control records come and go by cmsg. Only the secrets
 * stay here, for KeyUpdate; keys and IVs are wiped once the kernel has them.
 */
#include <errno.h>
#include <sys/socket.h>
#include "dataplane/base/secret.h"
#include "dataplane/core/stream.h"
#include "dataplane/record/schedule.h"
#include "dataplane/uring/ktls.h"
#include "dataplane/uring/sock.h"

static int install(struct leg *leg, enum ktls_direction dir, struct traffic_keys *k)
{
    int rc = ktls_install(leg->fd, dir, k);

    secret_wipe(k->key, sizeof k->key);
    secret_wipe(k->iv, sizeof k->iv);
    return rc;
}

static int rekey(struct leg *leg, enum ktls_direction dir, struct traffic_keys *k)
{
    int rc = schedule_update(k);

    return rc ? rc : install(leg, dir, k);
}

static int ktls_rekey_rx(struct worker *w, struct leg *leg)
{
    (void)w;
    return rekey(leg, KTLS_RX, &leg->rx.keys);
}

static int ktls_rekey_tx(struct worker *w, struct leg *leg)
{
    (void)w;
    return rekey(leg, KTLS_TX, &leg->tx.keys);
}

enum leg_event leg_ktls_error(struct leg *leg, int err)
{
    switch (err) {
    case EBADMSG:
        return leg_fail(leg, REASON_DECRYPT, 20, "a record failed authentication");
    case EMSGSIZE:
        return leg_fail(leg, REASON_RECORD_SIZE, 22, "a record of a forbidden size");
    case EINVAL:
        return leg_fail(leg, REASON_RECORD_TYPE, 10, "a record of a forbidden type or version");
    case EKEYEXPIRED:
        return leg_fail(
            leg, REASON_REKEY_UNSUPPORTED, 0,
            "the kernel can not take a KeyUpdate that is split over records: engine soft does");
    default:
        return stream_recv_error(leg, err);
    }
}

static enum leg_event ktls_leg_recv(struct worker *w, struct leg *leg, struct iobuf *io, bool *more)
{
    struct iovec iov[IOBUF_RECORDS];
    /* A control record, or the error that was taken for one. */
    bool announced = leg->control_next;
    uint8_t type;
    ssize_t n;

    iobuf_layout(io, iov);
    leg->control_next = false;
    n = ktls_recv(leg->fd, iov, iobuf_records(&w->iobufs), &type);
    /* The kernel gives what it has decrypted; only an empty answer says that nothing more waits. */
    *more = n > 0 && (type != CONTENT_DATA || n >= RECORD_PLAIN_MAX);
    if (n < 0)
        return leg_ktls_error(leg, announced && errno == EAGAIN ? EINVAL : errno);
    if (n == 0 && type == CONTENT_DATA)
        return leg_fail(leg, REASON_TRUNCATED, 0, "the connection ended without close_notify");
    if (type != CONTENT_DATA)
        return leg_control_record(w, leg, type, iov[0].iov_base, (size_t)n, ktls_rekey_rx);
    if (!post_idle(&leg->post))
        return leg_fail(leg, REASON_RECORD_TYPE, 10, "data inside a handshake message");
    leg->seen_data = true;
    iobuf_filled(io, iov, (size_t)n);
    return LEG_DATA;
}

/* Several records leave together. */
static int send_together(struct worker *w, struct leg *leg, struct iobuf *io)
{
    const bool several = io->bytes > RECORD_PLAIN_MAX;
    int rc;

    if (several)
        sock_hold_back(leg->fd, true);
    rc = stream_send(w, leg, io);
    if (several)
        sock_hold_back(leg->fd, false);
    return rc;
}

/* The kernel counts no records; every call here begins at least one. */
static int ktls_leg_send(struct worker *w, struct leg *leg, struct iobuf *io)
{
    leg->tx_records += io->bytes / RECORD_PLAIN_MAX + 1;
    return send_together(w, leg, io);
}

static int ktls_leg_flush(struct worker *w, struct leg *leg)
{
    return leg->out ? send_together(w, leg, leg->out) : 0;
}

static int ktls_leg_control(struct worker *w, struct leg *leg, uint8_t type, const uint8_t *data,
                            size_t n)
{
    (void)w;
    leg->tx_records++;
    return ktls_send_control(leg->fd, type, data, n);
}

const char *leg_ktls_unfit(const struct ktls_ability *k, const struct leg *leg, bool required)
{
    const struct suite *s = leg->rx.keys.suite;

    if (!k->usable)
        return k->why[0] ? k->why : "this kernel has no TLS";
    if (!k->suite[s->version == TLS13][s->aead])
        return "this kernel's TLS lacks the suite";
    if (leg->in.n)
        return "records were read ahead of the keys";
    if (leg->addr.sa.sa_family == AF_UNIX)
        return "kernel TLS needs a TCP socket";
    if (s->version == TLS13 && !k->rekey && !required)
        return "this kernel can not rekey (before 6.14)";
    return NULL;
}

void leg_ktls_offer(int fd)
{
    ktls_attach(fd); /* a failure shows again, and matters, when there are keys */
}

/* Attached already (see leg_ktls_offer), or now. */
static int ktls_ready(int fd)
{
    int rc = ktls_attach(fd);

    return rc == -EEXIST ? 0 : rc;
}

int leg_ktls_install(struct leg *leg)
{
    int rc = schedule_keys(&leg->rx.keys);

    if (!rc)
        rc = schedule_keys(&leg->tx.keys);
    if (!rc && ktls_ready(leg->fd))
        return -EAGAIN;
    if (!rc && ktls_install(leg->fd, KTLS_TX, &leg->tx.keys))
        return -EAGAIN;
    if (!rc)
        rc = install(leg, KTLS_RX, &leg->rx.keys);
    secret_wipe(leg->tx.keys.key, sizeof leg->tx.keys.key);
    secret_wipe(leg->tx.keys.iv, sizeof leg->tx.keys.iv);
    if (!rc)
        leg->ops = &leg_ktls_ops;
    return rc;
}

const struct leg_ops leg_ktls_ops = {
    .engine = LEG_KTLS,
    .recv = ktls_leg_recv,
    .send = ktls_leg_send,
    .flush = ktls_leg_flush,
    .control = ktls_leg_control,
    .rekey_tx = ktls_rekey_tx,
};
