/*
 * compile: a model that is valid, and the files it names, become a policy.
 *
 * Why: all work that can be done once is done here: certificates to DER, CRLs to tables, names to
 * addresses. Owner: struct compiled holds everything until compiled_fini(); the policy's pointers
 * lead into its arena. Never: sees a private key: a key is a token, or encrypted.
 */
#ifndef PENSTOCK_MGMT_MODEL_COMPILE_H
#define PENSTOCK_MGMT_MODEL_COMPILE_H

#include "mgmt/model/model.h"

/* The key of an identity: a token of the launcher, or the encrypted key itself. */
struct compile_key {
    uint32_t token;
    int fd; /* sealed memory (owned), or -1 */
};

/* Which key is wanted. */
struct compile_wish {
    const char *identity, *where;
    const char *key; /* a path, a reference, or NULL: what is held for the certificate */
    struct policy_blob leaf, spki; /* DER */
};

/* How files are reached: mgmt asks the launcher, `penstockctl check` opens them itself. */
struct opener {
    /* Read a whole certificate or CRL file (at most max bytes) into *data (to be freed). 0 or
     * -errno. */
    int (*read)(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data, size_t *n);
    /* 0, or -errno with *e at w->where. */
    int (*key)(void *arg, const struct compile_wish *w, struct compile_key *out, struct err *e);
    void *arg;
};

/* Something that runs out: an own certificate, an anchor, a CRL. */
struct compile_date {
    char text[256];
    int64_t warn_at, ends_at; /* seconds since 1970 */
};

#define COMPILE_CRLS_MAX   4096  /* lists of one revision; the handshake takes no more */
#define COMPILE_RESOLVE_MS 10000 /* for all host names of one load together */

struct compiled {
    struct policy policy;
    struct compile_block *blocks; /* everything the policy points to */
    int *crl_fds;                 /* sealed tables, by attachment */
    uint16_t n_crls;
    struct compile_key *keys; /* by identity */
    unsigned n_keys;
    unsigned *roles; /* of the management link, by peer rule; NULL: there is no such link */
    unsigned n_roles;
    char (*warnings)[512];
    unsigned n_warnings;
    struct compile_date *dates;
    unsigned n_dates;
};

/* At wall-clock time `now`. 0, or -errno with *e. */
int compile(const struct model *m, const struct opener *o, uint64_t revision, int64_t now,
            struct compiled *c, struct err *e);
void compiled_fini(struct compiled *c);
/* `what` runs out at ends_at; warn from warn_at on. */
void compile_date(struct compiled *c, int64_t warn_at, int64_t ends_at, const char *what, ...)
    __attribute__((format(printf, 4, 5)));
/* A key's path that can not be opened: -errno with *e. */
int compile_no_file(const struct compile_wish *w, int rc, struct err *e);
/* One more warning for the operator. */
void compile_warn(struct compiled *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
