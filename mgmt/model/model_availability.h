/*
 * model_availability: a pair of gateways that answers for addresses (mgmt/pair).
 *
 * Owner: strings point into the model's document. Never: looks whether an interface is there.
 */
#ifndef PENSTOCK_MGMT_MODEL_AVAILABILITY_H
#define PENSTOCK_MGMT_MODEL_AVAILABILITY_H

#include <stdbool.h>
#include "dataplane/base/addr.h"
#include "dataplane/wire/vrrp.h"

#define MODEL_AVAILABILITY "availability"
/* The link that is filled in, over which the partner is asked. */
#define MODEL_PARTNER_LINK "penstock.partner"

struct node;

struct model_partner {
    bool present;
    const char *management, *identity, *trust, *spki_sha256;
    char server_name[256];
};

struct model_availability {
    struct vrrp_set vrrp; /* off: it is not configured */
    struct model_partner partner;
};

/* Absent: nothing happens. 0, or -EINVAL with the node's error filled. */
int model_availability(const struct node *n, struct model_availability *out);
/* Is it an address that the pair answers for, and this gateway may not have? */
bool model_availability_has(const struct model_availability *a, const struct addr *addr);

#endif
