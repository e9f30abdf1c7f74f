/*
 * passphrase: the one that a request carries, in the header Penstock-Passphrase (base64).
 *
 * Why: the body of such a request is a file as it is. Owner: the caller wipes what it gets. Never:
 * is said in an answer, a log line or the audit.
 */
#ifndef PENSTOCK_MGMT_API_PASSPHRASE_H
#define PENSTOCK_MGMT_API_PASSPHRASE_H

#include "dataplane/wire/vault.h"
#include "mgmt/api/call.h"

#define PASSPHRASE_HEADER "Penstock-Passphrase"
#define PASSPHRASE_ROOM   (VAULT_PASSPHRASE_MAX + 3)

/* Bytes, 0: there is none, or -EINVAL: answered. */
int passphrase_read(struct call *c, uint8_t mem[PASSPHRASE_ROOM]);

#endif
