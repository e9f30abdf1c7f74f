/*
 * keyring: the process that holds the private keys: its control channel, the lanes on which
 * handshake processes ask for signatures, and mgmt's one channel to the vault.
 *
 * Why: whoever parses strangers' bytes has no key; who has the keys answers one question only.
 * Owner: one thread, one loop; the vault's worker is apart (vaultlane). Never: waits for a
 * handshake process: one that does not take its answer is not read from until it does, and the
 * others are served meanwhile.
 */
#ifndef PENSTOCK_KEYRING_KEYRING_H
#define PENSTOCK_KEYRING_KEYRING_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/wire/chan.h"
#include "handshake/keyring/keystore.h"
#include "handshake/keyring/tokenlane.h"
#include "handshake/keyring/vaultlane.h"

#define KEYRING_LANES 64

struct lane {
    int fd; /* -1: none */
    uint8_t answer[KEYWIRE_SIGNATURE_MAX + 64];
    size_t n_answer; /* waits for room in the channel; 0: none */
};

struct keyring {
    int control;
    struct keystore keys;
    struct vaultlane *vault;
    struct tokenlane *tokens;
    struct kek *kek;             /* from the launcher, once; NULL: none yet */
    bool kek_due;                /* nothing that would need it has come before it */
    uint64_t revision;           /* of what is attached so far */
    int image;                   /* attached, or -1 */
    struct keystore_file *files; /* attached, by index */
    uint32_t n_files;
    bool done;
    int exit_code;
    uint64_t warned_ms; /* refusals are logged once a second */
    uint32_t unlogged;
    struct lane lanes[KEYRING_LANES];
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];
};

/*
 * control becomes the keyring's. Before the sandbox: no descriptor can be made later. NULL: out of
 * memory or descriptors.
 */
struct keyring *keyring_new(int control);
void keyring_free(struct keyring *k);
/* Say READY and serve until the launcher closes the channel. Returns the exit status. */
int keyring_run(struct keyring *k);

/* orders.c: what the launcher orders. 0, or -EPROTO: not in this order, or malformed. */
int keyring_order(struct keyring *k, struct chan_msg *m);
void keyring_drop_attached(struct keyring *k);

#endif
