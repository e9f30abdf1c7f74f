/*
 * sign: an OpenSSL provider whose keys live in the keyring.
 *
 * Why: this process parses what strangers send and must hold no private key; OpenSSL asks the
 * provider to sign, the provider asks the keyring. Owner: one struct signer in the process, made
 * before the sandbox; keys made here belong to their SSL_CTX. Never: sends a digest: the keyring
 * sees the whole TLS content and judges it.
 */
#ifndef PENSTOCK_HANDSHAKE_SIGN_H
#define PENSTOCK_HANDSHAKE_SIGN_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"

struct signer {
    int fd;        /* keys channel, -1: none now */
    uint32_t next; /* request number */
    /* Wait a while for a new channel (the keyring is being restarted); true when fd is usable
     * again. */
    bool (*renew)(void *arg);
    void *arg;
    bool lost;                         /* the last request got no answer */
    uint8_t *mem;                      /* one message */
    struct ossl_provider_st *provider; /* "penstock", loaded until the process ends */
};

/* Load the provider "penstock" beside provide's; it stays until the process ends. Call once. 0 or
 * -errno. */
int sign_init(struct signer *s);
/* A new channel; takes fd. */
void sign_attach(struct signer *s, int fd);
/*
 * A key object for identity `index` of `revision` whose public half is in the certificate's key
 * `pub`. NULL with *e filled.
 */
EVP_PKEY *sign_key(EVP_PKEY *pub, uint64_t revision, uint16_t index, struct err *e);

#endif
