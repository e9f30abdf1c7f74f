/*
 * vaultwork: one request of mgmt, from its bytes to the answer's.
 *
 * Why: all that the vault does runs apart from the loop that signs, and knows no channel.
 * Owner: the vault's worker while it works on the job. Keys that a request opens live until it is
 * answered. Never: puts a key in clear, or a word of a passphrase, into an answer.
 */
#ifndef PENSTOCK_KEYRING_VAULTWORK_H
#define PENSTOCK_KEYRING_VAULTWORK_H

#include <stdatomic.h>
#include <stdint.h>
#include "dataplane/wire/chan.h"
#include "dataplane/wire/vault.h"
#include "handshake/keyring/wrap.h"

struct vaultjob {
    const struct kek *kek; /* NULL: there is none */
    atomic_bool *stop;     /* set: the answer is wanted no more */
    uint8_t type;
    struct buf body; /* of the request */
    int fd;          /* IMPORT: the file; WRAP: the copy, -1: it has not come; else -1 */
    struct buf out;  /* of CHAN_BODY_MAX bytes: the answer's body */
};

/* Do it. 0: out holds an ANSWER; -EPROTO: the request is malformed, or of no known type. */
int vaultwork(struct vaultjob *job);
/* Does this type of request come with a descriptor? */
bool vaultwork_takes_file(uint8_t type);

#endif
