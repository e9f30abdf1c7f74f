#include "handshake/token/mechanism.h"

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "dataplane/base/check.h"

#define DIGEST_MAX    64
#define PREFIX        19  /* bytes of a DigestInfo before its digest */
#define ECDSA_RAW_MAX 132 /* of P-521 */

/* One digest, in each of its names (RFC 8017 9.2, note 1, and PKCS#11). */
struct hash_row {
    const char *digest;
    CK_MECHANISM_TYPE hash, mgf;
    uint8_t n, last; /* bytes of the digest; last byte of its object identifier */
};

static const struct hash_row hashes[] = {
    {"SHA256", CKM_SHA256, CKG_MGF1_SHA256, 32, 1},
    {"SHA384", CKM_SHA384, CKG_MGF1_SHA384, 48, 2},
    {"SHA512", CKM_SHA512, CKG_MGF1_SHA512, 64, 3},
};

static const struct hash_row *find_hash(const char *digest)
{
    for (size_t i = 0; digest && i < ARRAY_LEN(hashes); i++) {
        if (!strcmp(hashes[i].digest, digest))
            return &hashes[i];
    }
    return NULL;
}

static const CK_KEY_TYPE none = ~(CK_KEY_TYPE)0;

int mechanism_key_type(enum key_kind kind, CK_KEY_TYPE *type)
{
    CK_KEY_TYPE found = kind == KEY_RSA                        ? CKK_RSA
                        : kind == KEY_P256 || kind == KEY_P384 ? CKK_EC
                        : kind == KEY_ED25519                  ? CKK_EC_EDWARDS
                                                               : none;

    if (found == none)
        return -ENOTSUP;
    *type = found;
    return 0;
}

/* SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }, up to the digest. */
static void digest_info(const struct hash_row *h, uint8_t out[PREFIX])
{
    const uint8_t prefix[PREFIX] = {0x30,    (uint8_t)(PREFIX - 2 + h->n),
                                    0x30,    0x0d,
                                    0x06,    0x09,
                                    0x60,    0x86,
                                    0x48,    0x01,
                                    0x65,    0x03,
                                    0x04,    0x02,
                                    h->last, 0x05,
                                    0x00,    0x04,
                                    h->n};

    memcpy(out, prefix, PREFIX);
}

/* DER INTEGER of a big-endian number. Bytes, or 0: there is no room, or it is zero. */
static size_t put_integer(const uint8_t *p, size_t n, uint8_t *out, size_t cap)
{
    size_t pad;

    while (n && !*p) {
        p++;
        n--;
    }
    if (!n)
        return 0;
    pad = *p & 0x80 ? 1 : 0;
    if (2 + pad + n > cap || pad + n > 127)
        return 0;
    out[0] = 0x02;
    out[1] = (uint8_t)(pad + n);
    out[2] = 0;
    memcpy(out + 2 + pad, p, n);
    return 2 + pad + n;
}

int mechanism_ecdsa_der(const uint8_t *raw, size_t n, uint8_t *out, size_t cap)
{
    uint8_t body[2 * (ECDSA_RAW_MAX / 2 + 3)];
    size_t r, s, head;

    if (!n || n % 2 || n > ECDSA_RAW_MAX)
        return -EINVAL;
    r = put_integer(raw, n / 2, body, sizeof(body));
    s = r ? put_integer(raw + n / 2, n / 2, body + r, sizeof(body) - r) : 0;
    if (!s)
        return -EINVAL;
    head = r + s > 127 ? 3 : 2;
    if (head + r + s > cap)
        return -ENOSPC;
    out[0] = 0x30;
    if (head == 3)
        out[1] = 0x81;
    out[head - 1] = (uint8_t)(r + s);
    memcpy(out + head, body, r + s);
    return (int)(head + r + s);
}

/* What the token is to do, and with what. */
struct input {
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
    uint8_t digest[PREFIX + DIGEST_MAX];
    const uint8_t *p;
    size_t n;
};

static int prepare(struct input *in, enum key_kind kind, const struct sign_scheme *scheme,
                   const uint8_t *text, size_t n_text)
{
    const struct hash_row *h = find_hash(scheme->digest);
    bool info = kind == KEY_RSA && !scheme->pss;

    if (kind == KEY_ED25519) {
        in->mechanism.mechanism = CKM_EDDSA;
        in->p = text;
        in->n = n_text;
        return 0;
    }
    if (!h || !EVP_Q_digest(NULL, h->digest, NULL, text, n_text, in->digest + PREFIX, NULL))
        return -EIO;
    in->p = in->digest + (info ? 0 : PREFIX);
    in->n = h->n + (info ? (size_t)PREFIX : 0);
    digest_info(h, in->digest);
    in->mechanism.mechanism = kind != KEY_RSA ? CKM_ECDSA : info ? CKM_RSA_PKCS : CKM_RSA_PKCS_PSS;
    if (scheme->pss) { /* the salt is as long as the digest (RFC 8446 4.2.3) */
        in->pss = (CK_RSA_PKCS_PSS_PARAMS){h->hash, h->mgf, h->n};
        in->mechanism.pParameter = &in->pss;
        in->mechanism.ulParameterLen = sizeof(in->pss);
    }
    return 0;
}

CK_RV mechanism_sign(CK_FUNCTION_LIST *call, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key,
                     enum key_kind kind, const struct sign_scheme *scheme, const uint8_t *text,
                     size_t n_text, uint8_t *out, size_t *n)
{
    uint8_t raw[MECHANISM_SIGNATURE_MAX];
    CK_ULONG n_raw = sizeof(raw);
    struct input in = {{0}};
    CK_KEY_TYPE type;
    int der;
    CK_RV rv;

    if (mechanism_key_type(kind, &type) || prepare(&in, kind, scheme, text, n_text))
        return CKR_MECHANISM_INVALID;
    rv = call->C_SignInit(session, &in.mechanism, key);
    if (rv == CKR_OK)
        rv = call->C_Sign(session, (CK_BYTE *)(uintptr_t)in.p, (CK_ULONG)in.n, raw, &n_raw);
    if (rv != CKR_OK)
        return rv;
    if (n_raw > sizeof(raw))
        return CKR_BUFFER_TOO_SMALL;
    if (type == CKK_EC) {
        der = mechanism_ecdsa_der(raw, n_raw, out, *n);
        *n = der < 0 ? 0 : (size_t)der;
        return der < 0 ? CKR_FUNCTION_FAILED : CKR_OK;
    }
    if (n_raw > *n)
        return CKR_BUFFER_TOO_SMALL;
    memcpy(out, raw, n_raw);
    *n = n_raw;
    return CKR_OK;
}
