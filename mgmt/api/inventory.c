/*
 * inventory: every certificate, key, list, protocol and cipher that is in use (what PCI DSS 4.0.1,
 * 12.3.3, wants reviewed), from the running revision and the live sessions.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/authority.h"
#include "mgmt/ask.h"
#include "mgmt/model/certs.h"
#include "mgmt/model/crls.h"
#include "mgmt/store/keys.h"
#include "mgmt/store/objects.h"

/* A name as text; what is no UTF-8 is masked by OpenSSL's escapes. */
static json_t *name_json(const X509_NAME *name)
{
    BIO *out = BIO_new(BIO_s_mem());
    char *text = NULL;
    json_t *v = NULL;

    if (out &&
        X509_NAME_print_ex(out, name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_UTF8_CONVERT) >= 0) {
        long n = BIO_get_mem_data(out, &text);
        v = json_stringn(text, n > 0 ? (size_t)n : 0);
    }
    BIO_free(out);
    return v ? v : json_string("");
}

static json_t *time_json(const ASN1_TIME *t)
{
    char text[32];

    certs_time(t, text);
    return json_string(text);
}

static json_t *serial_json(const ASN1_INTEGER *serial)
{
    BIGNUM *n = ASN1_INTEGER_to_BN(serial, NULL);
    char *hex = n ? BN_bn2hex(n) : NULL;
    json_t *v = json_string(hex ? hex : "");

    OPENSSL_free(hex);
    BN_free(n);
    return v;
}

static json_t *cert_json(X509 *x)
{
    EVP_PKEY *key = X509_get0_pubkey(x);
    unsigned char *der = NULL;
    char hex[65] = "";
    int n = i2d_X509(x, &der);

    if (n > 0)
        objects_hash(der, (size_t)n, hex);
    OPENSSL_free(der);
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:s, s:i, s:s, s:s}", "subject",
        name_json(X509_get_subject_name(x)), "issuer", name_json(X509_get_issuer_name(x)), "serial",
        serial_json(X509_get0_serialNumber(x)), "not_before", time_json(X509_get0_notBefore(x)),
        "not_after", time_json(X509_get0_notAfter(x)), "key",
        key ? EVP_PKEY_get0_type_name(key) : "", "key_bits", key ? EVP_PKEY_get_bits(key) : 0,
        "signature", OBJ_nid2sn(X509_get_signature_nid(x)), "sha256", hex);
}

/* Add every certificate of an object to the list. */
static void add_certs(json_t *list, const json_t *ref)
{
    const char *name = json_string_value(ref);
    STACK_OF(X509) *certs = NULL;
    uint8_t *data;
    struct err e;
    size_t n;

    if (!name || objects_get(name, OBJECTS_MAX, &data, &n))
        return;
    certs = certs_read(data, n, "/", &e);
    free(data);
    for (int i = 0; i < sk_X509_num(certs); i++)
        json_array_append_new(list, cert_json(sk_X509_value(certs, i)));
    sk_X509_pop_free(certs, X509_free);
}

/* A list that lists nobody has no stack at all. */
static int entries(X509_CRL *crl)
{
    int n = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(crl));

    return n > 0 ? n : 0;
}

static void add_crls(json_t *list, const json_t *ref)
{
    const char *name = json_string_value(ref);
    STACK_OF(X509_CRL) *crls = NULL;
    uint8_t *data;
    struct err e;
    size_t n;

    if (!name || objects_get(name, OBJECTS_MAX, &data, &n))
        return;
    crls = crls_read(data, n, "/", &e);
    free(data);
    for (int i = 0; i < sk_X509_CRL_num(crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(crls, i);

        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:i}", "issuer", name_json(X509_CRL_get_issuer(crl)),
                            "this_update", time_json(X509_CRL_get0_lastUpdate(crl)), "next_update",
                            time_json(X509_CRL_get0_nextUpdate(crl)), "entries", entries(crl)));
    }
    sk_X509_CRL_pop_free(crls, X509_CRL_free);
}

/* Each table of the document, each entry with the things its references stand for. */
static json_t *identities(const json_t *document)
{
    json_t *table = json_object_get(document, "identities"), *out = json_object(), *id;
    const char *name;

    json_object_foreach(table, name, id)
    {
        json_t *chain = json_array();

        add_certs(chain, json_object_get(id, "certificate"));
        json_object_set_new(out, name,
                            json_pack("{s:o, s:O?}", "chain", chain, "key",
                                      json_object_get(id, "key"))); /* held here, or in a token */
    }
    return out;
}

static json_t *trusts(const json_t *document)
{
    json_t *table = json_object_get(document, "trust"), *out = json_object(), *trust, *ref;
    const char *name;
    size_t i;

    json_object_foreach(table, name, trust)
    {
        json_t *anchors = json_array(), *crls = json_array();

        json_array_foreach(json_object_get(trust, "anchors"), i, ref) add_certs(anchors, ref);
        json_array_foreach(json_object_get(trust, "crls"), i, ref) add_crls(crls, ref);
        json_object_set_new(out, name, json_pack("{s:o, s:o}", "anchors", anchors, "crls", crls));
    }
    return out;
}

static void count(json_t *table, const json_t *leg, const char *key)
{
    const char *value = json_string_value(json_object_get(leg, key));

    if (value && *value)
        json_object_set_new(table, value,
                            json_integer(json_integer_value(json_object_get(table, value)) + 1));
}

/* What live TLS legs agreed on, counted. */
static json_t *in_use(const json_t *sessions)
{
    static const char *const keys[] = {"version", "suite", "group", "engine_rx"};
    json_t *out = json_object(), *s;
    size_t i;

    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
        json_t *table = json_object();

        json_array_foreach(sessions, i, s) for (int leg = 0; leg < 2; leg++)
        {
            const json_t *l = json_object_get(s, leg ? "inner" : "outer");

            if (json_object_get(l, "version"))
                count(table, l, keys[k]);
        }
        json_object_set_new(out, keys[k], table);
    }
    return out;
}

/* With what the gateway adds to the document by itself. */
static json_t *whole(const struct manager *m)
{
    struct err e;

    if (m->authority && authority_is_asked(m->document))
        return authority_fill(m->authority, m->document, &e);
    return json_incref(m->document);
}

void inventory_get(struct call *c)
{
    json_t *sessions = ask_sessions(c->m), *document = whole(c->m);

    c->revision = c->m->revision;
    call_answer(c, 200,
                json_pack("{s:I, s:o, s:o, s:o?, s:o, s:o?, s:o?, s:o}", "revision",
                          (json_int_t)c->m->revision, "identities", identities(document), "trust",
                          trusts(document), "keys", keys_list(), "tokens", tokens_list(c->m),
                          "administrators",
                          json_deep_copy(json_object_get(c->m->authority, "administrators")),
                          "profiles", json_incref(c->m->offered), "live",
                          in_use(json_object_get(sessions, "sessions"))));
    json_decref(document);
    json_decref(sessions);
}
