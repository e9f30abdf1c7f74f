/*
 * compile: a model that is valid, and the files it names, become a policy.
 *
 * Why: all work that can be done once is done here: certificates to DER, CRLs to tables, names to
 * addresses. Owner: struct compiled holds everything until compiled_fini(); the policy's pointers
 * lead into its arena. Never: sees a private key: a key is a token of the opener.
 */
#ifndef PENSTOCK_MGMT_MODEL_COMPILE_H
#define PENSTOCK_MGMT_MODEL_COMPILE_H

#include "mgmt/model/model.h"

/* How files are reached: mgmt asks the launcher, `penstockctl check` opens them itself. */
struct opener {
    /* Read a whole certificate or CRL file (at most max bytes) into *data (to be freed). 0 or
     * -errno. */
    int (*read)(void *arg, uint8_t kind, const char *path, size_t max, uint8_t **data, size_t *n);
    /* Open a key file: *token stands for it. 0 or -errno. */
    int (*key)(void *arg, const char *path, uint32_t *token);
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
    uint32_t *key_tokens; /* by identity */
    unsigned *roles;      /* of the management link, by peer rule; NULL: there is no such link */
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
/* One more warning for the operator. */
void compile_warn(struct compiled *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
