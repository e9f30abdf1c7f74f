/*
 * sock: the few socket calls that every kind of leg shares.
 *
 * Why: sending a block's pieces, parking what did not fit, and reading errors the same way
 * everywhere. Owner: the leg's worker.
 */
#ifndef PENSTOCK_URING_SOCK_H
#define PENSTOCK_URING_SOCK_H

#include "dataplane/core/worker.h"

/* Descriptor options of a session's socket: no delay, keep-alive, user time-out. */
void sock_options(int fd, uint32_t keepalive_s, uint32_t user_timeout_s);
/*
 * A listening or not yet connected socket whose other end can only be on this machine: congestion
 * control without pacing, whatever the system's default is. There is no path to pace for, and the
 * timers of a pacing one (BBR) cost more there than the copying. After the connection is up it
 * would be too late: pacing, once begun, stays.
 */
void sock_local(int fd, const struct addr *at);
/* The next close() resets the connection. */
void sock_hard(int fd);

/*
 * Send io's pieces. When all went out the block is freed, else it is kept as leg->out.
 * 0 (look at leg->out) or -errno (the block is freed).
 */
int sock_send(struct worker *w, struct leg *leg, struct iobuf *io);
/* Go on with leg->out, the same way. */
int sock_flush(struct worker *w, struct leg *leg);
/* Send bytes as they are, behind what is waiting. 0 or -errno. */
int sock_send_bytes(struct worker *w, struct leg *leg, const uint8_t *data, size_t n);

/* What a failed recv means: LEG_AGAIN, or LEG_FAILED with the leg's fault set. */
enum leg_event sock_recv_error(struct leg *leg, int err);

/* Lay out io's memory as IOBUF_RECORDS pieces of RECORD_PLAIN_MAX with room around each, for
 * reading. */
void iobuf_layout(struct iobuf *io, struct iovec iov[IOBUF_RECORDS]);
/* n bytes were read into that layout: make them pieces. */
void iobuf_filled(struct iobuf *io, const struct iovec iov[IOBUF_RECORDS], size_t n);

extern const struct leg_ops leg_plain_ops, leg_soft_ops, leg_ktls_ops;

/* Put the keys in leg->rx/tx to work. 0 or -errno. */
int leg_soft_install(struct leg *leg);
/* NULL if the kernel can carry this leg, else why not. */
const char *leg_ktls_unfit(const struct ktls_ability *k, const struct leg *leg, bool required);
/*
 * Attach the kernel's TLS to a connection that may get keys later. The kernel wants it ESTABLISHED
 * for that, which it no longer is when the peer's request and FIN arrive right behind its Finished.
 */
void leg_ktls_offer(int fd);
/* 0; -EAGAIN: nothing was installed, soft may be used; other: the socket is of no more use. */
int leg_ktls_install(struct leg *leg);

#endif
