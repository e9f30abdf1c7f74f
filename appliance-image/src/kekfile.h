/*
 * kekfile: the key-encryption key's files in the gateway's state directory.
 *
 *   keyring.kek        the key, in clear or sealed (dataplane/wire/sealed.h)
 *   keyring.kek.new    the next one, until it is whole
 *   keyring.kek.clear  the one in clear that a sealed one has replaced, until it is overwritten
 *
 * Why: at every step a power cut leaves one file that opens, and a clear copy never outlives the
 * next start. Owner: the caller's directory. Never: takes a lost key for a new appliance.
 */
#ifndef PENSTOCK_IMAGE_KEKFILE_H
#define PENSTOCK_IMAGE_KEKFILE_H

#include "dataplane/base/err.h"
#include "dataplane/wire/sealed.h"

enum kekfile_kind {
    KEKFILE_NEW,    /* there is none, and the gateway has never started */
    KEKFILE_CLEAR,  /* in clear: key */
    KEKFILE_SEALED, /* by a TPM: sealed */
};

struct kekfile {
    enum kekfile_kind kind;
    uint8_t key[SEALED_KEY]; /* of CLEAR; to be wiped */
    struct sealed sealed;    /* of SEALED */
};

/*
 * What lies in the directory `dir`. 0 with *f; or -errno with *e: -ENOENT (there is none, but keys
 * may have been stored under it), -EPROTO (damaged), -EPERM (others than its owner may read it).
 */
int kekfile_look(int dir, struct kekfile *f, struct err *e);

/* Write the next one. It counts with kekfile_swap(). 0 or -errno with *e. */
int kekfile_prepare(int dir, const struct sealed *s, struct err *e);
/* Read it again from the disk. 0 or -errno with *e. */
int kekfile_prepared(int dir, struct sealed *s, struct err *e);
/* Forget it. */
void kekfile_drop(int dir);
/* It is the one from now on; one in clear before it is kept as keyring.kek.clear. 0 or -errno. */
int kekfile_swap(int dir, struct err *e);
/* Overwrite and remove what was in clear; nothing to do is no error. 0 or -errno with *e. */
int kekfile_clean(int dir, struct err *e);

#endif
