/*
 * sock: a leg's byte stream when a socket carries it, and the legs that only a socket can have.
 *
 * Why: the kernel's calls and options stand in one place; what is done with the bytes is core's.
 * Owner: the leg's worker.
 */
#ifndef PENSTOCK_URING_SOCK_H
#define PENSTOCK_URING_SOCK_H

#include "dataplane/core/worker.h"

/* Small writes leave at once. Connections have it from their listener. */
void sock_no_delay(int fd);
/*
 * While held back, only full segments leave. For kernel TLS, which gives each record to TCP by
 * itself, and in two halves if it lies on two blocks of memory: every one would be a packet.
 */
void sock_hold_back(int fd, bool on);
/*
 * A listening or not yet connected socket whose other end can only be on this machine: congestion
 * control without pacing, whatever the system's default is. There is no path to pace for, and the
 * timers of a pacing one (BBR) cost more there than the copying. After the connection is up it
 * would be too late: pacing, once begun, stays.
 */
void sock_local(int fd, const struct addr *at);
/* The next close() resets the connection. */
void sock_hard(int fd);

/* As struct net_ops says. */
ssize_t sock_read(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n);
ssize_t sock_write(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n);
void sock_options(struct worker *w, struct leg *leg, uint32_t keepalive_s, uint32_t user_timeout_s);
void sock_finish(struct worker *w, struct leg *leg);
void sock_reset(struct worker *w, struct leg *leg);
void sock_hang_up(struct worker *w, struct leg *leg);
void sock_refuse(struct worker *w, int fd);

extern const struct leg_ops leg_ktls_ops;

/* What a failed read of kernel TLS means; sets the leg's fault. err: errno. */
enum leg_event leg_ktls_error(struct leg *leg, int err);
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
