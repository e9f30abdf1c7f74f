/*
 * tpm: a key sealed by a TPM 2.0, and opened again.
 *
 * Why: the key-encryption key must be of no use to whoever has the disk alone. It lies in an object
 * below the TPM's storage root key (ECC P-256 of the owner hierarchy, made from its seed at every
 * use, so the TPM keeps nothing), whose only way of being opened is a policy over PCR 7, or over no
 * PCR. It has no password: nothing that anybody guesses, or that a lockout could hold up (noDA).
 * What is sealed and what is opened crosses the bus encrypted, in a session salted to the storage
 * root key; the sealed file names that key, so that nobody on the bus can put another in its place
 * when it is opened. Owner: the caller. Never: logs, stores, or leaves anything in the TPM.
 */
#ifndef PENSTOCK_IMAGE_TPM_H
#define PENSTOCK_IMAGE_TPM_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/err.h"
#include "dataplane/wire/sealed.h"

struct tpm;

/*
 * conf: as libtss2-tctildr takes it: "device:/dev/tpmrm0". 0 with *t, or -errno with *e: -ENODEV
 * (there is none), -EAGAIN (it can not do it now; so of all below), -EIO (it does not work).
 */
int tpm_open(const char *conf, struct tpm **t, struct err *e);
void tpm_close(struct tpm *t);

/* Has anything been measured into PCR 7, in the SHA-256 bank? */
bool tpm_measured(struct tpm *t);

/* Seal a key. 0 with *s, or -EIO with *e. */
int tpm_seal(struct tpm *t, enum sealed_binding binding, const uint8_t key[SEALED_KEY],
             struct sealed *s, struct err *e);

/*
 * Open it. 0 and the key, to be wiped by the caller; or -errno with *e: -EXDEV (another TPM has
 * sealed it), -EPERM (PCR 7 is not as it was), -EPROTO (damaged), -EIO (the TPM does not work).
 */
int tpm_unseal(struct tpm *t, const struct sealed *s, uint8_t key[SEALED_KEY], struct err *e);

#endif
