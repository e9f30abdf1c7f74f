/* compile_parts: private to compile*.c. */
#ifndef PENSTOCK_MGMT_MODEL_COMPILE_PARTS_H
#define PENSTOCK_MGMT_MODEL_COMPILE_PARTS_H

#include <openssl/x509.h>
#include "mgmt/model/compile.h"
#include "mgmt/model/lookup.h"

struct compile_block {
    struct compile_block *next;
    _Alignas(16) uint8_t mem[];
};

/* What one compilation needs besides its result. */
struct compile_run {
    const struct model *model;
    const struct opener *opener;
    struct compiled *c;
    struct err *e;
    int64_t now;
    struct lookup identities, trusts, profiles; /* by name, to the model's tables */
    uint64_t resolve_until_ms;
    STACK_OF(X509_NAME) * issuers; /* of our own chains */
    struct crl_file *crl_files;    /* lists that were compiled already, by path */
    unsigned n_crl_files;
};

void *compile_alloc(struct compiled *c, size_t n); /* zeroed; NULL when out of memory */
char *compile_string(struct compiled *c, const char *s);
int compile_memory(struct err *e);
/* The whole of a file the opener has. 0 or -errno with *e at `where`. */
int compile_read(struct compile_run *r, uint8_t kind, const char *path, const char *where,
                 uint8_t **data, size_t *n);
/* The DER of a certificate. 0 or -ENOMEM. */
int compile_blob(struct compiled *c, X509 *x, struct policy_blob *out);
int compile_trusts(struct compile_run *r);
int compile_profiles(struct compiled *c, const struct model *m, struct err *e);
int compile_links(struct compile_run *r);

#endif
