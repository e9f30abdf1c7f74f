/* What the rest of the system wants to know of a peer. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include "handshake/parts.h"

static void copy_text(char *out, size_t cap, const uint8_t *p, size_t n)
{
    if (n >= cap)
        n = cap - 1;
    memcpy(out, p, n);
    out[n] = '\0';
    if (strlen(out) != n) /* a NUL inside: show what it is, not what it pretends to be */
        snprintf(out, cap, "(malformed)");
}

static void common_name(X509 *x, char *out, size_t cap)
{
    X509_NAME *name = X509_get_subject_name(x);
    int i = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
    unsigned char *utf8 = NULL;
    int n = i >= 0
                ? ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)))
                : -1;

    out[0] = '\0';
    if (n >= 0)
        copy_text(out, cap, utf8, (size_t)n);
    OPENSSL_free(utf8);
}

static bool first_san(GENERAL_NAMES *sans, int type, char *out, size_t cap)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(sans, i);
        if (g->type != type)
            continue;
        if (type == GEN_IPADD) {
            int n = ASN1_STRING_length(g->d.iPAddress);
            return inet_ntop(n == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(g->d.iPAddress),
                             out, (socklen_t)cap) != NULL &&
                   (n == 4 || n == 16);
        }
        copy_text(out, cap, ASN1_STRING_get0_data(g->d.ia5), (size_t)ASN1_STRING_length(g->d.ia5));
        return true;
    }
    return false;
}

void facts_name(X509 *leaf, char out[256])
{
    GENERAL_NAMES *sans = X509_get_ext_d2i(leaf, NID_subject_alt_name, NULL, NULL);

    if (!first_san(sans, GEN_URI, out, 256) && !first_san(sans, GEN_DNS, out, 256) &&
        !first_san(sans, GEN_EMAIL, out, 256) && !first_san(sans, GEN_IPADD, out, 256))
        common_name(leaf, out, 256);
    GENERAL_NAMES_free(sans);
}

const char *cert_label(X509 *x, char out[96])
{
    char cn[65];

    common_name(x, cn, sizeof cn);
    if (cn[0])
        snprintf(out, 96, "certificate \"%s\"", cn);
    else
        snprintf(out, 96, "a certificate without a common name");
    return out;
}

static void serial_hex(X509 *x, char out[43])
{
    const ASN1_INTEGER *s = X509_get0_serialNumber(x);
    const uint8_t *p = ASN1_STRING_get0_data(s);
    int n = ASN1_STRING_length(s);

    out[0] = '\0';
    for (int i = 0; i < n && i < 20; i++)
        snprintf(out + 2 * i, 3, "%02x", p[i]);
}

static int chain_digest(STACK_OF(X509) * chain, uint8_t out[32])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

    for (int i = 0; ok && i < sk_X509_num(chain); i++) {
        unsigned char *der = NULL;
        int n = i2d_X509(sk_X509_value(chain, i), &der);
        ok = n > 0 && EVP_DigestUpdate(ctx, der, (size_t)n) == 1;
        OPENSSL_free(der);
    }
    ok = ok && EVP_DigestFinal_ex(ctx, out, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? 0 : -EINVAL;
}

static int spki_digest(X509 *x, uint8_t out[32])
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    int ok = n > 0 && EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return ok ? 0 : -EINVAL;
}

int facts_from_chain(STACK_OF(X509) * presented, const struct verdict *v, struct peer_facts *f)
{
    X509 *leaf = sk_X509_value(presented, 0);
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    unsigned n = 32;
    int nid = X509_get_signature_nid(leaf);

    memset(f, 0, sizeof *f);
    if (!key || chain_digest(presented, f->chain_sha256) || spki_digest(leaf, f->spki_sha256) ||
        X509_digest(leaf, EVP_sha256(), f->cert_sha256, &n) != 1)
        return -EINVAL;
    facts_name(leaf, f->name);
    common_name(leaf, f->common_name, sizeof f->common_name);
    serial_hex(leaf, f->serial);
    key_allowed(key, f->key_alg);
    snprintf(f->sig_alg, sizeof f->sig_alg, "%s", nid != NID_undef ? OBJ_nid2ln(nid) : "unknown");
    f->not_after = v->not_after;
    f->until = v->until;
    f->rule = v->rule;
    return 0;
}
