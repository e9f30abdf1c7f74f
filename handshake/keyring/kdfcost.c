#include "handshake/keyring/kdfcost.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#define FIX_FILE "write the file anew (openssl pkcs12 -export, or openssl pkey -aes256)"
#define PBMAC1   "1.2.840.113549.1.5.14" /* no name in OpenSSL before 3.4 */

static int over(struct err *e)
{
    return err_set(e, -E2BIG, "", FIX_FILE,
                   "the file asks for too much work on its passphrase (more than %d rounds)",
                   KDFCOST_BUDGET);
}

static int damaged(struct err *e)
{
    return err_set(e, -EBADMSG, "", FIX_FILE, "the file's encryption parameters are damaged");
}

static int take(uint64_t cost, uint64_t *budget, struct err *e)
{
    if (!cost)
        return damaged(e);
    if (cost > *budget)
        return over(e);
    *budget -= cost;
    return 0;
}

int kdfcost_take_rounds(const ASN1_INTEGER *rounds, uint64_t *budget, struct err *e)
{
    uint64_t n;

    if (ASN1_INTEGER_get_uint64(&n, rounds) != 1)
        return over(e);
    return take(n, budget, e);
}

/* What an algorithm's parameters decode to, if there are any. */
static void *unpack(const X509_ALGOR *alg, const ASN1_ITEM *item)
{
    const void *parameters;
    int type;

    X509_ALGOR_get0(NULL, &type, &parameters, alg);
    return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(parameters, item) : NULL;
}

static int take_pbkdf2(const X509_ALGOR *alg, uint64_t *budget, struct err *e)
{
    PBKDF2PARAM *p = unpack(alg, ASN1_ITEM_rptr(PBKDF2PARAM));
    int rc = p ? kdfcost_take_rounds(p->iter, budget, e) : damaged(e);

    PBKDF2PARAM_free(p);
    return rc;
}

/* N * r blocks mixed twice, p times over: about as long as so many rounds of PBKDF2. */
static int take_scrypt(const X509_ALGOR *alg, uint64_t *budget, struct err *e)
{
    SCRYPT_PARAMS *s = unpack(alg, ASN1_ITEM_rptr(SCRYPT_PARAMS));
    uint64_t cost, size, lanes;
    int rc;

    if (!s)
        return damaged(e);
    if (ASN1_INTEGER_get_uint64(&cost, s->costParameter) != 1 ||
        ASN1_INTEGER_get_uint64(&size, s->blockSize) != 1 ||
        ASN1_INTEGER_get_uint64(&lanes, s->parallelizationParameter) != 1 ||
        cost > KDFCOST_BUDGET || size > KDFCOST_BUDGET || lanes > KDFCOST_BUDGET)
        rc = over(e);
    else /* 2^63 at most, as each is below 2^21 */
        rc = take(cost * size * lanes, budget, e);
    SCRYPT_PARAMS_free(s);
    return rc;
}

static int take_derivation(const X509_ALGOR *alg, uint64_t *budget, struct err *e)
{
    const ASN1_OBJECT *kdf;

    X509_ALGOR_get0(&kdf, NULL, NULL, alg);
    if (OBJ_obj2nid(kdf) == NID_id_pbkdf2)
        return take_pbkdf2(alg, budget, e);
    if (OBJ_obj2nid(kdf) == NID_id_scrypt)
        return take_scrypt(alg, budget, e);
    return err_set(e, -ENOTSUP, "", FIX_FILE,
                   "the file derives its key in a way that is not known here");
}

static int want_cipher(int nid, struct err *e)
{
    const char *name = nid == NID_undef ? NULL : OBJ_nid2sn(nid);
    EVP_CIPHER *cipher = name ? EVP_CIPHER_fetch(NULL, name, NULL) : NULL;

    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    if (cipher)
        return 0;
    return err_set(e, -ENOTSUP, "", FIX_FILE,
                   "the file is encrypted with %s, which needs OpenSSL's legacy provider; the "
                   "gateway does not load it",
                   name ? name : "an unknown algorithm");
}

/* PBES2 and PBMAC1 alike: an algorithm that derives, and one that uses the key. */
static int take_pbes2(const X509_ALGOR *alg, bool cipher, uint64_t *budget, struct err *e)
{
    PBE2PARAM *p = unpack(alg, ASN1_ITEM_rptr(PBE2PARAM));
    const ASN1_OBJECT *scheme;
    int rc;

    if (!p)
        return damaged(e);
    X509_ALGOR_get0(&scheme, NULL, NULL, p->encryption);
    rc = cipher ? want_cipher(OBJ_obj2nid(scheme), e) : 0;
    if (!rc)
        rc = take_derivation(p->keyfunc, budget, e);
    PBE2PARAM_free(p);
    return rc;
}

static int take_pbe(const X509_ALGOR *alg, int nid, uint64_t *budget, struct err *e)
{
    PBEPARAM *p;
    int cipher, rc;

    if (!EVP_PBE_find(EVP_PBE_TYPE_OUTER, nid, &cipher, NULL, NULL))
        cipher = NID_undef;
    rc = want_cipher(cipher, e);
    if (rc)
        return rc;
    p = unpack(alg, ASN1_ITEM_rptr(PBEPARAM));
    rc = p ? kdfcost_take_rounds(p->iter, budget, e) : damaged(e);
    PBEPARAM_free(p);
    return rc;
}

int kdfcost_take(const X509_ALGOR *alg, uint64_t *budget, struct err *e)
{
    const ASN1_OBJECT *object;
    char oid[64] = "";
    int nid;

    X509_ALGOR_get0(&object, NULL, NULL, alg);
    OBJ_obj2txt(oid, sizeof(oid), object, 1);
    nid = OBJ_obj2nid(object);
    if (nid == NID_pbes2 || !strcmp(oid, PBMAC1))
        return take_pbes2(alg, nid == NID_pbes2, budget, e);
    return take_pbe(alg, nid, budget, e);
}
