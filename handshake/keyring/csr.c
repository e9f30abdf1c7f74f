#include "handshake/keyring/csr.h"

#include <errno.h>
#include <stdbool.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "handshake/keyring/keyfile.h"
#include "handshake/keyring/subject.h"

const EVP_MD *csr_digest(enum key_kind kind)
{
    switch (kind) {
    case KEY_RSA:
    case KEY_RSA_PSS:
    case KEY_P256:
        return EVP_sha256();
    case KEY_P384:
        return EVP_sha384();
    default:
        return NULL;
    }
}

static bool add_sans(X509_REQ *req, GENERAL_NAMES *sans, bool critical)
{
    STACK_OF(X509_EXTENSION) *list = NULL;
    bool good;

    if (!sans)
        return true;
    good = X509V3_add1_i2d(&list, NID_subject_alt_name, sans, critical, X509V3_ADD_DEFAULT) == 1 &&
           X509_REQ_add_extensions(req, list) == 1;
    sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
    return good;
}

static int fill(X509_REQ *req, EVP_PKEY *key, const struct vault_names *names, struct err *e)
{
    GENERAL_NAMES *sans = NULL;
    bool good;
    int rc = subject_name(names, X509_REQ_get_subject_name(req), e);

    if (rc)
        return rc;
    rc = subject_sans(names, &sans, e);
    if (rc)
        return rc;
    good = X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 &&
           X509_REQ_set_pubkey(req, key) == 1 && add_sans(req, sans, !names->n_subject);
    GENERAL_NAMES_free(sans);
    return good ? 0 : err_set(e, -ENOMEM, "", "free memory", "the request can not be built");
}

int csr_make(EVP_PKEY *key, const struct vault_names *names, unsigned char **der, struct err *e)
{
    enum key_kind kind;
    X509_REQ *req;
    int rc = keyfile_judge(key, "", &kind, e);

    if (rc)
        return rc;
    if (!names->n_subject && !names->n_sans)
        return err_set(e, -EINVAL, "subject", "give a subject or alternative names",
                       "the request names nobody");
    req = X509_REQ_new();
    rc = req ? fill(req, key, names, e) : err_set(e, -ENOMEM, "", "free memory", "no memory");
    if (!rc && !X509_REQ_sign(req, key, csr_digest(kind)))
        rc = err_set(e, -EIO, "", "report it", "the request can not be signed");
    *der = NULL;
    if (!rc)
        rc = i2d_X509_REQ(req, der);
    X509_REQ_free(req);
    ERR_clear_error();
    return rc ? rc : -EIO;
}
