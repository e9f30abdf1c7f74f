/*
 * kdfcost: what it costs to turn a passphrase into a key, before it is done.
 *
 * Why: the file itself says how many rounds; a hostile one would have the vault busy for years.
 * Owner: the caller's budget, one for a whole file. Never: runs anything.
 */
#ifndef PENSTOCK_KEYRING_KDFCOST_H
#define PENSTOCK_KEYRING_KDFCOST_H

#include <stdint.h>
#include <openssl/x509.h>
#include "dataplane/base/err.h"

#define KDFCOST_BUDGET 2000000 /* rounds of one file: about two seconds on a slow core */

/*
 * Take the cost of a password-based algorithm (PBES2 with PBKDF2 or scrypt, PBMAC1, PBES1, those of
 * PKCS#12) off *budget. 0, or with *e: -ENOTSUP (unknown here, or its cipher needs the legacy
 * provider), -E2BIG (over the budget), -EBADMSG.
 */
int kdfcost_take(const X509_ALGOR *alg, uint64_t *budget, struct err *e);
/* The same for a plain number of rounds. */
int kdfcost_take_rounds(const ASN1_INTEGER *rounds, uint64_t *budget, struct err *e);

#endif
