/* authority_issue: private to authority.c: keys and certificates, made by the vault. */
#ifndef PENSTOCK_MGMT_AUTHORITY_ISSUE_H
#define PENSTOCK_MGMT_AUTHORITY_ISSUE_H

#include "mgmt/authority.h"

/* What a certificate that was issued is called, and what it is of. */
struct issued {
    char key[80];    /* "spki:..." */
    char object[80]; /* "sha256:..." of its PEM */
    int64_t not_after;
    char *pem; /* free() */
};

/* A new key and its own CA certificate. 0 or -errno with *e. */
int issue_authority(struct manager *m, struct issued *out, struct err *e);
/* A new key and a server's certificate with these names (JSON strings). */
int issue_server(struct manager *m, const json_t *ca, const json_t *names, struct issued *out,
                 struct err *e);
/* A certificate for a request (PKCS#10, PEM), by name. */
int issue_client(struct manager *m, const json_t *ca, const char *name, const char *csr,
                 struct issued *out, struct err *e);

#endif
