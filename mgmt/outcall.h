/*
 * outcall: a stream to a server of somebody else's, through a link of the gateway's own.
 *
 * Why: mgmt speaks no TLS and opens no connection; the data plane takes the other end of a socket
 * pair as the plain side of an originating link, so that trust, names and keys are judged as for
 * any peer (renewal, the log's collector, the partner of a pair).
 * Owner: the caller, of the descriptor.
 */
#ifndef PENSTOCK_MGMT_OUTCALL_H
#define PENSTOCK_MGMT_OUTCALL_H

struct manager;

/* The plain end, not blocking: what is written there arrives behind `link`. Or -errno. */
int outcall_open(struct manager *m, const char *link);

#endif
