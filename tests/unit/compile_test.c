/* compile: does a good configuration with its files become the policy that was meant, and is each
 * bad file named? */
#include <unistd.h>
#include "dataplane/wire/chan.h"
#include "mgmt/model/certs.h"
#include "tests/unit/config.h"
#include "tests/unit/made_certs.h"

#define CERT "/identities/gw/certificate"

/* A root, an intermediate, what the example names. */
static struct {
    struct made root, inter, gw, gw2, other;
    struct made_files files;
} pki;

static void make_pki(void)
{
    struct made_how leaf = {.eku = "serverAuth,clientAuth"};
    X509_CRL *crl;

    pki.root = made_cert("Root", NULL, (struct made_how){.ca = true});
    pki.inter = made_cert("Inter", &pki.root, (struct made_how){.ca = true});
    pki.other = made_cert("Other", NULL, (struct made_how){.ca = true});
    pki.gw = made_cert("gw", &pki.inter, leaf);
    leaf.key = "ED25519";
    pki.gw2 = made_cert("gw2", &pki.inter, leaf);
    crl = made_crl(&pki.root, 3, (struct made_list){0});
    made_put_crl(&pki.files, "ca.crl", crl, NULL);
    X509_CRL_free(crl);
    made_put_pem(&pki.files, "ca.pem", pki.root.x, NULL, NULL);
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
    made_put_pem(&pki.files, "gw2.pem", pki.gw2.x, pki.inter.x, NULL);
}

static void free_pki(void)
{
    struct made *all[] = {&pki.root, &pki.inter, &pki.gw, &pki.gw2, &pki.other};

    for (unsigned i = 0; i < 5; i++)
        made_free(all[i]);
    made_files_free(&pki.files);
}

/* Compile the example with up to two changes. */
static int build(struct compiled *c, struct err *e, const char *at1, const char *v1,
                 const char *at2, const char *v2)
{
    struct opener o = {.read = made_read, .key = made_token, .arg = &pki.files};
    char *text = config_text(at1, v1, at2, v2);
    struct model m = {0};
    int rc = model_parse(&m, text, strlen(text), e);

    if (!rc)
        rc = model_validate(&m, e);
    if (!rc)
        rc = compile(&m, &o, 7, (int64_t)time(NULL), c, e);
    model_fini(&m);
    free(text);
    return rc;
}

static void refused(const char *at, const char *value, const char *where, const char *word)
{
    struct compiled c = {0};
    struct err e = {{0}, {0}, {0}};
    char said[1100];

    if (build(&c, &e, at, value, NULL, NULL) >= 0 || strcmp(e.where, where) ||
        !strstr(err_text(&e, said, sizeof said), word)) {
        printf("    %s; wanted %s ... %s\n", err_text(&e, said, sizeof said), where, word);
        test_fail(__FILE__, __LINE__, "it is refused there");
    }
    compiled_fini(&c);
}

/* A file of the example is another for one case. */
static void with_pem(const char *name, X509 *a, X509 *b, X509 *d, const char *where,
                     const char *word)
{
    made_put_pem(&pki.files, name, a, b, d);
    refused(NULL, NULL, where, word);
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
    made_put_pem(&pki.files, "ca.pem", pki.root.x, NULL, NULL);
}

static bool warned(const struct compiled *c, const char *word)
{
    for (unsigned i = 0; i < c->n_warnings; i++)
        if (strstr(c->warnings[i], word))
            return true;
    return false;
}

TEST("the example becomes its policy")
{
    struct compiled c;
    struct err e;
    const struct policy *p = &c.policy;

    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0);
    EXPECT(p->revision == 7 && p->n_links == 2 && p->n_listeners == 2 && p->n_identities == 2);
    EXPECT(p->n_profiles == 2 && !strcmp(p->profiles[0].name, "default"));
    EXPECT(p->identities[0].n_chain == 2 && p->identities[0].spki.n > 60);
    EXPECT(p->identities[0].uses == (POLICY_USE_SERVER | POLICY_USE_CLIENT | POLICY_USE_TLS13));
    EXPECT(p->identities[1].uses == 0 && warned(&c, "/identities/gw2: no link uses it"));
    EXPECT(p->trusts[0].n_anchors == 1 && p->trusts[0].n_crls == 1 && p->trusts[0].revocation);
    EXPECT(c.n_crls == 1 && c.keys[0].token != c.keys[1].token);
    EXPECT(p->links[0].outer && !p->links[0].inner && p->links[1].inner && !p->links[1].outer);
    EXPECT(!strcmp(p->links[1].inner->server_name, "gw.test"));
    compiled_fini(&c);
}

TEST("all three images of the example decode again")
{
    static const uint8_t slices[] = {POLICY_SLICE_DATAPLANE, POLICY_SLICE_HANDSHAKE,
                                     POLICY_SLICE_KEYRING};
    static uint8_t mem[65536];
    struct compiled c;
    struct err e;

    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0);
    for (unsigned i = 0; i < 3; i++) {
        struct policy *p = NULL;
        struct buf b;

        c.policy.n_attachments = i == 1 ? c.n_crls : i == 2 ? c.policy.n_identities : 0;
        buf_init(&b, mem, sizeof mem);
        policy_encode(&b, &c.policy, slices[i]);
        EXPECT(buf_ok(&b) && policy_decode(mem, b.len, &p) == 0);
        policy_free(p);
    }
    compiled_fini(&c);
}

TEST("the default profile is TLS 1.3 alone, with what this OpenSSL has")
{
    struct compiled c;
    struct err e;
    const struct policy_profile *p;

    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0);
    p = &c.policy.profiles[0];
    EXPECT(p->tls13 && !p->tls12 && !p->suites12[0]);
    EXPECT(!strncmp(p->suites13, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20", 58));
    EXPECT(strstr(p->groups, "X25519:P-256:P-384") != NULL);
    EXPECT(strstr(p->sigalgs, "ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519") != NULL);
    EXPECT(!strstr(p->sigalgs, "pkcs1"));
    EXPECT(!strcmp(c.policy.profiles[1].suites13, "TLS_AES_256_GCM_SHA384"));
    EXPECT(!strcmp(c.policy.profiles[1].groups, "X25519"));
    compiled_fini(&c);
}

TEST("a profile with 1.2 and no suites named has both tables")
{
    struct compiled c;
    struct err e;

    EXPECT(build(&c, &e, "/profiles/strict", "{\"versions\": [\"1.2\", \"1.3\"]}", NULL, NULL) ==
           0);
    EXPECT(strstr(c.policy.profiles[1].suites12, "ECDHE-ECDSA-AES256-GCM-SHA384") != NULL);
    EXPECT(strstr(c.policy.profiles[1].suites13, "TLS_AES_128_GCM_SHA256") != NULL);
    EXPECT(!strstr(c.policy.profiles[1].suites12, "CBC"));
    compiled_fini(&c);
}

TEST("a group or signature algorithm that is not offered is refused")
{
    refused("/profiles/strict/groups", "[\"secp192r1\"]", "/profiles/strict/groups/0",
            "not offered");
    refused("/profiles/strict/groups", "[\"X25519:P-256\"]", "/profiles/strict/groups/0",
            "not offered");
    refused("/profiles/strict/groups", "[\"X25519\", \"X25519\"]", "/profiles/strict/groups/1",
            "twice");
    refused("/profiles/strict/signature_algorithms", "[\"RSA+SHA1\"]",
            "/profiles/strict/signature_algorithms/0", "not offered");
}

TEST("a chain in the wrong order is put right")
{
    struct compiled c;
    struct err e;

    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.root.x, pki.inter.x);
    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0);
    EXPECT(c.policy.identities[0].n_chain == 3);
    EXPECT(c.policy.identities[0].chain[1].n == (uint32_t)i2d_X509(pki.inter.x, NULL));
    compiled_fini(&c);
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
}

TEST("a certificate in DER is as good as in PEM")
{
    uint8_t *der = NULL;
    int n = i2d_X509(pki.gw.x, &der);
    struct compiled c;
    struct err e;

    made_put(&pki.files, "gw.pem", der, (size_t)n);
    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0 && c.policy.identities[0].n_chain == 1);
    compiled_fini(&c);
    OPENSSL_free(der);
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
}

TEST("a chain that begins with a CA, or holds a stranger, is refused")
{
    with_pem("gw.pem", pki.inter.x, pki.gw.x, NULL, CERT, "first");
    with_pem("gw.pem", pki.gw.x, pki.inter.x, pki.other.x, CERT, "did not issue");
    with_pem("gw.pem", pki.inter.x, NULL, NULL, CERT, "CA certificate");
}

TEST("an expired certificate of ours is refused with its date, and so is one of the future")
{
    struct made old = made_cert(
        "old", &pki.inter,
        (struct made_how){.eku = "serverAuth", .from_s = -9000, .until_s = -5000});
    struct made young = made_cert(
        "young", &pki.inter,
        (struct made_how){.eku = "serverAuth", .from_s = 5000, .until_s = 9000});
    char year[8];
    time_t then = time(NULL) - 5000;

    strftime(year, sizeof year, "%Y", gmtime(&then));
    with_pem("gw.pem", old.x, pki.inter.x, NULL, CERT, "expired at");
    with_pem("gw.pem", old.x, pki.inter.x, NULL, CERT, year);
    with_pem("gw.pem", young.x, pki.inter.x, NULL, CERT, "not valid before");
    made_free(&old);
    made_free(&young);
}

TEST("a key that peers refuse is refused here")
{
    struct made small = made_cert("small", &pki.inter,
                                  (struct made_how){.eku = "serverAuth", .key = "RSA1024"});
    struct made curve = made_cert("curve", &pki.inter,
                                  (struct made_how){.eku = "serverAuth", .key = "P-521"});

    with_pem("gw.pem", small.x, pki.inter.x, NULL, CERT, "type or size");
    with_pem("gw.pem", curve.x, pki.inter.x, NULL, CERT, "type or size");
    made_free(&small);
    made_free(&curve);
}

TEST("the extended key usage of our certificate fits what links do with it")
{
    struct made client = made_cert("c", &pki.inter, (struct made_how){.eku = "clientAuth"});
    struct made server = made_cert("s", &pki.inter, (struct made_how){.eku = "serverAuth"});
    struct made none = made_cert("n", &pki.inter, (struct made_how){0});
    struct made unsigned_ = made_cert(
        "u", &pki.inter, (struct made_how){.eku = "serverAuth", .usage = "keyAgreement"});
    struct compiled c;
    struct err e;

    with_pem("gw.pem", client.x, pki.inter.x, NULL, CERT, "serverAuth");
    with_pem("gw.pem", server.x, pki.inter.x, NULL, CERT, "clientAuth");
    with_pem("gw.pem", unsigned_.x, pki.inter.x, NULL, CERT, "digitalSignature");
    made_put_pem(&pki.files, "gw.pem", none.x, pki.inter.x, NULL);
    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0 && warned(&c, "no extended key usage"));
    compiled_fini(&c);
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
    made_free(&client);
    made_free(&server);
    made_free(&none);
    made_free(&unsigned_);
}

TEST("a private key in a certificate file is refused: management sees none")
{
    BIO *bio = BIO_new(BIO_s_mem());

    PEM_write_bio_X509(bio, pki.gw.x);
    PEM_write_bio_PrivateKey(bio, pki.gw.key, NULL, NULL, 0, NULL, NULL);
    made_put_bio(&pki.files, "gw.pem", bio);
    refused(NULL, NULL, CERT, "private key");
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
}

TEST("a file that is missing, empty, damaged or of another kind is named")
{
    refused(CERT, "\"none.pem\"", CERT, "No such file");
    refused("/identities/gw/key", "\"none.key\"", "/identities/gw/key", "Permission denied");
    refused("/trust/partners/anchors/0", "\"none\"", "/trust/partners/anchors/0", "No such file");
    refused("/trust/partners/crls/0", "\"none\"", "/trust/partners/crls/0", "No such file");
    refused("/trust/partners/crls/0", "\"ca.pem\"", "/trust/partners/crls/0", "CERTIFICATE");
    refused("/trust/partners/anchors/0", "\"ca.crl\"", "/trust/partners/anchors/0", "X509 CRL");
    made_put(&pki.files, "gw.pem", "", 0);
    refused(NULL, NULL, CERT, "no certificate");
    made_put(&pki.files, "gw.pem", "-----BEGIN CERTIFICATE-----\nMII", 31);
    refused(NULL, NULL, CERT, "damaged");
    made_put(&pki.files, "gw.pem", "hello", 5);
    refused(NULL, NULL, CERT, "can not be read");
    made_put_pem(&pki.files, "gw.pem", pki.gw.x, pki.inter.x, NULL);
}

TEST("an anchor is a CA")
{
    with_pem("ca.pem", pki.root.x, pki.gw.x, NULL, "/trust/partners/anchors/0",
             "no CA certificate");
}

TEST("a file of lists that two trusts name is read once and shared")
{
    struct compiled c;
    struct err e;

    for (unsigned i = 0; i < pki.files.n; i++)
        pki.files.f[i].reads = 0;
    EXPECT(build(&c, &e, "/trust/second", "{\"anchors\": [\"ca.pem\"], \"crls\": [\"ca.crl\"]}",
                 NULL, NULL) == 0);
    EXPECT(c.n_crls == 1 && c.policy.trusts[1].n_crls == 1 && c.policy.trusts[1].crls[0] == 0);
    for (unsigned i = 0; i < pki.files.n; i++)
        EXPECT(strcmp(pki.files.f[i].name, "ca.crl") || pki.files.f[i].reads == 1);
    compiled_fini(&c);
}

static void warns(X509_CRL *crl, const char *word)
{
    struct compiled c;
    struct err e;

    made_put_crl(&pki.files, "other.crl", crl, NULL);
    EXPECT(build(&c, &e, "/trust/partners/crls/0", "\"other.crl\"", NULL, NULL) == 0);
    EXPECT(warned(&c, word));
    compiled_fini(&c);
    X509_CRL_free(crl);
}

TEST("a list that helps nobody is loaded with a warning")
{
    struct made twin = made_cert("Root", NULL, (struct made_how){.ca = true});

    warns(made_crl(&pki.root, 1, (struct made_list){.from_s = -200, .until_s = -100}),
          "past its time");
    warns(made_crl(&pki.other, 1, (struct made_list){0}), "neither an anchor");
    warns(made_crl(&twin, 1, (struct made_list){0}), "not signed with its anchor's key");
    made_free(&twin);
}

TEST("the list of an intermediate in our own chain is no surprise")
{
    struct compiled c;
    struct err e;
    X509_CRL *crl = made_crl(&pki.inter, 1, (struct made_list){0});

    made_put_crl(&pki.files, "inter.crl", crl, NULL);
    EXPECT(build(&c, &e, "/trust/partners/crls", "[\"ca.crl\", \"inter.crl\"]", NULL, NULL) == 0);
    EXPECT(!warned(&c, "neither an anchor") && c.n_crls == 2);
    compiled_fini(&c);
    X509_CRL_free(crl);
}

TEST("what is lax is warned of")
{
    struct compiled c;
    struct err e;

    EXPECT(build(&c, &e, "/trust/partners/revocation", "\"none\"", "/links/in/listen/tls/peers",
                 "[]") == 0);
    EXPECT(warned(&c, "revoked certificates are accepted") && warned(&c, "every peer is refused"));
    compiled_fini(&c);
    EXPECT(build(&c, &e, "/trust/partners/crls", NULL, "/links/in/accept_proxy", "true") == 0);
    EXPECT(warned(&c, "every certificate is refused") && warned(&c, "claim to be any"));
    compiled_fini(&c);
    EXPECT(build(&c, &e, "/links/out/forward/tls/identity", NULL, NULL, NULL) == 0);
    EXPECT(warned(&c, "not told who we are"));
    compiled_fini(&c);
}

TEST("what runs out is noted with the moment to warn")
{
    struct compiled c;
    struct err e;
    bool crl = false, own = false;

    EXPECT(build(&c, &e, NULL, NULL, NULL, NULL) == 0);
    for (unsigned i = 0; i < c.n_dates; i++) {
        EXPECT(c.dates[i].warn_at < c.dates[i].ends_at);
        crl |= strstr(c.dates[i].text, "the CRL of /CN=Root") != NULL;
        own |= strstr(c.dates[i].text, CERT ": /CN=gw") != NULL;
    }
    EXPECT(crl && own);
    compiled_fini(&c);
}

TEST("identities of one side have keys of different types")
{
    struct made again = made_cert(
        "again", &pki.inter, (struct made_how){.eku = "serverAuth,clientAuth", .key = "P-384"});
    struct compiled c;
    struct err e;

    EXPECT(build(&c, &e, "/links/in/listen/tls/identity", "[\"gw\", \"gw2\"]", NULL, NULL) == 0);
    EXPECT(c.policy.links[0].outer->n_identities == 2);
    compiled_fini(&c);
    made_put_pem(&pki.files, "gw2.pem", again.x, pki.inter.x, NULL);
    refused("/links/in/listen/tls/identity", "[\"gw\", \"gw2\"]", "/links/in/listen/tls/identity",
            "same type");
    made_put_pem(&pki.files, "gw2.pem", pki.gw2.x, pki.inter.x, NULL);
    made_free(&again);
}

TEST("names are lower-cased, sources and the outbound address are read")
{
    struct compiled c;
    struct err e;
    char text[ADDR_TEXT_MAX];

    EXPECT(build(&c, &e, "/links/in/listen/server_names", "[\"GW.Test\"]",
                 "/links/out/forward/source", "\"127.0.0.1\"") == 0);
    EXPECT(!strcmp(c.policy.links[0].server_names[0], "gw.test"));
    EXPECT(!strcmp(addr_text(&c.policy.links[1].source, text), "127.0.0.1:0"));
    compiled_fini(&c);
}

TEST("a host name becomes its addresses, and one that does not resolve is an error in time")
{
    struct compiled c;
    struct err e;

    EXPECT(build(&c, &e, "/links/in/forward/to/0", "\"localhost:7000\"", NULL, NULL) == 0);
    EXPECT(c.policy.links[0].n_targets >= 1);
    EXPECT(addr_port(&c.policy.links[0].targets[0].addr) == 7000);
    EXPECT(!strcmp(c.policy.links[0].targets[0].text, "localhost:7000"));
    compiled_fini(&c);
    refused("/links/in/forward/to/0", "\"no-such-host.invalid:7000\"", "/links/in/forward/to/0",
            "does not resolve");
}

TEST("links that share an address share one listener, in the order of the document")
{
    struct compiled c;
    struct err e;

    EXPECT(build(&c, &e, "/links/zz",
                 "{\"listen\": {\"address\": [\"127.0.0.1:8443\"], \"server_names\": [\"b.test\"],"
                 " \"tls\": {\"identity\": \"gw\", \"trust\": \"partners\"}},"
                 " \"forward\": {\"to\": [\"127.0.0.1:7000\"]}}",
                 NULL, NULL) == 0);
    EXPECT(c.policy.n_listeners == 2);
    for (unsigned i = 0; i < c.policy.n_listeners; i++) {
        const struct policy_listener *l = &c.policy.listeners[i];

        EXPECT(addr_port(&l->addr) == 7443
                   ? !l->tls && l->n_links == 1
                   : l->tls && l->n_links == 2 && l->links[0] == 0 && l->links[1] == 2);
    }
    compiled_fini(&c);
}

int main(void)
{
    int rc;

    make_pki();
    rc = test_run();
    free_pki();
    return rc;
}
