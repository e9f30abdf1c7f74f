/*
 * cryptodev: crypto devices, open, and who works with which.
 *
 * Why: what a device can is asked once, at the start; cipher then only works. Owner: private to
 * cipher.c and cryptodev.c.
 */
#ifndef PENSTOCK_DPDK_CRYPTODEV_H
#define PENSTOCK_DPDK_CRYPTODEV_H

#include <rte_crypto.h>
#include <rte_cryptodev.h>
#include <rte_mbuf.h>
#include "dataplane/base/err.h"
#include "dataplane/record/seal.h"
#include "dataplane/wire/policy.h"

#define CRYPTO_AEADS 3
#define CRYPTO_AAD   16 /* bytes before the content in a job's packet */

/* One record, in memory of the device's. In its packet: additional data | content | tag. */
struct crypto_job {
    struct rte_crypto_op *op;
    struct rte_mbuf *m;
    const uint8_t *in; /* opening: where the record lies */
    uint8_t *out;      /* sealing: where its content lies, and goes back to */
    size_t len;
    uint8_t nonce[12];
    uint8_t n_aad;
    bool flying; /* the device has it */
};

struct crypto_call { /* one record, where it lies */
    const uint8_t *nonce, *aad;
    size_t n_aad;
    const uint8_t *in;
    uint8_t *out; /* len bytes, and the tag */
    size_t len;
};

struct crypto_side {
    struct seal *of; /* whose; NULL: nobody's */
    unsigned n, next;
    struct crypto_job job[SEAL_AHEAD];
};

struct crypto_lane { /* one worker's queue of one device */
    uint16_t queue;
    bool used, lost;
    struct crypto_side sealing, opening;
};

struct cryptodev {
    char name[POLICY_DEVICE_MAX]; /* as configured */
    uint8_t id;                   /* DPDK's */
    bool direct;                  /* it computes within the call: no queue */
    bool has[CRYPTO_AEADS];
    uint16_t queues;
    struct rte_mempool *sessions;
    struct crypto_lane lane[POLICY_LCORES_MAX];
};

struct cryptodevs {
    unsigned n;
    struct cryptodev dev[POLICY_CRYPTO_MAX];
    int8_t chosen[POLICY_LCORES_MAX][CRYPTO_AEADS]; /* device, by worker; -1: none */
};

/* The job whose operation this is. */
struct crypto_job *cryptodev_job(struct rte_crypto_op *op);
/* 12 bytes for the operation's nonce. */
uint8_t *cryptodev_nonce(struct rte_crypto_op *op);
#define CRYPTO_IV_OFFSET (sizeof(struct rte_crypto_op) + sizeof(struct rte_crypto_sym_op))

/* A key in the device, for n_aad bytes of additional data each time. NULL: it takes no more. */
void *cryptodev_session(const struct cryptodev *dev, const struct traffic_keys *k, size_t n_aad,
                        enum rte_crypto_aead_operation way);

/* By a device that is direct: c->out, where the message is already. 0, or errno: EBADMSG is a wrong
 * tag. */
int cryptodev_compute(const struct cryptodev *dev, void *session, const struct crypto_call *c);

/* As cipher_open(), without the test. */
int cryptodevs_open(struct cryptodevs *all, const struct policy_dpdk *p, struct err *e);

#endif
