/*
 * make: a backup of this gateway, read out piece by piece.
 *
 *   passphrase -> vault: the two keys -> every private key re-wrapped, one by one -> whoever asked
 *   reads the file: head, pieces of manifest, document, authority, objects, keys
 *
 * Why: a box that burns must come back with its links. Owner: whoever asked, from `done` on.
 * Never: holds the passphrase longer than the vault's answer; more than one at a time.
 */
#ifndef PENSTOCK_MGMT_BACKUP_MAKE_H
#define PENSTOCK_MGMT_BACKUP_MAKE_H

#include <sys/types.h>
#include "mgmt/manager.h"

struct backup;

/* It can be read (backup_free() it), or -errno with *e and no backup. */
typedef void backup_done(void *arg, struct backup *b, int rc, const struct err *e);

/*
 * Begin one. 0: done will be called once; or -errno with *e: -EBUSY, -EAGAIN, -EINVAL (passphrase),
 * -EACCES (a key that is in use does not open), -ENOMEM.
 */
int backup_begin(struct manager *m, const uint8_t *passphrase, size_t n, backup_done *done,
                 void *arg, struct err *e);
/* Keys that it holds. */
unsigned backup_keys(const struct backup *b);
/* The next bytes of the file: how many, 0 (that was all), or -errno: it must not be used. */
ssize_t backup_read(struct backup *b, void *out, size_t max);
void backup_free(struct backup *b);

#endif
