/*
 * wire: the connections below the generator's sessions and its backend's.
 *
 * Why: the same modes load a gateway through the kernel (wire.c: sockets and epoll) and through
 * Ethernet ports of DPDK (perf/dpdk/wire.c); the linker chooses one. Owner: one process's loop; a
 * connection is a small number that is its caller's until wire_close(). Never: blocks, but in
 * wire_wait().
 */
#ifndef PENSTOCK_LOAD_WIRE_H
#define PENSTOCK_LOAD_WIRE_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include "dataplane/base/addr.h"

/* Begin, in the process that will use it. What wire_wait() and others take, or -errno. */
int wire_begin(void);
void wire_end(int wire);
/*
 * A connection under way to `to` (from `source`, if not NULL), of which wire_wait() tells `who`
 * when it is writable. Or -EMFILE, -EADDRNOTAVAIL (no port is left), -ECONNREFUSED.
 */
int wire_dial(int wire, const struct addr *to, const struct addr *source, void *who);
int wire_error(int fd);             /* why connecting failed, as errno; 0: it did not */
bool wire_attach(SSL *ssl, int fd); /* OpenSSL reads and writes it */
/* Bytes moved, 0 at the end of the stream (recv), or -errno. */
ssize_t wire_recv(int fd, void *to, size_t n);
ssize_t wire_drop(int fd, size_t n); /* received, and not wanted */
ssize_t wire_send(int fd, const void *from, size_t n);
ssize_t wire_send_fixed(int fd, const void *from, size_t n); /* bytes that never change */
void wire_finish(int fd);                                    /* no more is sent */
void wire_patient(int fd, int bytes); /* to wake for fewer received bytes is not worth it */
void wire_close(int fd, bool hard);   /* hard: with RST, so that no port stays behind */
/* What to be told of from now on: EPOLLIN, EPOLLOUT. False: no memory. */
bool wire_watch(int wire, int fd, uint32_t events, void *who); /* for the first time */
void wire_want(int wire, int fd, uint32_t events, void *who);
/* Up to n events, within ns. */
int wire_wait(int wire, struct epoll_event *ev, int n, uint64_t ns);

#endif
