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

#define SIGN_WAITS        128 /* legs that wait for a token; the keyring takes no more of a process */
#define SIGN_REMOTES      64  /* identities in tokens that are remembered */
#define SIGN_REMOTE_BYTES 640 /* a token's signature */

struct fibre;

/* A leg that waits in its fibre (sign_wait.h). */
struct sign_wait {
    bool used, answered;
    uint32_t request;
    void *leg;
    uint64_t until_ms;
    int error; /* 0, or an errno (positive) */
    uint8_t signature[SIGN_REMOTE_BYTES];
    size_t n_signature;
};

struct signer {
    int fd;        /* keys channel, -1: none now */
    uint32_t next; /* request number */
    uint32_t age;  /* how many channels there were */
    /* Wait a while for a new channel (the keyring is being restarted); true when fd is usable
     * again. */
    bool (*renew)(void *arg);
    void *arg;
    struct fibre *fibre; /* that runs now; NULL: none, and a signature is waited for on the spot */
    void *leg;           /* whose it is */
    struct sign_wait waits[SIGN_WAITS];
    unsigned n_waits;               /* of them in use */
    uint64_t remotes[SIGN_REMOTES]; /* revision << 16 | index, and one */
    unsigned n_remotes;
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
