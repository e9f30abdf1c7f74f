/* issue: does what is issued verify, say what was asked for and nothing else, and is the rest
 * refused? */
#include "tests/unit/vault_ask.h"

#include <errno.h>
#include <openssl/x509v3.h>

static const uint8_t serial_bytes[20] = {0x7f, 2, 3};

static X509 *cert_of(struct vault_bytes der)
{
    const unsigned char *at = der.p;
    X509 *x = d2i_X509(NULL, &at, (long)der.n);

    EXPECT(x && at == der.p + der.n);
    return x;
}

/* A root of this key, from a day ago for ten years. */
static struct vault_issue root_plan(struct vault_bytes key)
{
    return (struct vault_issue){.request = 7,
                                .ca_key = key,
                                .form = VAULT_FORM_SELF,
                                .names = name("root"),
                                .role = VAULT_CA,
                                .not_before = ASK_NOW - ASK_DAY,
                                .not_after = ASK_NOW + 3650 * ASK_DAY,
                                .serial = {serial_bytes, sizeof(serial_bytes)}};
}

struct ca {
    struct vault_bytes key, cert;
};

static struct ca make_ca(const struct kek *kek, uint8_t kind)
{
    struct ca ca = {.key = try_key(kek, kind)};
    struct vault_issue m = root_plan(ca.key);
    struct vault_answer a;

    if (!ca.key.n)
        return ca;
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0 && a.n_ders == 1);
    ca.cert = ask_keep(a.ders[0]);
    return ca;
}

/* Below ca, for a new key, as a server from now for a year. */
static struct vault_issue leaf_plan(const struct kek *kek, const struct ca *ca, uint8_t kind)
{
    struct vault_answer made = ask_make(kek, kind);
    struct vault_issue m = root_plan(ca->key);

    EXPECT(made.error == 0);
    m.ca_certificate = ca->cert;
    m.form = VAULT_FORM_SPKI;
    m.subject_key = ask_keep(made.spki);
    m.names = name("leaf");
    add_san(&m.names, VAULT_DNS, "gw.test");
    m.role = VAULT_SERVER;
    m.not_before = ASK_NOW;
    m.not_after = ASK_NOW + 365 * ASK_DAY;
    return m;
}

static bool verifies(X509 *leaf, X509 *between, X509 *root, int purpose, const char *host)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_VERIFY_PARAM *param;
    bool good;

    X509_STORE_add_cert(store, root);
    if (between)
        sk_X509_push(others, between);
    X509_STORE_CTX_init(ctx, store, leaf, others);
    param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, ASK_NOW + 1);
    X509_VERIFY_PARAM_set_purpose(param, purpose);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
    if (host)
        X509_VERIFY_PARAM_set1_host(param, host, 0);
    good = X509_verify_cert(ctx) == 1;
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    sk_X509_free(others);
    ERR_clear_error();
    return good;
}

TEST("a root, a CA below it and a leaf verify strictly, for each kind of CA key")
{
    struct kek *kek = ask_kek(1);

    for (size_t i = 0; i < N_KINDS; i++) {
        struct ca root = make_ca(kek, kinds[i]), between;
        struct vault_issue m;
        struct vault_answer a;
        X509 *x[3];

        if (!root.key.n)
            continue;
        between.key = ask_key(kek, VAULT_EC_P256);
        m = leaf_plan(kek, &root, VAULT_EC_P256);
        a = ask_csr(kek, &(struct vault_csr){7, between.key, name("whoever")});
        m.form = VAULT_FORM_CSR;
        m.subject_key = ask_keep(a.ders[0]);
        m.names = name("between");
        m.role = VAULT_CA;
        a = ask_issue(kek, &m);
        EXPECT(a.error == 0);
        between.cert = ask_keep(a.ders[0]);
        m = leaf_plan(kek, &between, VAULT_EC_P256);
        a = ask_issue(kek, &m);
        EXPECT(a.error == 0);
        x[0] = cert_of(a.ders[0]);
        x[1] = cert_of(between.cert);
        x[2] = cert_of(root.cert);
        EXPECT(verifies(x[0], x[1], x[2], X509_PURPOSE_SSL_SERVER, "gw.test"));
        EXPECT(!verifies(x[0], x[1], x[2], X509_PURPOSE_SSL_CLIENT, NULL));
        EXPECT(!verifies(x[0], x[1], x[2], X509_PURPOSE_SSL_SERVER, "other.test"));
        EXPECT(!verifies(x[0], NULL, x[2], X509_PURPOSE_SSL_SERVER, "gw.test"));
        a = ask_prove(kek, root.key, root.cert);
        EXPECT(a.error == 0);
        for (int j = 0; j < 3; j++)
            X509_free(x[j]);
    }
    kek_free(kek);
}

static bool is_critical(X509 *x, int nid)
{
    int at = X509_get_ext_by_NID(x, nid, -1);

    return at >= 0 && X509_EXTENSION_get_critical(X509_get_ext(x, at));
}

TEST(
    "each role has its own usages, critical where RFC 5280 says so, and the dates and serial asked")
{
    static const struct {
        uint8_t role;
        uint32_t usage, purposes;
    } rows[] = {{VAULT_CA, KU_KEY_CERT_SIGN | KU_CRL_SIGN, UINT32_MAX},
                {VAULT_SERVER, KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER},
                {VAULT_CLIENT, KU_DIGITAL_SIGNATURE, XKU_SSL_CLIENT},
                {VAULT_SERVER_CLIENT, KU_DIGITAL_SIGNATURE, XKU_SSL_SERVER | XKU_SSL_CLIENT}};
    struct kek *kek = ask_kek(1);
    struct ca ca = make_ca(kek, VAULT_EC_P256);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct vault_issue m = leaf_plan(kek, &ca, VAULT_EC_P384);
        struct vault_answer a;
        X509 *x;

        m.role = rows[i].role;
        a = ask_issue(kek, &m);
        EXPECT(a.error == 0);
        x = cert_of(a.ders[0]);
        EXPECT(X509_get_version(x) == X509_VERSION_3);
        EXPECT(X509_get_key_usage(x) == rows[i].usage);
        EXPECT(X509_get_extended_key_usage(x) == rows[i].purposes);
        EXPECT(!!(X509_get_extension_flags(x) & EXFLAG_CA) == (m.role == VAULT_CA));
        EXPECT(is_critical(x, NID_basic_constraints) && is_critical(x, NID_key_usage));
        EXPECT(!is_critical(x, NID_subject_alt_name));
        EXPECT(X509_get0_subject_key_id(x) && X509_get0_authority_key_id(x));
        EXPECT(X509_get0_serialNumber(x)->length == 20);
        EXPECT(ASN1_TIME_cmp_time_t(X509_get0_notBefore(x), m.not_before) == 0);
        EXPECT(ASN1_TIME_cmp_time_t(X509_get0_notAfter(x), m.not_after) == 0);
        X509_free(x);
    }
    kek_free(kek);
}

TEST("a leaf without a subject is named by critical alternative names")
{
    struct kek *kek = ask_kek(1);
    struct ca ca = make_ca(kek, VAULT_EC_P256);
    struct vault_issue m = leaf_plan(kek, &ca, VAULT_EC_P256);
    struct vault_answer a;
    X509 *x;

    m.names.n_subject = 0;
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0);
    x = cert_of(a.ders[0]);
    EXPECT(is_critical(x, NID_subject_alt_name));
    X509_free(x);
    m.names.n_sans = 0;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "names nobody"));
    kek_free(kek);
}

TEST("nothing is issued beyond the CA's dates, on no date, or under a wrong serial")
{
    static const uint8_t zero[1] = {0}, negative[20] = {0x80};
    struct kek *kek = ask_kek(1);
    struct ca ca = make_ca(kek, VAULT_EC_P256);
    const struct vault_issue good = leaf_plan(kek, &ca, VAULT_EC_P256);
    struct vault_issue m = good;
    struct vault_answer a;

    m.not_before = ASK_NOW - ASK_DAY;
    m.not_after = ASK_NOW + 3650 * ASK_DAY;
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0);
    m.not_after++;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "valid when its CA is not"));
    m = good;
    m.not_before = ASK_NOW - ASK_DAY - 1;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "valid when its CA is not"));
    m = good;
    m.not_after = m.not_before;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "no span of time"));
    m = root_plan(ca.key);
    m.not_after = INT64_MAX;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "no span of time"));
    m.not_after = 253402300799;
    m.not_before = -1;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "no span of time"));
    m = good;
    m.serial = (struct vault_bytes){zero, 1};
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "serial number is zero"));
    m.serial = (struct vault_bytes){negative, 20};
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "serial number is too long"));
    kek_free(kek);
}

TEST("a CA certificate must be of the CA's key, a CA's, and leave room below it")
{
    struct kek *kek = ask_kek(1);
    struct ca ca = make_ca(kek, VAULT_EC_P256), other = make_ca(kek, VAULT_EC_P256), leaf;
    struct vault_issue m = leaf_plan(kek, &ca, VAULT_EC_P256);
    struct vault_answer a;

    m.ca_certificate = other.cert;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EKEYREJECTED, "not of this key"));
    m.ca_certificate = (struct vault_bytes){ca.cert.p, ca.cert.n - 1};
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EBADMSG, "can not be decoded"));

    leaf.key = ask_key(kek, VAULT_EC_P256);
    m = leaf_plan(kek, &ca, VAULT_EC_P256);
    a = ask_csr(kek, &(struct vault_csr){7, leaf.key, name("x")});
    m.form = VAULT_FORM_CSR;
    m.subject_key = ask_keep(a.ders[0]);
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0);
    leaf.cert = ask_keep(a.ders[0]);
    m = leaf_plan(kek, &leaf, VAULT_EC_P256);
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "may not sign certificates"));

    m = root_plan(ca.key);
    m.role = VAULT_SERVER;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "can be a CA's only"));
    m = leaf_plan(kek, &ca, VAULT_EC_P256);
    m.names = name("root");
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "the name of its CA"));
    kek_free(kek);
}

/* ca's certificate anew, with a path length, signed by its own key. */
static struct vault_bytes with_path(const struct kek *kek, const struct ca *ca, const char *path)
{
    X509 *x = cert_of(ca->cert);
    X509_EXTENSION *e = X509V3_EXT_nconf_nid(NULL, NULL, NID_basic_constraints, path);
    unsigned char *der = NULL;
    struct vault_bytes kept;
    EVP_PKEY *key = NULL;
    int n;

    EXPECT(wrap_open(kek, ca->key.p, ca->key.n, "", &key, NULL) == 0);
    X509_EXTENSION_free(X509_delete_ext(x, X509_get_ext_by_NID(x, NID_basic_constraints, -1)));
    X509_add_ext(x, e, -1);
    EXPECT(X509_sign(x, key, EVP_sha256()) > 0);
    n = i2d_X509(x, &der);
    kept = ask_keep((struct vault_bytes){der, (size_t)n});
    OPENSSL_free(der);
    X509_EXTENSION_free(e);
    EVP_PKEY_free(key);
    X509_free(x);
    return kept;
}

TEST("a path length is counted down, and at its end there is no further CA")
{
    struct kek *kek = ask_kek(1);
    struct ca ca = make_ca(kek, VAULT_EC_P256);
    struct vault_issue m = leaf_plan(kek, &ca, VAULT_EC_P256);
    struct vault_answer a;
    X509 *x;

    m.role = VAULT_CA;
    m.ca_certificate = with_path(kek, &ca, "critical,CA:TRUE,pathlen:2");
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0);
    x = cert_of(a.ders[0]);
    EXPECT(X509_get_pathlen(x) == 1);
    X509_free(x);
    m.ca_certificate = with_path(kek, &ca, "critical,CA:TRUE,pathlen:0");
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "no CA below it"));
    m.role = VAULT_CLIENT;
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0);
    kek_free(kek);
}

static struct vault_bytes spki_of(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    struct vault_bytes kept = ask_keep((struct vault_bytes){der, (size_t)n});

    OPENSSL_free(der);
    EVP_PKEY_free(key);
    return kept;
}

static EVP_PKEY *rsa_with_exponent_3(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *three = BN_new();
    EVP_PKEY *key = NULL;

    BN_set_word(three, 3);
    EXPECT(EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1 &&
           EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, three) == 1 &&
           EVP_PKEY_generate(ctx, &key) == 1);
    BN_free(three);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

TEST("weak keys, and requests whose signature is not their key's, get no certificate")
{
    struct kek *kek = ask_kek(1);
    struct ca ca = make_ca(kek, VAULT_EC_P256);
    struct vault_bytes key = ask_key(kek, VAULT_EC_P256), csr;
    struct vault_issue m = leaf_plan(kek, &ca, VAULT_EC_P256);
    struct vault_answer a;
    uint8_t bad[VAULT_DER_MAX];

    m.subject_key = spki_of(EVP_RSA_gen(1024));
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EKEYREJECTED, "RSA key of 1024 bits"));
    m.subject_key = spki_of(rsa_with_exponent_3());
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EKEYREJECTED, "public exponent is below 65537"));
    m.subject_key = spki_of(EVP_EC_gen("P-521"));
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EKEYREJECTED, "a kind that is not taken"));
    m.subject_key.n--;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EBADMSG, "public key can not be decoded"));

    a = ask_csr(kek, &(struct vault_csr){7, key, name("x")});
    csr = ask_keep(a.ders[0]);
    m.form = VAULT_FORM_CSR;
    m.subject_key = csr;
    a = ask_issue(kek, &m);
    EXPECT(a.error == 0);
    memcpy(bad, csr.p, csr.n);
    bad[csr.n - 1] ^= 1;
    m.subject_key.p = bad;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EKEYREJECTED, "not signed with the key"));
    m.subject_key.n--;
    a = ask_issue(kek, &m);
    EXPECT(ask_says(&a, EBADMSG, "request can not be decoded"));
    kek_free(kek);
}

int main(void)
{
    return test_run();
}
