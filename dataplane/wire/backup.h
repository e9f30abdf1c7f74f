/*
 * backup: the head of a backup file: which version it has, and how a passphrase becomes its keys.
 *
 * Why: mgmt writes and reads the file, the keyring derives its keys (vault.h); both have to agree
 * on what may be asked of the key derivation, or a hostile file costs hours or all memory. Owner:
 * pure. Never: lets a cost through that is out of bounds.
 *
 *   magic "PENSTBAK" | version u8 | log2 N u8 | r u8 | p u8 | salt (32)
 *
 * scrypt (RFC 7914) of passphrase and salt gives 64 bytes: the stream's key, which is mgmt's, and
 * the key under which private keys are wrapped, which stays in the keyring.
 */
#ifndef PENSTOCK_WIRE_BACKUP_H
#define PENSTOCK_WIRE_BACKUP_H

#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/buf.h"

#define BACKUP_HEAD    44
#define BACKUP_SALT    32
#define BACKUP_KEY     32
#define BACKUP_VERSION 1

/* What is written: 32 MiB, some tenths of a second. */
#define BACKUP_LOG2_N 15
#define BACKUP_R      8
#define BACKUP_P      3
/* What is read: 128 MiB and six times as long at most. */
#define BACKUP_LOG2_N_MIN 14
#define BACKUP_LOG2_N_MAX 17
#define BACKUP_P_MAX      4

/* Of a passphrase: fewer bytes are guessed from the file. */
#define BACKUP_PASSPHRASE_MIN 12

struct backup_head {
    uint8_t version, log2_n, r, p;
    uint8_t salt[BACKUP_SALT];
};

void backup_put_head(struct buf *b, const struct backup_head *h);
/*
 * 0; -EBADMSG (no backup, or cut), -EPROTONOSUPPORT (h->version tells which), -E2BIG (its cost is
 * out of bounds).
 */
int backup_get_head(struct buf *b, struct backup_head *h);

#endif
