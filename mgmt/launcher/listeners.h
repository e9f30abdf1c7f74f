/*
 * listeners: the listening sockets of one revision, one for each worker and address.
 *
 * Why: sockets that outlive the data plane's process lose no connection when it restarts, and one
 * that both revisions have is handed on, so that a change of policy loses none either.
 * Owner: the revision. Never: accepts.
 */
#ifndef PENSTOCK_LAUNCHER_LISTENERS_H
#define PENSTOCK_LAUNCHER_LISTENERS_H

#include "dataplane/base/addr.h"
#include "dataplane/base/err.h"
#include "dataplane/wire/policy.h"

#define LISTEN_BACKLOG 4096

struct listeners {
    unsigned n, workers;
    struct addr *addrs; /* n, as configured */
    int *fds;           /* n * workers: listener * workers + worker */
};

/*
 * Bind and listen on what policy p wants: SO_REUSEPORT, non-blocking, IPv6 only where IPv6. Sockets
 * of old (may be NULL) with the same address are taken along. An address that another program uses
 * is an error although SO_REUSEPORT might share it. 0, or -errno with *e naming the first link of
 * the listener ("/links/<name>/listen/address").
 */
int listeners_open(struct listeners *out, const struct policy *p, const struct listeners *old,
                   unsigned workers, struct err *e);
void listeners_close(struct listeners *l); /* also of a zeroed one */

#endif
