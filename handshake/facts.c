/* What the rest of the system wants to know of a peer. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "handshake/parts.h"

/* Length of the UTF-8 character at p (1 to 4), or 0 if it is none or a control character. */
static size_t character(const uint8_t *p, size_t n)
{
    size_t more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : p[0] >= 0xc2 ? 1 : 0;

    if (p[0] < 0x80)
        return p[0] >= 0x20 && p[0] != 0x7f;
    if (p[0] < 0xc2 || p[0] > 0xf4 || more >= n)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if (p[0] == 0xc2 && p[1] < 0xa0) /* C1 controls */
        return 0;
    return more + 1;
}

/* Copy what fits of a text; what is no character becomes '?', a character is never cut in two. */
static void copy_text(char *out, size_t cap, const uint8_t *p, size_t n)
{
    size_t used = 0;

    while (n > 0) {
        size_t len = character(p, n), take = len ? len : 1;

        if (used + take >= cap)
            break;
        if (len)
            memcpy(out + used, p, len);
        else
            out[used] = '?';
        used += take;
        p += take;
        n -= take;
    }
    out[used] = '\0';
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

static bool san_text(const GENERAL_NAME *g, char *out, size_t cap)
{
    const ASN1_STRING *text = g->type == GEN_IPADD ? g->d.iPAddress : g->d.ia5;
    int n = ASN1_STRING_length(text);

    if (g->type == GEN_IPADD)
        return (n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6,
                                                ASN1_STRING_get0_data(text), out, (socklen_t)cap);
    copy_text(out, cap, ASN1_STRING_get0_data(text), n > 0 ? (size_t)n : 0);
    return out[0];
}

static bool first_san(const GENERAL_NAMES *sans, int type, char *out, size_t cap)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(sans); i++)
        if (sk_GENERAL_NAME_value(sans, i)->type == type)
            return san_text(sk_GENERAL_NAME_value(sans, i), out, cap);
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

/* All that the leaf alone says. */
static int leaf_read(X509 *leaf, struct peer_facts *f)
{
    EVP_PKEY *key = leaf ? X509_get0_pubkey(leaf) : NULL;
    int nid;

    if (!key || spki_digest(leaf, f->spki_sha256) || cert_digest(leaf, f->cert_sha256))
        return -EINVAL;
    facts_name(leaf, f->name);
    common_name(leaf, f->common_name, sizeof f->common_name);
    serial_hex(leaf, f->serial);
    key_allowed(key, f->key_alg);
    nid = X509_get_signature_nid(leaf);
    snprintf(f->sig_alg, sizeof f->sig_alg, "%s", nid ? OBJ_nid2ln(nid) : "unknown");
    return 0;
}

static void leaf_forget(void *leaf, void *facts, CRYPTO_EX_DATA *ad, int slot, long n, void *arg)
{
    (void)leaf;
    (void)ad;
    (void)slot;
    (void)n;
    (void)arg;
    free(facts);
}

static int leaf_slot = -1; /* where a certificate's facts hang on it; -1: nowhere */

static void leaf_slot_make(void)
{
    leaf_slot = X509_get_ex_new_index(0, NULL, NULL, NULL, leaf_forget);
}

/* The same certificate comes again and again (certs.h): what it says is read once. */
static int leaf_facts(X509 *leaf, struct peer_facts *f)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct peer_facts *known;

    pthread_once(&once, leaf_slot_make);
    known = leaf && leaf_slot >= 0 ? X509_get_ex_data(leaf, leaf_slot) : NULL;
    if (known) {
        *f = *known;
        return 0;
    }
    if (leaf_read(leaf, f))
        return -EINVAL;
    known = leaf_slot >= 0 ? malloc(sizeof *known) : NULL;
    if (known)
        *known = *f;
    if (known && X509_set_ex_data(leaf, leaf_slot, known) != 1)
        free(known);
    return 0;
}

int facts_from_chain(STACK_OF(X509) * presented, const struct verdict *v, struct peer_facts *f)
{
    struct peer_facts new = {0};

    if (leaf_facts(sk_X509_value(presented, 0), &new) ||
        chain_digest(presented, NULL, 0, new.chain_sha256))
        return -EINVAL;
    new.not_after = v->not_after;
    new.until = v->until;
    new.rule = v->rule;
    *f = new;
    return 0;
}
