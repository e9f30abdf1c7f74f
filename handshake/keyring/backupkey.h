/*
 * backupkey: the two keys of a backup, out of its passphrase.
 *
 * Why: one passphrase for the file, and yet mgmt, which writes the file, gets the key of its stream
 * alone: the key that private keys are wrapped under stays here (dataplane/wire/backup.h).
 * Owner: the vault's worker. Never: works on costs that backup_get_head() has not let through.
 */
#ifndef PENSTOCK_KEYRING_BACKUPKEY_H
#define PENSTOCK_KEYRING_BACKUPKEY_H

#include "dataplane/base/err.h"
#include "dataplane/wire/backup.h"
#include "handshake/keyring/wrap.h"

/*
 * stream (to be wiped) and *inner (kek_free() it). 0 or -errno with *e: -EINVAL (too short a
 * passphrase), -ENOMEM.
 */
int backupkey_derive(const struct backup_head *h, const uint8_t *passphrase, size_t n,
                     uint8_t stream[BACKUP_KEY], struct kek **inner, struct err *e);

#endif
