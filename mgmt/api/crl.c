/* crl: a new revocation list takes the place of its issuer's old one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/crlplace.h"
#include "mgmt/manager.h"
#include "mgmt/store/objects.h"

void crl_post(struct call *c)
{
    const json_t *trust = json_object_get(json_object_get(c->m->document, "trust"), c->name);
    char ref[OBJECTS_REF_MAX];
    json_t *document = NULL;
    X509_CRL *fresh;
    struct err e;
    int rc;

    if (!trust) {
        call_problem(c, 404, "Not Found", "trust has no \"%s\"", c->name);
        return;
    }
    if (!call_may_change(c, true, trust))
        return;
    fresh = crlplace_read(c->body ? c->body : "", c->n_body, &e);
    if (!fresh) {
        call_refuse(c, -EINVAL, &e);
        return;
    }
    rc = objects_put(c->body, c->n_body, ref);
    if (rc)
        call_problem(c, rc == -ENOSPC ? 507 : 500,
                     rc == -ENOSPC ? "Insufficient Storage" : "Internal Server Error",
                     "the list can not be kept (%s)", strerror(-rc));
    else if (!(document = crlplace(c->m->document, c->name, fresh, ref, &e)))
        call_problem(c, 409, "Conflict", "%s: %s", e.what, e.fix);
    X509_CRL_free(fresh);
    if (document)
        change_begin(c, document, "trust.crl", c->name, "trust", c->name);
}
