/*
 * vaultline: mgmt's requests to the vault in the keyring, and its answers.
 *
 * Why: a key may take seconds to make, while requests are served; a key file of a configuration is
 * wrapped on the way, and its revision waits. So there is one queue, of which the keyring has one
 * request at a time, and two ways to ask: be told later, or wait.
 * Owner: the manager. Never: keeps a passphrase longer than its request; waits for the keyring
 * beyond a bound; leaves whoever asked without an answer.
 */
#ifndef PENSTOCK_MGMT_VAULTLINE_H
#define PENSTOCK_MGMT_VAULTLINE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/sealed.h"
#include "dataplane/wire/vault.h"

#define VAULTLINE_QUEUE   16    /* requests that wait */
#define VAULTLINE_WORK_MS 60000 /* for one: an RSA key of 4096 bits on a slow machine */

struct manager;

/* What came of it: rc 0 and the answer (borrowed for the call), or -errno with *e. */
typedef void vaultline_done(void *arg, int rc, const struct vault_answer *a, const struct err *e);

struct vaultline_request;

struct vaultline {
    int fd; /* -1: the keyring is not there */
    enum kek_kept kek_kept;
    uint32_t last;                   /* number given to a request */
    struct vaultline_request *queue; /* in their order; the first is the keyring's if `sent` */
    unsigned n_queue;
    bool sent;
    uint64_t until_ms; /* of the one that was sent */
    uint8_t *message;  /* where answers are received */
};

void vaultline_init(struct vaultline *v);
/* The keyring's channel (taken); requests of the one before have failed. */
void vaultline_take(struct manager *m, int fd, enum kek_kept kek_kept);
/*
 * Ask. body: the request, its number 0 (copied; it is written there); fd: of IMPORT, else -1
 * (duplicated). 0: done will be called once; -EBUSY (too many wait), -EAGAIN (no keyring), -ENOMEM:
 * with *e, and it will not be called.
 */
int vaultline_ask(struct manager *m, uint8_t type, const struct buf *body, int fd,
                  vaultline_done *done, void *arg, struct err *e);
/*
 * Ask, ahead of all that waits, and wait. 0 and *a, which borrows from v->message until the next
 * request; or -errno with *e: what the vault says, or that it does not.
 */
int vaultline_wait(struct manager *m, uint8_t type, const struct buf *body, struct vault_answer *a,
                   struct err *e);
/* One row to wait on; and what came of it. */
void vaultline_poll(const struct manager *m, struct pollfd *p);
void vaultline_run(struct manager *m);

#endif
