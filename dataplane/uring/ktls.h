/*
 * ktls: the kernel's TLS interface: attaching, installing keys, control records.
 *
 * Why: the numbers and traps of setsockopt(SOL_TLS) and the record-type messages stand in one
 * place, used by the leg and by the start-up probe. Source: linux/tls.h,
 * Documentation/networking/tls.rst, and measured behaviour of 6.1, 6.12 and 7.2. Owner: plain
 * functions over a descriptor. Never: keeps a key.
 */
#ifndef PENSTOCK_URING_KTLS_H
#define PENSTOCK_URING_KTLS_H

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "dataplane/wire/keys.h"

enum ktls_direction { KTLS_TX = 1, KTLS_RX = 2 };

/* Attach the ULP to a connected TCP socket. 0 or -errno (-ENOENT: no module). */
int ktls_attach(int fd);
/* Install one direction; k's key and iv must be derived. Wipes what it built. 0 or -errno. */
int ktls_install(int fd, enum ktls_direction dir, const struct traffic_keys *k);
/* Send one record of a type other than data. 0 or -errno. */
int ktls_send_control(int fd, uint8_t type, const uint8_t *data, size_t n);
/* Receive into iov; *type gets the record type (23 unless a control record came). As recvmsg. */
ssize_t ktls_recv(int fd, struct iovec *iov, size_t n_iov, uint8_t *type);

#endif
