/* sign_store: private to sign*.c: what a key and one signing operation hold. */
#ifndef PENSTOCK_HANDSHAKE_SIGN_STORE_H
#define PENSTOCK_HANDSHAKE_SIGN_STORE_H

#include <openssl/params.h>
#include "dataplane/wire/chan.h"
#include "handshake/sign.h"

#define SIGN_MESSAGE_MAX (CHAN_HEADER + CHAN_BODY_MAX)

struct sign_key {
    const char *type; /* OpenSSL's name */
    EVP_PKEY *pub;
    uint64_t identity; /* revision << 16 | index */
};

struct sign_operation {
    struct signer *signer;
    const struct sign_key *key;
    char digest[32];
    bool pss;
};

#endif
