#include "handshake/trust.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int add_anchor(struct trust *t, const struct policy_blob *b, struct err *e)
{
    const unsigned char *der = b->data;
    X509 *x = d2i_X509(NULL, &der, (long)b->n);
    char where[128];

    snprintf(where, sizeof where, "/trust/%s/anchors", t->policy->name);
    if (!x || X509_check_ca(x) < 1 || X509_STORE_add_cert(t->store, x) != 1 ||
        !sk_X509_push(t->anchors, x)) {
        X509_free(x);
        return err_set(e, -EINVAL, where, "PEM certificates of certificate authorities",
                       "an anchor can not be used");
    }
    return 0;
}

/*
 * What of a CRL's own form makes it useless for ever: no number, delta, scope limits we do not
 * process, critical extensions we do not know.
 */
static const char *unusable_form(X509_CRL *crl)
{
    static const int known[] = {NID_authority_key_identifier, NID_crl_number};
    int critical;
    ASN1_INTEGER *number = X509_CRL_get_ext_d2i(crl, NID_crl_number, NULL, NULL);

    if (!number)
        return "it has no CRL number";
    ASN1_INTEGER_free(number);
    if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
        return "it is a delta CRL";
    if (X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) >= 0)
        return "it covers only a part of its issuer's certificates";
    for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
        X509_EXTENSION *ext = X509_CRL_get_ext(crl, i);
        int nid = OBJ_obj2nid(X509_EXTENSION_get_object(ext));
        critical = X509_EXTENSION_get_critical(ext);
        if (critical && nid != known[0] && nid != known[1])
            return "it has a critical extension that is not known";
    }
    return NULL;
}

static int add_crl(struct trust *t, struct trust_crl *c, const struct crl_view *view, struct err *e)
{
    const unsigned char *der = view->der;
    char where[128];

    snprintf(where, sizeof where, "/trust/%s/crls", t->policy->name);
    c->view = view;
    c->head = d2i_X509_CRL(NULL, &der, (long)view->n_der);
    if (!c->head)
        return err_set(e, -EINVAL, where, "a DER or PEM certificate revocation list",
                       "a CRL does not parse");
    c->unusable = unusable_form(c->head);
    if (!c->unusable && view->next_update == 0)
        c->unusable = "it has no next update";
    return 0;
}

int trust_new(const struct policy_trust *p, const struct crl_view *crls, size_t n_crls,
              struct trust **out, struct err *e)
{
    struct trust *t = calloc(1, sizeof *t);
    int rc = 0;

    if (!t)
        return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
    t->policy = p;
    t->store = X509_STORE_new();
    t->anchors = sk_X509_new_null();
    t->crls = calloc(n_crls ? n_crls : 1, sizeof *t->crls);
    t->cache = calloc(PATH_CACHE, sizeof *t->cache);
    if (!t->store || !t->anchors || !t->crls || !t->cache)
        rc = err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
    for (unsigned i = 0; i < p->n_anchors && !rc; i++)
        rc = add_anchor(t, &p->anchors[i], e);
    for (size_t i = 0; i < n_crls && !rc; i++) {
        rc = add_crl(t, &t->crls[i], &crls[i], e);
        t->n_crls = i + 1;
    }
    if (rc) {
        trust_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    for (size_t i = 0; t->crls && i < t->n_crls; i++)
        X509_CRL_free(t->crls[i].head);
    for (unsigned i = 0; t->cache && i < PATH_CACHE; i++)
        sk_X509_pop_free(t->cache[i].path, X509_free);
    free(t->crls);
    free(t->cache);
    sk_X509_pop_free(t->anchors, X509_free);
    X509_STORE_free(t->store);
    free(t);
}
