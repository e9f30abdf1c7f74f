#include "handshake/keyring/import.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "dataplane/base/check.h"
#include "handshake/keyring/kdfcost.h"
#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/pkcs12.h"

#define FIX_FILE "give PEM (PKCS#8, or RSA's or EC's own format) or PKCS#12 with one private key"

int imported_add_key(struct imported *m, EVP_PKEY *key, struct err *e)
{
    if (!key)
        return err_set(e, -EBADMSG, "", FIX_FILE, "the private key can not be decoded");
    if (m->key) {
        EVP_PKEY_free(key);
        return err_set(e, -E2BIG, "", FIX_FILE, "the file holds more than one private key");
    }
    m->key = key;
    return 0;
}

int imported_add_cert(struct imported *m, X509 *cert, struct err *e)
{
    if (!cert)
        return err_set(e, -EBADMSG, "", "leave it out, or write the file anew",
                       "a certificate in the file can not be decoded");
    if (m->n_certs == VAULT_DERS_MAX) {
        X509_free(cert);
        return err_set(e, -E2BIG, "", "leave out those that the chain does not need",
                       "the file holds more than %d certificates", VAULT_DERS_MAX);
    }
    m->certs[m->n_certs++] = cert;
    return 0;
}

void imported_fini(struct imported *m)
{
    EVP_PKEY_free(m->key);
    for (unsigned i = 0; i < m->n_certs; i++)
        X509_free(m->certs[i]);
    memset(m, 0, sizeof(*m));
}

int import_wrong_passphrase(const struct vault_bytes *passphrase, struct err *e)
{
    if (!passphrase->n)
        return err_set(e, -EACCES, "", "give the passphrase",
                       "the file is encrypted, and no passphrase was given");
    return err_set(e, -EACCES, "", "give the passphrase that the file was written with",
                   "the passphrase is wrong");
}

/* PEM's own encryption asks through a callback; so do we learn that it was asked. */
struct asked {
    const struct vault_bytes *passphrase;
    bool was;
};

static int give_passphrase(char *mem, int size, int writing, void *arg)
{
    struct asked *asked = arg;

    (void)writing;
    asked->was = true;
    if (!asked->passphrase->n || asked->passphrase->n > (size_t)size)
        return -1;
    memcpy(mem, asked->passphrase->p, asked->passphrase->n);
    return (int)asked->passphrase->n;
}

/* ENCRYPTED PRIVATE KEY (RFC 5958). */
static int read_encrypted(const uint8_t *der, size_t n, const struct vault_bytes *passphrase,
                          uint64_t *budget, EVP_PKEY **key, struct err *e)
{
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, (long)n);
    PKCS8_PRIV_KEY_INFO *p8 = NULL;
    const X509_ALGOR *alg;
    int rc;

    if (!sealed)
        return err_set(e, -EBADMSG, "", FIX_FILE, "the encrypted private key can not be decoded");
    X509_SIG_get0(sealed, &alg, NULL);
    rc = kdfcost_take(alg, budget, e);
    if (!rc && passphrase->n)
        p8 = PKCS8_decrypt(sealed, (const char *)passphrase->p, (int)passphrase->n);
    if (!rc && !p8)
        rc = import_wrong_passphrase(passphrase, e);
    if (p8)
        *key = EVP_PKCS82PKEY(p8);
    PKCS8_PRIV_KEY_INFO_free(p8);
    X509_SIG_free(sealed);
    return rc;
}

/* The key formats that are not encrypted, or encrypted in PEM's own way. */
static int read_plain(const char *label, const char *header, uint8_t *der, long *n,
                      const struct vault_bytes *passphrase, EVP_PKEY **key, struct err *e)
{
    struct asked asked = {.passphrase = passphrase};
    EVP_CIPHER_INFO cipher;
    char text[256];

    /* It is parsed in place. */
    if (strlen(header) >= sizeof(text))
        return err_set(e, -EBADMSG, "", FIX_FILE, "the private key's PEM header is too long");
    memcpy(text, header, strlen(header) + 1);
    if (!PEM_get_EVP_CIPHER_INFO(text, &cipher))
        return err_set(e, -ENOTSUP, "", FIX_FILE, "the private key's PEM header is not understood");
    if (!PEM_do_header(&cipher, der, n, give_passphrase, &asked))
        return import_wrong_passphrase(passphrase, e);
    *key = keyfile_decode(label, der, (size_t)*n);
    /* One wrong passphrase in 256 leaves a padding that looks right. */
    return !*key && asked.was ? import_wrong_passphrase(passphrase, e) : 0;
}

struct pem_block {
    char *label, *header;
    uint8_t *der;
    long n;
};

static int read_key(struct pem_block *b, const struct vault_bytes *passphrase, uint64_t *budget,
                    struct imported *out, struct err *e)
{
    EVP_PKEY *key = NULL;
    int rc;

    if (!strcmp(b->label, PEM_STRING_PKCS8))
        rc = read_encrypted(b->der, (size_t)b->n, passphrase, budget, &key, e);
    else
        rc = read_plain(b->label, b->header, b->der, &b->n, passphrase, &key, e);
    return rc ? rc : imported_add_key(out, key, e);
}

static int read_cert(const struct pem_block *b, struct imported *out, struct err *e)
{
    const uint8_t *at = b->der;
    X509 *cert = d2i_X509(NULL, &at, b->n);

    if (cert && at != b->der + b->n) {
        X509_free(cert);
        cert = NULL;
    }
    return imported_add_cert(out, cert, e);
}

static int read_block(struct pem_block *b, const struct vault_bytes *passphrase, uint64_t *budget,
                      struct imported *out, struct err *e)
{
    static const char *const keys[] = {PEM_STRING_PKCS8, PEM_STRING_PKCS8INF, PEM_STRING_RSA,
                                       PEM_STRING_ECPRIVATEKEY};

    if (!strcmp(b->label, PEM_STRING_X509) || !strcmp(b->label, PEM_STRING_X509_OLD))
        return read_cert(b, out, e);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (!strcmp(b->label, keys[i]))
            return read_key(b, passphrase, budget, out, e);
    }
    return 0; /* EC PARAMETERS and the like */
}

static int read_pem(const uint8_t *file, size_t n, const struct vault_bytes *passphrase,
                    struct imported *out, struct err *e)
{
    uint64_t budget = KDFCOST_BUDGET;
    BIO *bio = BIO_new_mem_buf(file, (int)n);
    struct pem_block b;
    int rc = bio ? 0 : -ENOMEM;

    while (!rc && PEM_read_bio_ex(bio, &b.label, &b.header, &b.der, &b.n, PEM_FLAG_SECURE) == 1) {
        long room = b.n;

        rc = read_block(&b, passphrase, &budget, out, e);
        OPENSSL_secure_clear_free(b.der, (size_t)room);
        OPENSSL_secure_free(b.header);
        OPENSSL_secure_free(b.label);
    }
    BIO_free(bio);
    if (!rc && ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
        rc = err_set(e, -EBADMSG, "", FIX_FILE, "a PEM block in the file is damaged");
    return rc;
}

static bool issued(X509 *issuer, X509 *cert)
{
    return X509_NAME_cmp(X509_get_subject_name(issuer), X509_get_issuer_name(cert)) == 0;
}

static void move_up(struct imported *m, unsigned from, unsigned to)
{
    X509 *cert = m->certs[from];

    memmove(&m->certs[to + 1], &m->certs[to], (from - to) * sizeof(cert));
    m->certs[to] = cert;
}

/* The key's own first, each one's issuer behind it; the rest as it came. */
static void put_in_order(struct imported *m)
{
    unsigned done = 0;

    for (unsigned i = 0; i < m->n_certs && !done; i++) {
        EVP_PKEY *public = X509_get0_pubkey(m->certs[i]);

        if (public && EVP_PKEY_eq(public, m->key) == 1) {
            move_up(m, i, 0);
            done = 1;
        }
    }
    while (done && done < m->n_certs) {
        unsigned i = done;

        while (i < m->n_certs && !issued(m->certs[i], m->certs[done - 1]))
            i++;
        if (i == m->n_certs)
            return;
        move_up(m, i, done++);
    }
}

int import_prove(EVP_PKEY *key, enum key_kind kind, struct err *e)
{
    unsigned char *spki;
    const unsigned char *at;
    EVP_PKEY *public;
    int rc, n = wrap_spki(key, &spki);

    if (n < 0)
        return err_set(e, -EKEYREJECTED, "", FIX_FILE, "the key has no public half");
    at = spki;
    public = d2i_PUBKEY(NULL, &at, n);
    rc = public ? keyfile_prove(key, kind, public) : -EKEYREJECTED;
    EVP_PKEY_free(public);
    OPENSSL_free(spki);
    if (!rc)
        return 0;
    return err_set(e, rc, "", FIX_FILE, "the private half of the key is not its public one's");
}

static int judge(struct imported *m, struct err *e)
{
    enum key_kind kind;
    int rc;

    if (!m->key)
        return err_set(e, -ENOKEY, "", FIX_FILE, "the file holds no private key");
    rc = keyfile_judge(m->key, "", &kind, e);
    return rc ? rc : import_prove(m->key, kind, e);
}

int import_read(const uint8_t *file, size_t n, const struct vault_bytes *passphrase,
                struct imported *out, struct err *e)
{
    bool pem = n > 0 && file[0] != (V_ASN1_SEQUENCE | V_ASN1_CONSTRUCTED);
    struct imported found = {0};
    int rc;

    if (n > (pem ? VAULT_PEM_MAX : VAULT_PKCS12_MAX))
        return err_set(e, -EFBIG, "", FIX_FILE, "the file is larger than %d bytes",
                       pem ? VAULT_PEM_MAX : VAULT_PKCS12_MAX);
    ERR_clear_error();
    if (pem)
        rc = read_pem(file, n, passphrase, &found, e);
    else
        rc = pkcs12_read(file, n, passphrase, &found, e);
    if (!rc)
        rc = judge(&found, e);
    if (!rc)
        put_in_order(&found);
    ERR_clear_error();
    if (rc)
        imported_fini(&found);
    else
        *out = found;
    return rc;
}
