/*
 * creds: what the client side of every session shares: anchors, client certificates, TLS settings.
 *
 * Why: a handshake should cost the generator as little as a real client's, so a gateway certificate
 * that was verified once is known from then on (its signature over each handshake is still
 * checked), certificates are parsed once, thousands of them in seconds, and OpenSSL finds only the
 * algorithms that a handshake may want (handshake/provide.h, before creds_init). Owner: made before
 * the processes part, then used by each alone. Never: resumes a session: every handshake is a full
 * one.
 */
#ifndef PENSTOCK_LOAD_CREDS_H
#define PENSTOCK_LOAD_CREDS_H

#include <openssl/ssl.h>
#include <stddef.h>
#include "perf/load/options.h"

/* One client certificate. */
struct cred {
    X509 *leaf;
    STACK_OF(X509) * above; /* its intermediates */
    EVP_PKEY *key;
    ino_t inode; /* of the key's file */
    dev_t device;
};

struct creds {
    SSL_CTX *ctx;
    OSSL_LIB_CTX *files; /* in which private keys were read */
    struct cred *list;   /* in order of their names */
    size_t count;
    const char *name;
    uint8_t known[32]; /* SHA-256 of the gateway certificate that was verified last */
};

/*
 * Load what the options name; nothing for a plain run. Secrets of a session go to the `struct
 * secrets` that is its app data (SSL_set_app_data). 0; -EINVAL, -ENOENT or -ENOMEM with *e.
 * creds_fini() in any case.
 */
int creds_init(struct creds *c, const struct options *o, struct err *e);
void creds_fini(struct creds *c); /* harmless on a zeroed struct */
/* A session with certificate number `which`, modulo their count; NULL: out of memory. */
SSL *creds_session(struct creds *c, uint64_t which);

#endif
