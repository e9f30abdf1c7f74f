/*
 * seed_chain: writes the first corpus of chain_fuzz: chains of a few kinds with their CRLs, public
 * certificates only. `make fuzz-seed-chain`, after the input's form changed.
 */
#include <string.h>
#include <sys/stat.h>
#include "tests/unit/pki.h"

static uint8_t mem[64 * 1024];
static const char *folder;

static void put_der(struct buf *b, X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);

    MUST(n > 0);
    buf_put_blob(b, der, (size_t)n);
    OPENSSL_free(der);
}

static size_t table(X509_CRL *crl, const uint8_t **data)
{
    struct crl_view v = pki_table(crl);

    *data = v.issuer - 4 - 16 - 8; /* back over the length, the times and the magic */
    return (size_t)(v.rows + (size_t)v.count * CRL_SERIAL_ROW - *data);
}

static void seed(const char *name, uint8_t flags, const char *pattern, X509 *const chain[],
                 X509_CRL *crl)
{
    static uint8_t inner[CHAIN_DER_MAX];
    struct buf b, c;
    const uint8_t *data;
    char path[512];
    FILE *f;

    buf_init(&c, inner, sizeof inner);
    for (; *chain; chain++)
        put_der(&c, *chain);
    buf_init(&b, mem, sizeof mem);
    buf_put_u8(&b, flags);
    buf_put_blob(&b, c.data, c.len);
    buf_put_str(&b, pattern);
    if (crl) {
        size_t n = table(crl, &data);

        buf_put_bytes(&b, data, n);
    }
    snprintf(path, sizeof path, "%s/%s", folder, name);
    f = fopen(path, "wb");
    MUST(buf_ok(&b) && buf_ok(&c) && f && fwrite(b.data, 1, b.len, f) == b.len && !fclose(f));
}

#define CHAIN(...) ((X509 *const[]){__VA_ARGS__, NULL})

int main(int argc, char **argv)
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca, client, server, rsa, names;

    MUST(argc == 2);
    folder = argv[1];
    mkdir(folder, 0755);
    ca = pki_ca(&root, "CA");
    client = pki_leaf(&root, LEG_OUTER, "uri:spiffe://partner.example/client dns:client.test");
    server = pki_leaf(&ca, LEG_INNER, "dns:gw.test ip:10.0.0.1 email:ops@gw.test");
    rsa = pki_issue(&root,
                    &(struct pki_spec){.cn = "rsa", .purpose = "clientAuth", .key = KEY_RSA2048});
    names = pki_issue(&root, &(struct pki_spec){.cn = "B\xc3\xbc"
                                                      "cher",
                                                .org = "Partner",
                                                .purpose = "clientAuth",
                                                .constraints = "permitted;DNS:test",
                                                .sans = "dns:*.test uri:urn:a raw:abc"});
    seed("client", 0, "spiffe://partner.example/**", CHAIN(client.x, root.x), NULL);
    seed("client-crl", 2 | 4, "*.test", CHAIN(client.x, root.x),
         pki_crl(&root, &(struct pki_crl_spec){.serials = (const char *const[]){"77", NULL}}));
    seed("client-revoked", 2, "", CHAIN(client.x, root.x),
         pki_crl(&root, &(struct pki_crl_spec){.revoked = {client.x},
                                               .entry = {"2.5.29.21", false, "0a0101"}}));
    seed("server", 1, "gw.test", CHAIN(server.x, ca.x, root.x), NULL);
    seed("server-rule", 1 | 8, "10.0.0.0/8", CHAIN(server.x, ca.x, root.x), NULL);
    seed("rsa", 8, "Partner", CHAIN(rsa.x, root.x), NULL);
    seed("names", 0, "ops@gw.test", CHAIN(names.x, root.x), NULL);
    return 0;
}
