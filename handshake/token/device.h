/*
 * device: one token in the module: found, logged in to, signed with.
 *
 * Why: PKCS#11 logs in a process to a token, not a session, so what keys share is kept once. A
 * PIN is only ever sent if the token says that it has more than one try left.
 * Owner: the crew. Signatures hold `gate` shared, a login holds it alone. Never: tries a PIN twice
 * on its own; keeps a session that failed.
 */
#ifndef PENSTOCK_TOKEN_DEVICE_H
#define PENSTOCK_TOKEN_DEVICE_H

#include <pthread.h>
#include "handshake/token/tokenkey.h"

#define DEVICE_GATE_MS 3000 /* that a login waits for signatures under way */

struct device {
    struct module *module; /* NULL: not in use */
    CK_SLOT_ID slot;
    pthread_rwlock_t gate;
    /* below: under the gate */
    CK_SESSION_HANDLE session; /* keeps the login: a token forgets it with its last session */
    bool open;
    uint8_t *pin; /* that it was logged in with */
    size_t n_pin;
};

/* Which token does the key's URI mean? 0 with *slot, or -errno with *e: none, several. */
int device_find(struct module *m, const struct tokenkey *k, CK_SLOT_ID *slot, struct err *e);
void device_init(struct device *d, struct module *m, CK_SLOT_ID slot);
void device_fini(struct device *d);
/*
 * Log in, find exactly one private key, and have it prove that it is the certificate's. 0 with
 * *handle, or -errno with *e: -EACCES is the PIN, and nothing else is.
 */
int device_raise(struct device *d, const struct tokenkey *k, CK_OBJECT_HANDLE *handle,
                 struct err *e);

/* One worker's session. */
struct device_session {
    CK_SESSION_HANDLE session;
    bool open;
};

/*
 * Sign with the key. *handle may be replaced by the key's present one. 0, or -EIO with *rv:
 * *lost says that token, session or login are gone.
 */
int device_sign(struct device *d, struct device_session *s, const struct tokenkey *k,
                CK_OBJECT_HANDLE *handle, const struct sign_scheme *scheme, const uint8_t *text,
                size_t n_text, uint8_t *out, size_t *n, CK_RV *rv, bool *lost);

#endif
