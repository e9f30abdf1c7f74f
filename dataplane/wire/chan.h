/*
 * chan: typed, versioned, bounded messages over a SOCK_SEQPACKET socket pair.
 *
 * Why: one message is one packet: no framing to get wrong, descriptors ride along, a dead peer is
 * an EOF. Every message starts with four bytes: version (1), type, and a zero u16. Owner: the
 * descriptor is the caller's. Never: blocks (both ends are non-blocking); hands out a message that
 * was cut, has another version, or more descriptors than asked for (they are closed).
 */
#ifndef PENSTOCK_WIRE_CHAN_H
#define PENSTOCK_WIRE_CHAN_H

#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/buf.h"

#define CHAN_VERSION  1
#define CHAN_HEADER   4
#define CHAN_BODY_MAX (128 * 1024) /* bytes of one message's body */
#define CHAN_FDS_MAX  4

struct chan_msg {
    uint8_t type;
    struct buf body; /* reads inside the caller's memory */
    int fds[CHAN_FDS_MAX];
    size_t n_fds; /* the receiver's to close; chan_msg_close_fds() closes what is left */
};

/* A connected pair, close-on-exec and non-blocking, with send buffers for several large messages.
 */
int chan_pair(int fds[2]);
/* A connection to whoever listens at this path, close-on-exec and non-blocking; or -errno. */
int chan_dial(const char *path);

/*
 * Send one message. body may be NULL; fds are duplicated to the receiver and stay the caller's.
 * 0, -EAGAIN (the queue is full), -EMSGSIZE, -EPIPE/-ECONNRESET (peer is gone), -EINVAL (body bad).
 */
int chan_send(int fd, uint8_t type, const struct buf *body, const int *fds, size_t n_fds);

/* The same, but waits for room (poll) for at most timeout_ms; then -ETIMEDOUT. */
int chan_send_wait(int fd, uint8_t type, const struct buf *body, const int *fds, size_t n_fds,
                   int timeout_ms);

/*
 * Receive one message into mem (cap >= CHAN_HEADER + the largest body expected, normally
 * CHAN_HEADER + CHAN_BODY_MAX). 1: *m is filled; 0: the peer closed; -EAGAIN: none waiting;
 * -EPROTO: a message that breaks the rules (the channel should be dropped).
 */
int chan_recv(int fd, void *mem, size_t cap, struct chan_msg *m);

/* Take descriptor i out of the message (the caller owns it), or -1. */
int chan_msg_take_fd(struct chan_msg *m, size_t i);
void chan_msg_close_fds(struct chan_msg *m);

/*
 * A read-only sealed memfd holding n bytes (sealed against write, grow, shrink and further seals).
 * Descriptor or -errno. name is for /proc only.
 */
int memfd_seal(const char *name, const void *data, size_t n);
/*
 * Map a sealed memfd read-only. Refuses one that is not sealed (-EPERM) or above max (-EFBIG).
 * On success data and n are set; unmap with munmap(). fd stays the caller's.
 */
int memfd_map(int fd, size_t max, const void **data, size_t *n);

#endif
