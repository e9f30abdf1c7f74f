#include "handshake/keyring/pkcs12.h"

#include <errno.h>
#include <stdbool.h>

#include <openssl/err.h>
#include <openssl/pkcs12.h>
#include <openssl/pkcs7.h>

#include "handshake/keyring/kdfcost.h"

#define FIX_FILE  "write the file anew (openssl pkcs12 -export)"
#define DEPTH_MAX 4
#define BAGS_MAX  64

struct reader {
    const struct vault_bytes *passphrase;
    const char *text; /* as OpenSSL takes it: no passphrase may be NULL or empty, which differ */
    int n_text;
    uint64_t budget;
    unsigned bags;
    struct imported *out;
    struct err *e;
};

static int damaged(struct reader *r, const char *what)
{
    return err_set(r->e, -EBADMSG, "", FIX_FILE, "the PKCS#12 file is damaged: %s", what);
}

static int read_sealed_key(struct reader *r, const PKCS12_SAFEBAG *bag)
{
    const X509_SIG *sealed = PKCS12_SAFEBAG_get0_pkcs8(bag);
    PKCS8_PRIV_KEY_INFO *p8;
    const X509_ALGOR *alg;
    EVP_PKEY *key;
    int rc;

    X509_SIG_get0(sealed, &alg, NULL);
    rc = kdfcost_take(alg, &r->budget, r->e);
    if (rc)
        return rc;
    p8 = PKCS12_decrypt_skey(bag, r->text, r->n_text);
    if (!p8)
        return import_wrong_passphrase(r->passphrase, r->e);
    key = EVP_PKCS82PKEY(p8);
    PKCS8_PRIV_KEY_INFO_free(p8);
    return imported_add_key(r->out, key, r->e);
}

static int read_cert(struct reader *r, const PKCS12_SAFEBAG *bag)
{
    if (PKCS12_SAFEBAG_get_bag_nid(bag) != NID_x509Certificate)
        return 0;
    return imported_add_cert(r->out, PKCS12_SAFEBAG_get1_cert(bag), r->e);
}

static int read_bags(struct reader *r, const STACK_OF(PKCS12_SAFEBAG) * bags, unsigned depth);

static int read_bag(struct reader *r, const PKCS12_SAFEBAG *bag, unsigned depth)
{
    if (r->bags++ == BAGS_MAX)
        return err_set(r->e, -E2BIG, "", FIX_FILE, "the file holds more than %d bags", BAGS_MAX);
    switch (PKCS12_SAFEBAG_get_nid(bag)) {
    case NID_keyBag:
        return imported_add_key(r->out, EVP_PKCS82PKEY(PKCS12_SAFEBAG_get0_p8inf(bag)), r->e);
    case NID_pkcs8ShroudedKeyBag:
        return read_sealed_key(r, bag);
    case NID_certBag:
        return read_cert(r, bag);
    case NID_safeContentsBag:
        return read_bags(r, PKCS12_SAFEBAG_get0_safes(bag), depth + 1);
    default:
        return 0; /* CRLs, secrets */
    }
}

static int read_bags(struct reader *r, const STACK_OF(PKCS12_SAFEBAG) * bags, unsigned depth)
{
    int rc = depth > DEPTH_MAX ? damaged(r, "bags within bags") : 0;

    for (int i = 0; !rc && i < sk_PKCS12_SAFEBAG_num(bags); i++)
        rc = read_bag(r, sk_PKCS12_SAFEBAG_value(bags, i), depth);
    return rc;
}

static int open_sealed_safe(struct reader *r, PKCS7 *safe, STACK_OF(PKCS12_SAFEBAG) * *bags)
{
    int rc;

    if (!safe->d.encrypted || !safe->d.encrypted->enc_data)
        return damaged(r, "an empty safe");
    rc = kdfcost_take(safe->d.encrypted->enc_data->algorithm, &r->budget, r->e);
    if (rc)
        return rc;
    *bags = PKCS12_unpack_p7encdata(safe, r->text, r->n_text);
    return *bags ? 0 : import_wrong_passphrase(r->passphrase, r->e);
}

static int read_safe(struct reader *r, PKCS7 *safe)
{
    STACK_OF(PKCS12_SAFEBAG) *bags = NULL;
    int rc = 0;

    if (PKCS7_type_is_encrypted(safe))
        rc = open_sealed_safe(r, safe, &bags);
    else if (PKCS7_type_is_data(safe) && !(bags = PKCS12_unpack_p7data(safe)))
        rc = damaged(r, "a safe");
    else if (!PKCS7_type_is_data(safe))
        rc = err_set(r->e, -ENOTSUP, "", FIX_FILE, "a safe is encrypted to a certificate");
    if (!rc)
        rc = read_bags(r, bags, 0);
    sk_PKCS12_SAFEBAG_pop_free(bags, PKCS12_SAFEBAG_free);
    return rc;
}

/* Is the file whole, and the passphrase the right one? */
static int verify(struct reader *r, PKCS12 *p12)
{
    const ASN1_INTEGER *rounds;
    const X509_ALGOR *alg;
    const ASN1_OBJECT *digest;
    int parameters, rc = 0;

    if (!PKCS12_mac_present(p12))
        return 0; /* then decryption will tell */
    PKCS12_get0_mac(NULL, &alg, NULL, &rounds, p12);
    X509_ALGOR_get0(&digest, &parameters, NULL, alg);
    if (rounds)
        rc = kdfcost_take_rounds(rounds, &r->budget, r->e);
    if (!rc && parameters == V_ASN1_SEQUENCE) /* PBMAC1 (RFC 9579) */
        rc = kdfcost_take(alg, &r->budget, r->e);
    else if (!rc && !EVP_get_digestbyobj(digest))
        rc = err_set(r->e, -ENOTSUP, "", FIX_FILE,
                     "the file's MAC is of a kind that is not known here");
    if (rc || PKCS12_verify_mac(p12, r->text, r->n_text))
        return rc;
    if (!r->n_text) { /* no passphrase has two spellings */
        r->text = NULL;
        if (PKCS12_verify_mac(p12, NULL, 0))
            return 0;
    }
    return import_wrong_passphrase(r->passphrase, r->e);
}

int pkcs12_read(const uint8_t *file, size_t n, const struct vault_bytes *passphrase,
                struct imported *out, struct err *e)
{
    const uint8_t *at = file;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)n);
    STACK_OF(PKCS7) *safes = NULL;
    struct reader r = {.passphrase = passphrase,
                       .text = passphrase->n ? (const char *)passphrase->p : "",
                       .n_text = (int)passphrase->n,
                       .budget = KDFCOST_BUDGET,
                       .out = out,
                       .e = e};
    int rc;

    if (!p12 || at != file + n) {
        PKCS12_free(p12);
        return err_set(e, -EBADMSG, "", "give PEM or PKCS#12",
                       "the file is neither PEM nor PKCS#12");
    }
    rc = verify(&r, p12);
    if (!rc && !(safes = PKCS12_unpack_authsafes(p12)))
        rc = damaged(&r, "no safes");
    for (int i = 0; !rc && i < sk_PKCS7_num(safes); i++)
        rc = read_safe(&r, sk_PKCS7_value(safes, i));
    sk_PKCS7_pop_free(safes, PKCS7_free);
    PKCS12_free(p12);
    return rc;
}
