/* Chains as bytes, and what is told of a peer. */
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

struct wire {
    uint8_t bytes[CHAIN_DER_MAX * 2];
    size_t n;
};

static void put(struct wire *w, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    struct buf b;

    buf_init(&b, w->bytes + w->n, sizeof w->bytes - w->n);
    buf_put_blob(&b, der, (size_t)n);
    w->n += b.len;
    OPENSSL_free(der);
}

static enum reason parse(const uint8_t *bytes, size_t n, int *count)
{
    enum reason why = REASON_COUNT;
    STACK_OF(X509) *chain = chain_parse(bytes, n, &why);

    EXPECT((chain != NULL) == (why == REASON_NONE));
    *count = sk_X509_num(chain);
    sk_X509_pop_free(chain, X509_free);
    return why;
}

TEST("a chain comes back as it was sent, up to eight certificates")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    static struct wire w;
    int n;

    w.n = 0;
    for (int i = 0; i < 8; i++)
        put(&w, root.x);
    EXPECT(parse(w.bytes, w.n, &n) == REASON_NONE && n == 8);
    put(&w, root.x);
    EXPECT(parse(w.bytes, w.n, &n) == REASON_CHAIN_LIMIT);
}

TEST("nothing, half a certificate, rubbish and trailing bytes are refused")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    static struct wire w;
    int n;

    w.n = 0;
    put(&w, root.x);
    EXPECT(parse(w.bytes, 0, &n) == REASON_NO_CERTIFICATE);
    for (size_t i = 1; i < w.n; i += 7)
        EXPECT(parse(w.bytes, i, &n) == REASON_CHAIN);
    w.bytes[w.n] = 0;
    EXPECT(parse(w.bytes, w.n + 1, &n) == REASON_CHAIN);
    EXPECT(parse((const uint8_t *)"\0\0\0\0", 4, &n) == REASON_CHAIN);
    EXPECT(parse((const uint8_t *)"\xff\xff\xff\xff", 4, &n) == REASON_CHAIN);
    EXPECT(parse((const uint8_t *)"\0\0\0\2\x30\0", 6, &n) == REASON_CHAIN);
    w.bytes[3]++; /* one byte more than the certificate has */
    EXPECT(parse(w.bytes, w.n + 1, &n) == REASON_CHAIN);
}

TEST("more than 32 KiB is refused unread, and a key off the list with the certificate")
{
    struct pki_cert root = pki_ca(NULL, "Root");
    struct pki_cert big = pki_issue(
        &root, &(struct pki_spec){.cn = "big", .purpose = "clientAuth", .key = KEY_RSA8192});
    static struct wire w;
    int n;

    EXPECT(parse(w.bytes, CHAIN_DER_MAX + 1, &n) == REASON_CHAIN_LIMIT);
    w.n = 0;
    put(&w, big.x);
    EXPECT(parse(w.bytes, w.n, &n) == REASON_KEY_TYPE);
}

static struct peer_facts facts_of(const struct pki_spec *spec)
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_issue(&root, spec);
    STACK_OF(X509) *chain = pki_stack((X509 *[]){leaf.x, root.x}, 2);
    struct verdict v = {.allow = true, .rule = 3, .until = 77, .not_after = 88};
    struct peer_facts f;

    EXPECT(facts_from_chain(chain, &v, &f) == 0);
    EXPECT(f.rule == 3 && f.until == 77 && f.not_after == 88);
    sk_X509_pop_free(chain, X509_free);
    return f;
}

TEST("facts tell names, serial, key and signature")
{
    struct peer_facts f = facts_of(
        &(struct pki_spec){.cn = "Client", .serial = "0abc01", .sans = "dns:a.test"});

    EXPECT(!strcmp(f.name, "a.test") && !strcmp(f.common_name, "Client"));
    EXPECT(!strcmp(f.serial, "0abc01") && !strcmp(f.key_alg, "EC256"));
    EXPECT(!strcmp(f.sig_alg, "ecdsa-with-SHA256"));
    f = facts_of(&(struct pki_spec){.cn = "r", .key = KEY_RSA2048});
    EXPECT(!strcmp(f.key_alg, "RSA2048") && !strcmp(f.name, "r"));
    f = facts_of(&(struct pki_spec){.cn = "e", .key = KEY_ED25519});
    EXPECT(!strcmp(f.key_alg, "Ed25519"));
    f = facts_of(&(struct pki_spec){.cn = "p", .key = KEY_P384});
    EXPECT(!strcmp(f.key_alg, "EC384"));
}

TEST("the name is the first URI, else DNS name, else email, else address, else common name")
{
    EXPECT(!strcmp(facts_of(&(struct pki_spec){.cn = "c",
                                               .sans = "ip:10.0.0.1 email:a@b.test dns:d.test "
                                                       "uri:spiffe://e.test/f"})
                       .name,
                   "spiffe://e.test/f"));
    EXPECT(
        !strcmp(facts_of(&(struct pki_spec){.cn = "c", .sans = "ip:10.0.0.1 email:a@b.test"}).name,
                "a@b.test"));
    EXPECT(!strcmp(facts_of(&(struct pki_spec){.cn = "c", .sans = "ip:2001:db8::1"}).name,
                   "2001:db8::1"));
    EXPECT(!strcmp(facts_of(&(struct pki_spec){.sans = "raw:abc"}).name, ""));
}

TEST("digests are over the DER of leaf, key and whole chain")
{
    struct pki_cert root = pki_ca(NULL, "Root"), leaf = pki_leaf(&root, LEG_OUTER, NULL);
    STACK_OF(X509) *chain = pki_stack((X509 *[]){leaf.x, root.x}, 2);
    struct verdict v = {0};
    uint8_t all[8192], md[32];
    unsigned char *p = all;
    struct peer_facts f;
    int n;

    EXPECT(facts_from_chain(chain, &v, &f) == 0);
    n = i2d_X509(leaf.x, &p);
    EVP_Digest(all, (size_t)n, md, NULL, EVP_sha256(), NULL);
    EXPECT(!memcmp(md, f.cert_sha256, 32));
    n += i2d_X509(root.x, &p);
    EVP_Digest(all, (size_t)n, md, NULL, EVP_sha256(), NULL);
    EXPECT(!memcmp(md, f.chain_sha256, 32));
    p = all;
    n = i2d_PUBKEY(leaf.key, &p);
    EVP_Digest(all, (size_t)n, md, NULL, EVP_sha256(), NULL);
    EXPECT(!memcmp(md, f.spki_sha256, 32));
    sk_X509_pop_free(chain, X509_free);
    EXPECT(facts_from_chain(NULL, &v, &f) == -EINVAL);
}

TEST("a name for people holds no control characters and no broken UTF-8, and always ends")
{
    struct pki_cert evil = pki_issue(NULL, &(struct pki_spec){.sans = "dns:a\\0b\x1b[2J\xff\n"});
    struct pki_cert good = pki_issue(NULL, &(struct pki_spec){.cn = "B\xc3\xbc"
                                                                    "cher \xe2\x82\xac"});
    char name[256], sans[600] = "dns:";

    facts_name(evil.x, name);
    EXPECT(!strcmp(name, "a?b?[2J??"));
    facts_name(good.x, name);
    EXPECT(!strcmp(name, "B\xc3\xbc"
                         "cher \xe2\x82\xac"));
    memset(sans + 4, 'x', 500);
    facts_name(pki_issue(NULL, &(struct pki_spec){.sans = sans}).x, name);
    EXPECT(strlen(name) == 255);
}

int main(void)
{
    return test_run();
}
