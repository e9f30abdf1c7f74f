/*
 * statedir: the directory that belongs to this instance alone, with the local socket and the
 * directory of penstock-mgmt in it.
 *
 * Why: two daemons on one directory would answer for each other; the lock says so at once.
 * Owner: the launcher. Never: follows a link to the lock or the socket; removes anything but its
 * own stale socket.
 */
#ifndef PENSTOCK_LAUNCHER_STATEDIR_H
#define PENSTOCK_LAUNCHER_STATEDIR_H

#include "dataplane/base/err.h"

struct statedir {
    int dir, lock;
    int socket; /* listening, AF_UNIX stream, 0600: DIR/penstock.sock */
    int mgmt;   /* DIR/mgmt, 0700, of the user that penstock-mgmt runs as */
};

/* Make DIR (0700, with its parents) and DIR/mgmt if missing, lock it, listen. 0 or -errno with *e.
 */
int statedir_open(struct statedir *s, const char *path, struct err *e);
/* Remove the socket, release the lock. Harmless after a failed open. */
void statedir_close(struct statedir *s);

#endif
