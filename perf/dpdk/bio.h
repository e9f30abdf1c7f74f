/*
 * bio: OpenSSL over a connection of wire.h that is no descriptor.
 * Owner: the SSL has it.
 */
#ifndef PENSTOCK_PERF_BIO_H
#define PENSTOCK_PERF_BIO_H

#include <openssl/ssl.h>
#include <stdbool.h>

/* From here on ssl reads and writes fd. False: no memory. */
bool bio_attach(SSL *ssl, int fd);

#endif
