/*
 * tcp: connections of lwIP as the core's net wants them: read, write, finish, reset, dial, listen.
 *
 * Why: lwIP tells what happened in callbacks from inside of its own work, where nothing may be
 * closed; here a callback only notes it, and the loop lets the core act afterwards.
 * Owner: the worker's thread; a connection belongs to one leg, by its index in leg->fd.
 * Never: takes more from a peer than its leg has read (the window opens by what was read).
 */
#ifndef PENSTOCK_DPDK_TCP_H
#define PENSTOCK_DPDK_TCP_H

#include <stdbool.h>
#include <lwip/tcp.h>
#include "dataplane/base/hash.h"
#include "dataplane/base/pool.h"
#include "dataplane/core/health.h"
#include "dataplane/core/worker.h"
#include "dataplane/dpdk/packets.h"
#include "dataplane/dpdk/port.h"
#include "dataplane/dpdk/whole.h"

#define TCP_LISTENERS_MAX 512

struct conn {
    struct list node; /* in tcp.ready or tcp.accepted */
    struct tcp *tcp;
    struct tcp_pcb *pcb; /* NULL: lwIP has no more of it */
    struct session *s;   /* whom to tell */
    struct leg *leg;
    struct packets rx;
    struct whole whole;
    uint32_t withheld; /* bytes that its window is short of */
    uint32_t sent;     /* bytes sent and not acknowledged */
    int error;         /* -errno once lwIP gave it up */
    bool eof, connected, reset;
    bool starved; /* lwIP was out of memory: look again at the next millisecond */
    struct addr peer, local;
    uint32_t user_timeout_ms;
    uint64_t progress_ms; /* when something sent was last acknowledged, or nothing was out */
};

struct tcp_listener {
    struct addr addr;
    struct tcp_pcb *pcb;
};

struct tcp {
    struct worker *w;
    struct ports *ports;
    struct pool conns;
    struct list ready;    /* something a leg may want to know has happened */
    struct list accepted; /* handshake done, not yet a session */
    struct list starved;
    size_t sent; /* bytes of all connections that are not acknowledged */
    struct whole_all whole;
    struct tcp_listener listener[TCP_LISTENERS_MAX];
    unsigned n_listeners;
    struct health health; /* of the first worker: there is one check of a target, not one of each */
    uint64_t health_ms;   /* when it looks again */
};

/* 0 or -ENOMEM. Two connections for each of w's sessions. */
int tcp_begin(struct tcp *t, struct worker *w, struct ports *ports);
/* Let the core act on what has happened. True if there was anything. */
bool tcp_events(struct tcp *t);
/* A millisecond has passed. */
void tcp_tick(struct tcp *t);

/* The core's net (worker.h), over the struct tcp in w->ring. */
extern const struct net_ops tcp_net;

/* Parts of that table that have files of their own. */
int tcp_listen_on(struct worker *w, const struct policy *p, const int *fds, unsigned n);
void tcp_stop_listening(struct worker *w);
void tcp_dial(struct worker *w, struct session *s, const struct policy_target *t);
void tcp_dial_writable(struct worker *w, struct session *s);
void tcp_dial_cancel(struct worker *w, struct session *s);
/* Begin a connection as the link has them. Its index, or -errno (-ENETUNREACH: no port leads
 * there). */
int tcp_connect_to(struct tcp *t, const struct policy_link *l, const struct addr *to);

/* A connection for a leg to be, with lwIP's callbacks set; NULL: there are as many as there may be.
 */
struct conn *conn_new(struct tcp *t, struct tcp_pcb *pcb);
/* Let go of it: closed (or reset, if asked for). */
void conn_free(struct conn *c);
int conn_index(const struct conn *c);
struct conn *conn_of(struct worker *w, int index);

#endif
