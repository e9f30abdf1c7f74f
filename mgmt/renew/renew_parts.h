/* renew_parts: private to renew*.c. */
#ifndef PENSTOCK_MGMT_RENEW_RENEW_PARTS_H
#define PENSTOCK_MGMT_RENEW_RENEW_PARTS_H

#include <openssl/x509.h>
#include "mgmt/renew/renew.h"
#include "mgmt/store/keys.h"

struct renewal {
    struct renewal *next;
    struct manager *m;
    char *identity, *url;
    bool again;  /* simplereenroll; else simpleenroll, with another identity */
    bool wanted; /* by the running document */
    bool busy;
    int64_t not_before, not_after; /* of the certificate that runs; 0: unknown */
    int64_t next_s, last_s;
    unsigned failures;
    char result[300];
    /* while it is under way */
    char key[KEYS_REF_MAX]; /* "": none yet */
    uint8_t *spki;
    size_t n_spki;
    char *request; /* kept while the server says "later" */
    STACK_OF(X509) * issued;
};

/* The leaf of what the identity presents now, or NULL. */
X509 *renew_leaf(const struct renewal *r);
/* Begin, or go on with a request that the server has taken. */
void renew_begin(struct renewal *r);

/* How it ends. */
void renew_forget(struct renewal *r); /* what it was working with */
void renew_say(struct renewal *r, bool good);
void renew_fail(struct renewal *r, int64_t wish_s, const struct err *e);
void renew_wait(struct renewal *r, int64_t wish_s);

#endif
