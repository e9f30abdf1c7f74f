#include "handshake/provide.h"

#include <errno.h>
#include <openssl/core.h>
#include <openssl/core_dispatch.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <stdbool.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/eckey.h"
#include "handshake/hmac.h"
#include "handshake/kdf.h"
#include "handshake/mac.h"

#define LISTED_MAX 24 /* algorithms of one operation, and one that ends the list */

/* What is listed of an operation, by the first of an algorithm's names. */
struct choice {
    int operation;
    const char *const *names;
    const char *properties;     /* that must stand in its definition; NULL: any */
    const OSSL_ALGORITHM *ours; /* listed besides; NULL: none */
};

static const char *const digests[] = {"SHA1", "SHA2-256", "SHA2-384", "SHA2-512", NULL};
static const char *const ciphers[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305", NULL};
static const char *const kdfs[] = {"HKDF", "TLS1-PRF", NULL};
static const char *const randoms[] = {"CTR-DRBG", "SEED-SRC", NULL};
static const char *const exchanges[] = {"X25519", "X448", "ECDH", NULL};
static const char *const signatures[] = {"ECDSA",     "RSA",       "ED25519", "ML-DSA-44",
                                         "ML-DSA-65", "ML-DSA-87", NULL};
/* Of groups and of certificates. */
static const char *const keys[] = {"X25519",
                                   "X448",
                                   "X25519MLKEM768",
                                   "SecP256r1MLKEM768",
                                   "ML-KEM-768",
                                   "SecP384r1MLKEM1024",
                                   "ML-KEM-1024",
                                   "EC",
                                   "RSA",
                                   "RSA-PSS",
                                   "ED25519",
                                   "ML-DSA-44",
                                   "ML-DSA-65",
                                   "ML-DSA-87",
                                   NULL};
static const char *const cert_keys[] = {"RSA",       "RSA-PSS",   "ED25519", "ML-DSA-44",
                                        "ML-DSA-65", "ML-DSA-87", NULL};

#define OURS "provider=gateway"

/* What a handshake asks for dozens of times, and OpenSSL looks up by name each time. */
static const OSSL_ALGORITHM our_macs[] = {{"HMAC", OURS, mac_hmac, NULL}, {NULL, NULL, NULL, NULL}};
static const OSSL_ALGORITHM our_decoder = {"EC", OURS "," ECKEY_PROPERTIES, eckey_decoder, NULL};
static const OSSL_ALGORITHM our_kdf = {"TLS13-KDF", OURS, kdf_tls13, NULL};

/* All others are listed whole: few, or never looked through. */
static const struct choice choices[] = {
    {OSSL_OP_DIGEST, digests, NULL},
    {OSSL_OP_CIPHER, ciphers, NULL},
    {OSSL_OP_KDF, kdfs, NULL, &our_kdf},
    {OSSL_OP_RAND, randoms, NULL},
    {OSSL_OP_KEYMGMT, keys, NULL},
    {OSSL_OP_KEYEXCH, exchanges, NULL},
    {OSSL_OP_SIGNATURE, signatures, NULL},
    {OSSL_OP_DECODER, cert_keys, ECKEY_PROPERTIES, &our_decoder},
};

/* OpenSSL hands callbacks no context of ours; set once at start. */
static struct {
    OSSL_LIB_CTX *apart;  /* where nobody looks */
    OSSL_PROVIDER *whole; /* the default provider, loaded there */
    OSSL_PROVIDER *few;   /* ours */
    OSSL_ALGORITHM lists[ARRAY_LEN(choices)][LISTED_MAX];
} the;

static bool named(const OSSL_ALGORITHM *a, const char *const *names)
{
    size_t n = strcspn(a->algorithm_names, ":");

    for (; *names; names++)
        if (strlen(*names) == n && !strncmp(a->algorithm_names, *names, n))
            return true;
    return false;
}

static int choose(const struct choice *c, OSSL_ALGORITHM out[LISTED_MAX])
{
    int no_cache, n = 0;
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(the.whole, c->operation, &no_cache);

    for (; all && all->algorithm_names; all++) {
        if (!named(all, c->names) ||
            (c->properties && !strstr(all->property_definition, c->properties)))
            continue;
        if (n == LISTED_MAX - 2)
            return -ENOBUFS;
        out[n++] = *all;
    }
    if (n && c->ours)
        out[n++] = *c->ours;
    return n ? 0 : -ENOTSUP;
}

static const OSSL_ALGORITHM *query(void *provctx, int operation, int *no_cache)
{
    (void)provctx;
    *no_cache = 0;
    if (operation == OSSL_OP_MAC)
        return our_macs;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++)
        if (choices[i].operation == operation)
            return the.lists[i];
    return OSSL_PROVIDER_query_operation(the.whole, operation, no_cache);
}

static int capabilities(void *provctx, const char *capability, OSSL_CALLBACK *cb, void *arg)
{
    (void)provctx;
    return OSSL_PROVIDER_get_capabilities(the.whole, capability, cb, arg);
}

typedef void (*dispatch_fn)(void);

/* The algorithms are the default provider's own, so they are given its context. */
static int init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                void **provctx)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (dispatch_fn)query},
        {OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (dispatch_fn)capabilities},
        {0, NULL}};

    (void)handle;
    if (eckey_start(in, the.whole))
        return 0;
    *provctx = OSSL_PROVIDER_get0_provider_ctx(the.whole);
    *out = functions;
    return 1;
}

int provide_init(void)
{
    int rc = 0;

    OPENSSL_init_crypto(OPENSSL_INIT_NO_ADD_ALL_CIPHERS, NULL);
    the.apart = OSSL_LIB_CTX_new();
    the.whole = the.apart ? OSSL_PROVIDER_load(the.apart, "default") : NULL;
    if (!the.whole)
        return -ENOTSUP;
    for (size_t i = 0; i < ARRAY_LEN(choices) && !rc; i++)
        rc = choose(&choices[i], the.lists[i]);
    if (!rc && OSSL_PROVIDER_add_builtin(NULL, "gateway", init) == 1)
        the.few = OSSL_PROVIDER_load(NULL, "gateway");
    if (!rc && !the.few)
        rc = -ENOTSUP;
    if (!rc)
        rc = hmac_start();
    return rc ? rc : kdf_start();
}
