/* csr: does a request verify, name whom it was asked to name, and nobody in a way to be misread? */
#include "tests/unit/vault_ask.h"

#include <errno.h>
#include <openssl/x509v3.h>

static struct vault_names all_names(void)
{
    static const char *const values[VAULT_ATTRIBUTES] = {"DE",        "Land", "Ort",      "Haus",
                                                         "Abteilung", "gw",   "a@b.test", "4711"};
    struct vault_names n = {0};

    for (uint8_t i = 0; i < VAULT_ATTRIBUTES; i++)
        add_subject(&n, i, values[i]);
    add_san(&n, VAULT_DNS, "*.gw.test");
    add_san(&n, VAULT_URI, "spiffe://gw.test/a");
    add_san(&n, VAULT_EMAIL, "ops@gw.test");
    add_san(&n, VAULT_IP, "192.0.2.1");
    add_san(&n, VAULT_IP, "2001:db8::1");
    return n;
}

static bool names_are(GENERAL_NAMES *sans, const struct vault_names *n)
{
    static const uint8_t v4[] = {192, 0, 2, 1}, v6[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    bool good = sk_GENERAL_NAME_num(sans) == n->n_sans;

    for (int i = 0; i < 3 && good; i++) {
        ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(sans, i), NULL);

        good = (size_t)ASN1_STRING_length(s) == n->sans[i].value.n &&
               !memcmp(ASN1_STRING_get0_data(s), n->sans[i].value.p, n->sans[i].value.n);
    }
    for (int i = 3; i < 5 && good; i++) {
        ASN1_STRING *s = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(sans, i), NULL);

        good = ASN1_STRING_length(s) == (i == 3 ? 4 : 16) &&
               !memcmp(ASN1_STRING_get0_data(s), i == 3 ? v4 : v6, i == 3 ? 4 : 16);
    }
    return good;
}

TEST("a request of every kind of key verifies and names whom it was asked to name")
{
    struct kek *kek = ask_kek(1);

    for (size_t i = 0; i < N_KINDS; i++) {
        struct vault_csr m = {7, try_key(kek, kinds[i]), all_names()};
        struct vault_answer a;
        const unsigned char *at;
        STACK_OF(X509_EXTENSION) * list;
        GENERAL_NAMES *sans;
        X509_REQ *req;
        char text[512];

        if (!m.key.n)
            continue;
        a = ask_csr(kek, &m);
        EXPECT(a.error == 0 && a.n_ders == 1 && !a.key.n);
        at = a.ders[0].p;
        req = d2i_X509_REQ(NULL, &at, (long)a.ders[0].n);
        EXPECT(req && X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) == 1);
        X509_NAME_oneline(X509_REQ_get_subject_name(req), text, sizeof(text));
        EXPECT(!strcmp(text, "/C=DE/ST=Land/L=Ort/O=Haus/OU=Abteilung/CN=gw/emailAddress=a@b.test/"
                             "serialNumber=4711"));
        list = X509_REQ_get_extensions(req);
        EXPECT(sk_X509_EXTENSION_num(list) == 1);
        sans = X509V3_get_d2i(list, NID_subject_alt_name, NULL, NULL);
        EXPECT(names_are(sans, &m.names));
        GENERAL_NAMES_free(sans);
        sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
        X509_REQ_free(req);
    }
    kek_free(kek);
}

TEST("names that would be read otherwise are refused, with the place in the list")
{
    static const struct {
        uint8_t type;
        const char *value;
    } sans[] = {{VAULT_DNS, "a b"},        {VAULT_DNS, "a..b"},      {VAULT_DNS, ".a"},
                {VAULT_DNS, "a."},         {VAULT_DNS, "*"},         {VAULT_DNS, "a.*.b"},
                {VAULT_DNS, "a*.b"},       {VAULT_DNS, "-a.b"},      {VAULT_DNS, "\xc3\xa4.test"},
                {VAULT_URI, "noscheme"},   {VAULT_URI, "a: b"},      {VAULT_URI, "1a:b"},
                {VAULT_URI, "a:"},         {VAULT_EMAIL, "a"},       {VAULT_EMAIL, "@b"},
                {VAULT_EMAIL, "a@b@c"},    {VAULT_EMAIL, "a@*.b"},   {VAULT_IP, "192.0.2.0/24"},
                {VAULT_IP, "192.0.2.256"}, {VAULT_IP, "192.0.2.1 "}, {VAULT_IP, "gw.test"}};
    static const struct {
        uint8_t type;
        const char *value;
    } subjects[] = {{VAULT_C, "DEU"},
                    {VAULT_CN, "a\nb"},
                    {VAULT_CN, "\xff"},
                    {VAULT_EMAIL_ADDRESS, "\xc3\xa4@b"}};
    struct kek *kek = ask_kek(1);
    struct vault_bytes key = ask_key(kek, VAULT_EC_P256);
    static const uint8_t nul[] = {'a', 0, 'b'};
    struct vault_csr m = {7, key, name("gw")};
    struct vault_answer a;

    for (size_t i = 0; i < sizeof(sans) / sizeof(sans[0]); i++) {
        m.names = name("gw");
        add_san(&m.names, VAULT_DNS, "good.test");
        add_san(&m.names, sans[i].type, sans[i].value);
        a = ask_csr(kek, &m);
        EXPECT(ask_says(&a, EINVAL, "sans/1"));
    }
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        m.names = name("gw");
        add_subject(&m.names, subjects[i].type, subjects[i].value);
        a = ask_csr(kek, &m);
        EXPECT(ask_says(&a, EINVAL, "subject/1"));
    }
    for (uint8_t type = VAULT_DNS; type < VAULT_SAN_KINDS; type++) {
        m.names = name("gw");
        m.names.sans[m.names.n_sans++] = (struct vault_pair){type, {nul, sizeof(nul)}};
        a = ask_csr(kek, &m);
        EXPECT(ask_says(&a, EINVAL, "sans/0"));
    }
    m.names = (struct vault_names){0};
    a = ask_csr(kek, &m);
    EXPECT(ask_says(&a, EINVAL, "names nobody"));
    kek_free(kek);
}

int main(void)
{
    return test_run();
}
