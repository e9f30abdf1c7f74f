/*
 * roles: what a caller of the management may do, by name.
 *
 * Why: the configuration binds roles to certificates, the route table to requests; both mean these.
 * Owner: const.
 */
#ifndef PENSTOCK_MGMT_MODEL_ROLES_H
#define PENSTOCK_MGMT_MODEL_ROLES_H

#include <stddef.h>

enum role {
    ROLE_VIEWER = 1,    /* reads everything but the audit */
    ROLE_OPERATOR = 2,  /* and ends sessions */
    ROLE_PKI_ADMIN = 4, /* and changes identities and trust */
    ROLE_ADMIN = 8,     /* everything */
    ROLE_AUDITOR = 16,  /* reads everything */
    ROLE_ANYBODY = 31,
    ROLE_BOOTSTRAP = 32, /* has the one-time token, and may enroll: nothing else */
    ROLE_LOCAL = 64,     /* sits at the box, beside all the others */
    ROLE_PARTNER = 128   /* the other gateway of a pair: reads what both have, and nothing else */
};

#define ROLES       8
#define ROLES_GIVEN 6 /* that a configuration can give */

struct role_name {
    unsigned role;
    const char *name;
};

extern const struct role_name role_names[ROLES];

/* The role of a name, or 0. */
unsigned role_of(const char *name);

#endif
