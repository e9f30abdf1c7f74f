/*
 * keystore: the private keys of the running revision, of some before it, and of one being prepared.
 *
 * Why: a handshake ends on the revision that it began with, however fast revisions follow: those
 * before stay, and a key file that is the same in several of them is one key.
 * Nothing outside keystore and keyfile reads a private key.
 * Owner: the keyring's one thread. Never: hands a key out; it signs or refuses.
 */
#ifndef PENSTOCK_KEYRING_KEYSTORE_H
#define PENSTOCK_KEYRING_KEYSTORE_H

#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/keywire.h"
#include "dataplane/wire/policy.h"

struct keyset; /* the keys of one revision */

struct kek;

/* What the launcher handed over for one attachment. */
struct keystore_file {
    int fd;   /* the key file, or -1 */
    int slot; /* the token process that has the key, or -1 */
};

#define KEYSTORE_KEPT 8 /* revisions: the running one, and those before it */

struct keystore {
    const struct kek *kek; /* opens wrapped key files; not owned, NULL: there is none */
    struct keyset *kept[KEYSTORE_KEPT]; /* newest first */
    struct keyset *prepared;
};

void keystore_init(struct keystore *k);
void keystore_fini(struct keystore *k);
/*
 * Read and prove the key of every identity of p: it is the one of the certificate, and of a kind
 * that is taken. files: n of them, the caller's. A key in a token is proved by its process.
 * Replaces what was prepared before. 0 or -errno with *e ("/identities/<name>/key").
 */
int keystore_prepare(struct keystore *k, const struct policy *p, const struct keystore_file *files,
                     uint32_t n, struct err *e);
/* The prepared revision runs from now on. 0, or -ENOENT: this one was not prepared. */
int keystore_commit(struct keystore *k, uint64_t revision);
void keystore_abort(struct keystore *k);
/*
 * Is the key in a token? 1: no, keystore_sign() has it, or nobody has. 0: yes, in that of *slot,
 * and the content was judged as for a key that is here. -EPERM: that refused it.
 */
int keystore_token(struct keystore *k, const struct keywire_sign *m, unsigned *slot);
/*
 * Sign as m asks. out holds *n bytes and gets the length. 0, -ENOENT (no such revision or
 * identity), -EPERM, -EIO, -ENOMEM.
 */
int keystore_sign(struct keystore *k, const struct keywire_sign *m, uint8_t *out, size_t *n);

#endif
