/*
 * revision: one policy with everything built from it: trusts, keys, contexts.
 *
 * Why: whatever could fail is tried at PREPARE; a handshake finishes on the revision it began with.
 * Owner: the process keeps the current and the one before it; connections count theirs.
 * Never: changed once built.
 */
#ifndef PENSTOCK_HANDSHAKE_REVISION_H
#define PENSTOCK_HANDSHAKE_REVISION_H

#include <openssl/ssl.h>
#include <stdint.h>
#include "dataplane/wire/control.h"
#include "dataplane/wire/policy.h"
#include "handshake/verify.h"

struct revision_link {
    const struct policy_link *policy;
    SSL_CTX *ctx[2]; /* by enum leg_side; NULL: plain */
    struct verify_side verify[2];
};

struct revision {
    struct policy *policy;
    uint32_t refs;
    struct revision_link *links;
    struct trust **trusts;
    struct crl_view **views; /* by trust: what its verify looks up */
    EVP_PKEY **keys;         /* by identity: sign through the keyring */
    X509 **leaves;           /* by identity */
    size_t n_maps;
    struct {
        const void *data;
        size_t n;
    } * maps;              /* CRL tables */
    struct crl_view *crls; /* by attachment */
};

#define REVISION_CRLS_MAX 4096

struct revision_parts { /* between ATTACH and PREPARE */
    uint64_t revision;
    int image_fd;
    int *crl_fds;
    uint32_t n_crls;
};

void revision_parts_init(struct revision_parts *p);
void revision_parts_clear(struct revision_parts *p);
/* Take one descriptor (also on failure). 0 or -errno. */
int revision_attach(struct revision_parts *p, const struct control_attach *a, int fd);

/* Build everything. 0 with *out (refs 1), or -errno with *e. The parts' descriptors are closed. */
int revision_build(struct revision_parts *p, uint64_t number, struct revision **out, struct err *e);
struct revision *revision_get(struct revision *r);
void revision_put(struct revision *r); /* NULL is harmless */

#endif
