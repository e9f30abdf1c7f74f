#include "handshake/profile.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/conn.h"

#define SECURITY_LEVEL 2

static int set_versions(SSL_CTX *ctx, const struct policy_profile *p)
{
    return SSL_CTX_set_min_proto_version(ctx, p->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(ctx, p->tls13 ? TLS1_3_VERSION : TLS1_2_VERSION) ==
                       1
               ? 0
               : -EINVAL;
}

/* Each word list, by the name an operator gave it. */
static int set_words(SSL_CTX *ctx, const struct policy_profile *p, const char **which)
{
    *which = "suites";
    if (p->suites13[0] && SSL_CTX_set_ciphersuites(ctx, p->suites13) != 1)
        return -EINVAL;
    if (p->suites12[0] && SSL_CTX_set_cipher_list(ctx, p->suites12) != 1)
        return -EINVAL;
    *which = "groups";
    if (SSL_CTX_set1_groups_list(ctx, p->groups) != 1)
        return -EINVAL;
    *which = "signature_algorithms";
    if (p->sigalgs[0] && SSL_CTX_set1_sigalgs_list(ctx, p->sigalgs) != 1)
        return -EINVAL;
    return 0;
}

int profile_check(const struct policy_profile *p, struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    const char *which = "versions";
    char where[160];
    int rc = ctx ? set_versions(ctx, p) : -ENOMEM;

    if (!rc)
        rc = set_words(ctx, p, &which);
    SSL_CTX_free(ctx);
    ERR_clear_error();
    snprintf(where, sizeof where, "/profiles/%s/%s", p->name, which);
    return rc ? err_set(e, rc, where, "only what this OpenSSL has", "OpenSSL %s refuses it",
                        OpenSSL_version(OPENSSL_VERSION_STRING))
              : 0;
}

static void set_options(SSL_CTX *ctx)
{
    SSL_CTX_set_security_level(ctx, SECURITY_LEVEL);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_clear_options(ctx, SSL_OP_LEGACY_SERVER_CONNECT);
    SSL_CTX_set_num_tickets(ctx, 0);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_early_data(ctx, 0);
    SSL_CTX_set_max_cert_list(ctx, CHAIN_DER_MAX);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_read_ahead(ctx, 0);
}

/* The chain goes out as configured, without a self-signed root at its end. */
static int use_identity(SSL_CTX *ctx, const struct revision *r, uint16_t index, struct err *e)
{
    const struct policy_identity *id = &r->policy->identities[index];
    char where[128];

    snprintf(where, sizeof where, "/identities/%s/certificate", id->name);
    if (SSL_CTX_use_certificate(ctx, r->leaves[index]) != 1)
        return err_set(e, -EINVAL, where, "a certificate that security level 2 allows",
                       "it can not be used: %s", ERR_reason_error_string(ERR_peek_last_error()));
    for (unsigned i = 1; i < id->n_chain; i++) {
        const unsigned char *der = id->chain[i].data;
        X509 *x = d2i_X509(NULL, &der, (long)id->chain[i].n);
        bool self = x && X509_self_signed(x, 0) == 1;

        if (!x || (!self && SSL_CTX_add1_chain_cert(ctx, x) != 1)) {
            X509_free(x);
            return err_set(e, -EINVAL, where, "PEM certificates, the leaf first",
                           "certificate %u can not be used", i);
        }
        X509_free(x);
    }
    if (SSL_CTX_use_PrivateKey(ctx, r->keys[index]) != 1)
        return err_set(e, -EINVAL, where, "a key of a supported type",
                       "its key can not be used: %s",
                       ERR_reason_error_string(ERR_peek_last_error()));
    return 0;
}

/* ALPN on the listen side: our order decides; an offer without overlap is refused. */
static int alpn_select(SSL *ssl, const unsigned char **out, unsigned char *n_out,
                       const unsigned char *in, unsigned n_in, void *arg)
{
    const struct policy_tls *t = arg;

    (void)ssl;
    for (unsigned i = 0; i < t->n_alpn; i++) {
        size_t n = strlen(t->alpn[i]);
        for (unsigned at = 0; at < n_in && at + 1 + in[at] <= n_in; at += 1u + in[at])
            if (in[at] == n && !memcmp(in + at + 1, t->alpn[i], n)) {
                *out = in + at + 1;
                *n_out = in[at];
                return SSL_TLSEXT_ERR_OK;
            }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void offer_alpn(SSL_CTX *ctx, const struct policy_tls *t)
{
    unsigned char list[1024];
    unsigned n = 0;

    for (unsigned i = 0; i < t->n_alpn; i++) {
        size_t len = strlen(t->alpn[i]);
        if (len > 255 || n + 1 + len > sizeof list)
            continue;
        list[n++] = (unsigned char)len;
        memcpy(list + n, t->alpn[i], len);
        n += (unsigned)len;
    }
    if (n)
        SSL_CTX_set_alpn_protos(ctx, list, n);
}

int profile_context(const struct revision *r, const struct policy_link *l, enum leg_side side,
                    SSL_CTX **out, struct err *e)
{
    const struct policy_tls *t = side == LEG_OUTER ? l->outer : l->inner;
    const struct policy_profile *p = &r->policy->profiles[t->profile];
    SSL_CTX *ctx = SSL_CTX_new(side == LEG_OUTER ? TLS_server_method() : TLS_client_method());
    const char *which;
    int rc = ctx ? 0 : -ENOMEM;

    if (rc)
        return err_set(e, rc, "handshake", "free memory", "out of memory");
    set_options(ctx);
    rc = set_versions(ctx, p);
    if (!rc)
        rc = set_words(ctx, p, &which);
    if (rc)
        err_set(e, rc, "/profiles", "only what this OpenSSL has", "the profile %s can not be used",
                p->name);
    for (unsigned i = 0; !rc && i < t->n_identities; i++)
        rc = use_identity(ctx, r, t->identities[i], e);
    if (rc) {
        SSL_CTX_free(ctx);
        return rc;
    }
    if (side == LEG_OUTER && t->n_alpn)
        SSL_CTX_set_alpn_select_cb(ctx, alpn_select, (void *)(uintptr_t)t);
    else if (side == LEG_INNER)
        offer_alpn(ctx, t);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    conn_context(ctx);
    *out = ctx;
    return 0;
}
