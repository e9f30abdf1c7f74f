/*
 * socket: what the generator's and the backend's own sockets have in common.
 *
 * Why: what they are about to send should wait with them and not in the kernel: thousands that
 * leave megabytes there each use up what a machine has for TCP, and a gateway on the same machine
 * would be measured by that.
 */
#ifndef PENSTOCK_LOAD_SOCKET_H
#define PENSTOCK_LOAD_SOCKET_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#define SOCKET_UNSENT (128 << 10)

static inline void socket_options(int fd)
{
    int one = 1, unsent = SOCKET_UNSENT;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
}

#endif
