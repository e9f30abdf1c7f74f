/*
 * local: the HTTP interface on the local socket, for root on this machine.
 *
 * Why: it is the way in when everything else is broken: no TLS, no store, only the socket's mode
 * (root). Owner: the manager's thread; libmicrohttpd in its external mode. Never: waits for a
 * worker longer than QUERY_MS.
 */
#ifndef PENSTOCK_MGMT_LOCAL_H
#define PENSTOCK_MGMT_LOCAL_H

#include "mgmt/manager.h"

/* Serve this listening socket (taken). 0 or -errno. */
int local_start(struct manager *m, int fd);
void local_stop(struct manager *m);
/* The descriptor to wait on, and the work when it is readable (or after at most local_wait_ms). */
int local_fd(const struct manager *m);
int local_wait_ms(const struct manager *m);
void local_run(struct manager *m);

#endif
