/*
 * tokenkey: one identity's private key in a token: how it is found, and how it stands.
 *
 *   AWAY -> UP          it was found, and signed for its certificate
 *   UP -> AWAY          a signature failed in a way that says token, session or key are gone
 *   AWAY -> REFUSED     the token refused the PIN: it is not tried again
 *
 * Why: a revision that names the same key in the same way goes on with it as it stands, so that a
 * change of something else costs no login, and no PIN that was refused is tried once more.
 * Owner: counted; the loop, the crew's threads and the revisions hold it. The part below `lock` is
 * the crew's, under its lock. Never: leaves the PIN behind when it is freed.
 */
#ifndef PENSTOCK_TOKEN_TOKENKEY_H
#define PENSTOCK_TOKEN_TOKENKEY_H

#include <stdatomic.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/pkcs11.h"
#include "dataplane/wire/policy.h"
#include "dataplane/wire/tokenstate.h"
#include "handshake/keyring/sign.h"
#include "handshake/token/module.h"

enum tokenkey_state { /* as tokenstate.h has them */
                      TOKENKEY_AWAY = TOKENSTATE_AWAY,
                      TOKENKEY_UP = TOKENSTATE_UP,
                      TOKENKEY_REFUSED = TOKENSTATE_REFUSED
};

struct device;

struct tokenkey {
    atomic_uint held;
    char name[POLICY_NAME_MAX], where[POLICY_NAME_MAX + 32];
    char text[PKCS11_URI_MAX + 1];
    struct pkcs11_uri uri;
    uint8_t *pin; /* in the secure heap */
    size_t n_pin;
    EVP_PKEY *public;
    uint8_t *spki;
    size_t n_spki;
    enum key_kind kind;
    int told; /* the loop's: the state that the log knows, or -1 */
    /* below: under the crew's lock */
    enum tokenkey_state state;
    bool raising; /* the crew is about to look for it */
    bool raised;  /* it has, and the loop has not heard of it yet */
    struct device *device;
    CK_OBJECT_HANDLE handle;
    uint64_t due_ms; /* AWAY: when to look for it again */
    unsigned failures;
    struct err why; /* not UP */
    struct tokenkey *next;
};

/*
 * Of an identity and what the launcher handed over in fd (which stays the caller's). 0 with *out,
 * held once, or -errno with *e at the identity's key.
 */
int tokenkey_new(const struct policy_identity *id, int fd, struct tokenkey **out, struct err *e);
struct tokenkey *tokenkey_hold(struct tokenkey *k);
void tokenkey_drop(struct tokenkey *k); /* NULL is harmless */
/* The same key of the same certificate, under the same URI and PIN? */
bool tokenkey_same(const struct tokenkey *a, const struct tokenkey *b);

#endif
