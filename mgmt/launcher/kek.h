/*
 * kek: the key under which the keyring encrypts the private keys that mgmt stores.
 *
 * Why: what lies in the state directory (and in its backups) must be of no use without a second
 * thing. Best is a credential of the service manager, which a TPM can seal
 * (LoadCredentialEncrypted=keyring.kek in the unit; on the appliance, penstock-seal does); without
 * one it is a file of 0600 beside the state, and the operator is told.
 * Owner: the launcher makes it once and hands the keyring a sealed copy. Never: is replaced when a
 * damaged or a sealed one is found: every stored key would be lost with it.
 */
#ifndef PENSTOCK_LAUNCHER_KEK_H
#define PENSTOCK_LAUNCHER_KEK_H

#include "dataplane/base/err.h"
#include "dataplane/wire/sealed.h"

#define KEK_NAME  "keyring.kek"
#define KEK_BYTES SEALED_KEY

/*
 * A sealed copy of the key: of $CREDENTIALS_DIRECTORY/keyring.kek, else of keyring.kek in the
 * directory `dir`, which is made when it is missing. *kept tells where it is kept: a credential
 * beside a file that a TPM has sealed is what is in that file. Descriptor, or -errno with *e.
 */
int kek_open(int dir, enum kek_kept *kept, struct err *e);

#endif
