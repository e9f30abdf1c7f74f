#include "handshake/trust.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handshake/algs.h"
#include "handshake/parts.h"

#define ANCHORS_MAX 4096

static int out_of_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
}

static int add_anchor(struct trust *t, const struct policy_blob *b, const char *where,
                      struct err *e)
{
    const unsigned char *der = b->data;
    X509 *x = d2i_X509(NULL, &der, (long)b->n);
    struct verdict v = {0};
    char label[96], key[24];
    int rc = 0;

    if (!x || der != b->data + b->n)
        rc = err_set(e, -EINVAL, where, "PEM or DER certificates",
                     "an anchor is no certificate that can be read");
    else if (!cert_key_allowed(x, key))
        rc = err_set(e, -EINVAL, where, "keys: " ALGS_KEYS, "%s has a key of type %s",
                     cert_label(x, label), key);
    else if (!form_check_anchor(x, &v))
        rc = err_set(e, -EINVAL, where, "certificates of CAs as RFC 5280 wants them", "%s",
                     v.reasons[0].text);
    else if (!trust_has_anchor(t, x)) { /* twice the same is once */
        if (sk_X509_push(t->anchors, x) > 0)
            return 0;
        rc = out_of_memory(e);
    }
    X509_free(x);
    return rc;
}

/* An anchor that no path could ever end in is a mistake worth telling. */
static int check_anchor(const struct trust *t, X509 *x, const char *where, struct err *e)
{
    STACK_OF(X509) *others = sk_X509_dup(t->anchors);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    char label[96];
    int rc = 0;

    /* Itself first: of a renewed root's generations, each is its own issuer. */
    if (!ctx || !others || sk_X509_unshift(others, x) <= 0 ||
        X509_STORE_CTX_init(ctx, NULL, x, NULL) != 1) {
        rc = out_of_memory(e);
    } else {
        X509_STORE_CTX_set0_trusted_stack(ctx, others);
        path_parameters(ctx);
        if (X509_verify_cert(ctx) != 1)
            rc = err_set(e, -EINVAL, where,
                         "complete RFC 5280 CA certificates, up to a self-signed root",
                         "%s can not be an anchor: %s", cert_label(x, label),
                         X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_free(others);
    ERR_clear_error();
    return rc;
}

/* The longest-living first, then by content, so that the same set always has the same order. */
int longest_living_first(const X509 *const *a, const X509 *const *b)
{
    int64_t x = asn1_time(X509_get0_notAfter(*a)), y = asn1_time(X509_get0_notAfter(*b));

    return x != y ? (x > y ? -1 : 1) : X509_cmp(*a, *b);
}

static int add_anchors(struct trust *t, struct err *e)
{
    char where[128];
    int rc = 0;

    snprintf(where, sizeof where, "/trust/%s/anchors", t->policy->name);
    if (t->policy->n_anchors > ANCHORS_MAX)
        return err_set(e, -EINVAL, where, "at most 4096 anchors", "%u anchors",
                       t->policy->n_anchors);
    for (unsigned i = 0; i < t->policy->n_anchors && !rc; i++)
        rc = add_anchor(t, &t->policy->anchors[i], where, e);
    if (rc)
        return rc;
    sk_X509_set_cmp_func(t->anchors, longest_living_first);
    sk_X509_sort(t->anchors);
    for (int i = 0; i < sk_X509_num(t->anchors) && !rc; i++)
        rc = check_anchor(t, sk_X509_value(t->anchors, i), where, e);
    return rc ? rc : chain_digest(t->anchors, NULL, 0, t->identity) ? out_of_memory(e) : 0;
}

bool trust_has_anchor(const struct trust *t, X509 *x)
{
    for (int i = 0; i < sk_X509_num(t->anchors); i++)
        if (X509_cmp(sk_X509_value(t->anchors, i), x) == 0)
            return true;
    return false;
}

bool trust_crl_signed_by(struct trust_crl *c, X509 *issuer)
{
    unsigned n = 32, at;
    uint8_t spki[32];

    if (X509_pubkey_digest(issuer, EVP_sha256(), spki, &n) != 1)
        return false;
    for (unsigned i = 0; i < c->n_checked && i < CRL_CHECKED_MAX; i++)
        if (!memcmp(c->checked[i].spki_sha256, spki, sizeof spki))
            return c->checked[i].good;
    at = c->n_checked++ % CRL_CHECKED_MAX;
    memcpy(c->checked[at].spki_sha256, spki, sizeof spki);
    c->checked[at].good = signature_good(c->form.alg, X509_get0_pubkey(issuer), c->view->tbs,
                                         c->view->n_tbs, c->form.signature, c->form.n_signature);
    ERR_clear_error();
    return c->checked[at].good;
}

/* A CRL that claims to be an anchor's must be that anchor's. */
static int check_crl_of_anchor(const struct trust *t, struct trust_crl *c, const char *where,
                               struct err *e)
{
    bool claimed = false;
    char label[96] = "";

    if (c->form.fault)
        return 0; /* it will never count, and each verdict says why */
    for (int i = 0; i < sk_X509_num(t->anchors); i++) {
        X509 *x = sk_X509_value(t->anchors, i);

        if (!crl_names_issuer(c, x))
            continue;
        if (trust_crl_signed_by(c, x))
            return 0;
        claimed = true;
        cert_label(x, label);
    }
    return claimed ? err_set(e, -EINVAL, where, "the CRL that this authority signed",
                             "the signature of the CRL of %s is not by its key", label)
                   : 0;
}

static int compare_crls(const void *a, const void *b)
{
    const struct trust_crl *x = a, *y = b;

    return X509_NAME_cmp(x->form.issuer, y->form.issuer);
}

static int add_crls(struct trust *t, const struct crl_view *views, size_t n, struct err *e)
{
    char where[128];
    int rc = 0;

    snprintf(where, sizeof where, "/trust/%s/crls", t->policy->name);
    for (size_t i = 0; i < n && !rc; i++) {
        struct trust_crl *c = &t->crls[i];

        c->view = &views[i];
        rc = crl_form_read(&c->form, c->view);
        if (rc)
            return err_set(e, rc, where, "DER or PEM certificate revocation lists",
                           "CRL %zu is no list that can be read", i);
        t->n_crls = i + 1;
        rc = check_crl_of_anchor(t, c, where, e);
    }
    if (!rc && n)
        qsort(t->crls, n, sizeof *t->crls, compare_crls);
    return rc;
}

struct trust_crl *trust_crls_of(const struct trust *t, X509 *issuer, size_t *n)
{
    X509_NAME *name = X509_get_subject_name(issuer);
    size_t low = 0, high = t->n_crls;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (X509_NAME_cmp(t->crls[mid].form.issuer, name) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    while (high < t->n_crls && X509_NAME_cmp(t->crls[high].form.issuer, name) == 0)
        high++;
    *n = high - low;
    return t->crls + low;
}

int trust_new(const struct policy_trust *p, const struct crl_view *crls, size_t n_crls,
              struct trust **out, struct err *e)
{
    struct trust *t = calloc(1, sizeof *t);
    int rc;

    if (!t)
        return out_of_memory(e);
    t->policy = p;
    t->anchors = sk_X509_new_null();
    t->crls = calloc(n_crls ? n_crls : 1, sizeof *t->crls);
    t->cache = path_cache_new();
    rc = t->anchors && t->crls && t->cache ? 0 : out_of_memory(e);
    if (!rc)
        rc = add_anchors(t, e);
    if (!rc)
        rc = add_crls(t, crls, n_crls, e);
    if (rc) {
        trust_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void trust_inherit(struct trust *t, const struct trust *old)
{
    if (memcmp(t->identity, old->identity, sizeof t->identity))
        return;
    path_cache_get(old->cache);
    path_cache_put(t->cache);
    t->cache = old->cache;
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n_crls; i++)
        crl_form_clear(&t->crls[i].form);
    free(t->crls);
    path_cache_put(t->cache);
    sk_X509_pop_free(t->anchors, X509_free);
    free(t);
}
