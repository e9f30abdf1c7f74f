#include "appliance-image/src/tpm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tss2/tss2_esys.h>
#include <tss2/tss2_mu.h>
#include <tss2/tss2_tctildr.h>

#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"

#define WHERE     "TPM"
#define PCR       7
#define PCR_BYTES 3 /* of a selection: 24 registers */
#define SHA256    32

/* An error of the TPM's with the parts that say which parameter, session or handle it is about. */
#define FORMAT_ONE(rc) ((rc) & (TPM2_RC_FMT1 | 0x3f))

static const TPMT_SYM_DEF aes_cfb = {
    .algorithm = TPM2_ALG_AES, .keyBits.aes = 128, .mode.aes = TPM2_ALG_CFB};

/* The storage root key of the TCG's provisioning guidance: the same on every use of one TPM. */
static const TPM2B_PUBLIC root_template = {
    .publicArea = {
        .type = TPM2_ALG_ECC,
        .nameAlg = TPM2_ALG_SHA256,
        .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                            TPMA_OBJECT_SENSITIVEDATAORIGIN | TPMA_OBJECT_USERWITHAUTH |
                            TPMA_OBJECT_NODA | TPMA_OBJECT_RESTRICTED | TPMA_OBJECT_DECRYPT,
        .parameters.eccDetail = {.symmetric = {.algorithm = TPM2_ALG_AES,
                                               .keyBits.aes = 128,
                                               .mode.aes = TPM2_ALG_CFB},
                                 .scheme.scheme = TPM2_ALG_NULL,
                                 .curveID = TPM2_ECC_NIST_P256,
                                 .kdf.scheme = TPM2_ALG_NULL},
        .unique.ecc = {.x.size = SHA256, .y.size = SHA256},
    }};

struct tpm {
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR root; /* the storage root key */
};

/* It is busy or was cut off, and may do it later. */
static bool is_passing(TSS2_RC rc)
{
    TSS2_RC layer = rc & TSS2_RC_LAYER_MASK;

    return layer == TSS2_TCTI_RC_LAYER || layer == TSS2_RESMGR_RC_LAYER ||
           (!layer && (rc & TPM2_RC_WARN) == TPM2_RC_WARN && !(rc & TPM2_RC_FMT1));
}

static int failed(struct err *e, const char *doing, TSS2_RC rc)
{
    return err_set(e, is_passing(rc) ? -EAGAIN : -EIO, WHERE,
                   "see the firmware's settings of the TPM; clearing it there loses "
                   "what it has sealed",
                   "it can not %s (code 0x%x)", doing, (unsigned)rc);
}

/* ---- from the device to the storage root key ---- */

static TSS2_RC make_root(struct tpm *t)
{
    const TPM2B_SENSITIVE_CREATE nothing = {0};
    const TPML_PCR_SELECTION no_pcr = {0};
    const TPM2B_DATA no_data = {0};

    return Esys_CreatePrimary(t->esys, ESYS_TR_RH_OWNER, ESYS_TR_PASSWORD, ESYS_TR_NONE,
                              ESYS_TR_NONE, &nothing, &root_template, &no_data, &no_pcr, &t->root,
                              NULL, NULL, NULL, NULL);
}

int tpm_open(const char *conf, struct tpm **out, struct err *e)
{
    struct tpm *t = calloc(1, sizeof *t);
    TSS2_RC rc;

    check(t);
    t->root = ESYS_TR_NONE;
    setenv("TSS2_LOG", "all+none", 0); /* what went wrong is ours to say */
    rc = Tss2_TctiLdr_Initialize(conf, &t->tcti);
    if (rc) {
        tpm_close(t);
        return err_set(e, -ENODEV, WHERE, "enable it in the firmware's settings",
                       "there is none (%s, code 0x%x)", conf, (unsigned)rc);
    }
    rc = Esys_Initialize(&t->esys, t->tcti, NULL);
    if (!rc)
        rc = make_root(t);
    if (rc) {
        tpm_close(t);
        return failed(e, "make its storage root key", rc);
    }
    *out = t;
    return 0;
}

void tpm_close(struct tpm *t)
{
    if (!t)
        return;
    if (t->root != ESYS_TR_NONE)
        (void)Esys_FlushContext(t->esys, t->root);
    Esys_Finalize(&t->esys);
    if (t->tcti)
        Tss2_TctiLdr_Finalize(&t->tcti);
    free(t);
}

/* ---- the policy ---- */

static TPML_PCR_SELECTION selection(enum sealed_binding binding)
{
    const TPML_PCR_SELECTION none = {0};
    const TPML_PCR_SELECTION pcr = {
        .count = 1,
        .pcrSelections = {
            {.hash = TPM2_ALG_SHA256, .sizeofSelect = PCR_BYTES, .pcrSelect = {1 << PCR}}}};

    return binding == SEALED_SECURE_BOOT ? pcr : none;
}

bool tpm_measured(struct tpm *t)
{
    const TPML_PCR_SELECTION wanted = selection(SEALED_SECURE_BOOT);
    static const uint8_t zero[SHA256];
    TPML_DIGEST *values = NULL;
    bool measured;

    if (Esys_PCR_Read(t->esys, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &wanted, NULL, NULL,
                      &values))
        return false;
    measured = values->count == 1 && values->digests[0].size == SHA256 &&
               memcmp(values->digests[0].buffer, zero, SHA256) != 0;
    Esys_Free(values);
    return measured;
}

/* A session salted to the storage root key; kind: TPM2_SE_... */
static TSS2_RC begin(struct tpm *t, TPM2_SE kind, TPMA_SESSION crypt, ESYS_TR *session)
{
    TSS2_RC rc = Esys_StartAuthSession(t->esys, t->root, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                       ESYS_TR_NONE, NULL, kind, &aes_cfb, TPM2_ALG_SHA256,
                                       session);

    if (!rc)
        rc = Esys_TRSess_SetAttributes(t->esys, *session, crypt | TPMA_SESSION_CONTINUESESSION,
                                       TPMA_SESSION_DECRYPT | TPMA_SESSION_ENCRYPT |
                                           TPMA_SESSION_CONTINUESESSION);
    return rc;
}

static void end(struct tpm *t, ESYS_TR handle)
{
    if (handle != ESYS_TR_NONE)
        (void)Esys_FlushContext(t->esys, handle);
}

/* Say in the policy session what PCR 7 is now, where the binding asks. */
static TSS2_RC assert_pcr(struct tpm *t, enum sealed_binding binding, ESYS_TR session)
{
    const TPML_PCR_SELECTION pcr = selection(binding);
    const TPM2B_DIGEST as_it_is = {0};

    return Esys_PolicyPCR(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE, &as_it_is,
                          &pcr);
}

/* What the policy comes to, for a key that is to be sealed under it. */
static TSS2_RC policy_of(struct tpm *t, enum sealed_binding binding, TPM2B_DIGEST *policy)
{
    ESYS_TR session = ESYS_TR_NONE;
    TPM2B_DIGEST *digest = NULL;
    TSS2_RC rc = begin(t, TPM2_SE_TRIAL, 0, &session);

    if (!rc)
        rc = assert_pcr(t, binding, session);
    if (!rc)
        rc = Esys_PolicyGetDigest(t->esys, session, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE,
                                  &digest);
    if (!rc)
        *policy = *digest;
    Esys_Free(digest);
    end(t, session);
    return rc;
}

/* ---- seal ---- */

static TSS2_RC create(struct tpm *t, const TPM2B_PUBLIC *template,
                      const TPM2B_SENSITIVE_CREATE *sensitive, TPM2B_PRIVATE **private_part,
                      TPM2B_PUBLIC **public_part)
{
    const TPML_PCR_SELECTION no_pcr = {0};
    const TPM2B_DATA no_data = {0};
    ESYS_TR session = ESYS_TR_NONE;
    TSS2_RC rc = begin(t, TPM2_SE_HMAC, TPMA_SESSION_DECRYPT, &session);

    if (!rc)
        rc = Esys_Create(t->esys, t->root, session, ESYS_TR_NONE, ESYS_TR_NONE, sensitive, template,
                         &no_data, &no_pcr, private_part, public_part, NULL, NULL, NULL);
    end(t, session);
    return rc;
}

static TSS2_RC name_root(struct tpm *t, uint8_t out[SEALED_NAME_MAX], size_t *n)
{
    TPM2B_NAME *name = NULL;
    TSS2_RC rc = Esys_TR_GetName(t->esys, t->root, &name);

    if (!rc && (!name->size || name->size > SEALED_NAME_MAX))
        rc = TSS2_ESYS_RC_BAD_SIZE;
    if (!rc) {
        memcpy(out, name->name, name->size);
        *n = name->size;
    }
    Esys_Free(name);
    return rc;
}

static TSS2_RC marshal(const TPM2B_PUBLIC *public_part, const TPM2B_PRIVATE *private_part,
                       struct sealed *s)
{
    TSS2_RC rc;

    s->n_public = s->n_private = 0;
    rc = Tss2_MU_TPM2B_PUBLIC_Marshal(public_part, s->public_part, SEALED_PART_MAX, &s->n_public);
    if (!rc)
        rc = Tss2_MU_TPM2B_PRIVATE_Marshal(private_part, s->private_part, SEALED_PART_MAX,
                                           &s->n_private);
    return rc;
}

int tpm_seal(struct tpm *t, enum sealed_binding binding, const uint8_t key[SEALED_KEY],
             struct sealed *s, struct err *e)
{
    TPM2B_SENSITIVE_CREATE sensitive = {.sensitive.data.size = SEALED_KEY};
    TPM2B_PUBLIC template = {
        .publicArea = {.type = TPM2_ALG_KEYEDHASH,
                       .nameAlg = TPM2_ALG_SHA256,
                       .objectAttributes = TPMA_OBJECT_FIXEDTPM | TPMA_OBJECT_FIXEDPARENT |
                                           TPMA_OBJECT_NODA,
                       .parameters.keyedHashDetail.scheme.scheme = TPM2_ALG_NULL}};
    struct sealed made = {.binding = binding};
    TPM2B_PRIVATE *private_part = NULL;
    TPM2B_PUBLIC *public_part = NULL;
    TSS2_RC rc = policy_of(t, binding, &template.publicArea.authPolicy);

    memcpy(sensitive.sensitive.data.buffer, key, SEALED_KEY);
    if (!rc)
        rc = create(t, &template, &sensitive, &private_part, &public_part);
    secret_wipe(&sensitive, sizeof sensitive);
    if (!rc)
        rc = name_root(t, made.name, &made.n_name);
    if (!rc)
        rc = marshal(public_part, private_part, &made);
    Esys_Free(private_part);
    Esys_Free(public_part);
    if (rc)
        return failed(e, "seal the key-encryption key", rc);
    *s = made;
    return 0;
}

/* ---- open ---- */

static TSS2_RC load(struct tpm *t, const struct sealed *s, ESYS_TR *object)
{
    TPM2B_PRIVATE private_part = {0};
    TPM2B_PUBLIC public_part = {0};
    size_t at = 0;
    TSS2_RC rc = Tss2_MU_TPM2B_PUBLIC_Unmarshal(s->public_part, s->n_public, &at, &public_part);

    if (!rc && at != s->n_public)
        rc = TSS2_MU_RC_BAD_SIZE;
    at = 0;
    if (!rc)
        rc = Tss2_MU_TPM2B_PRIVATE_Unmarshal(s->private_part, s->n_private, &at, &private_part);
    if (!rc && at != s->n_private)
        rc = TSS2_MU_RC_BAD_SIZE;
    if (!rc)
        rc = Esys_Load(t->esys, t->root, ESYS_TR_PASSWORD, ESYS_TR_NONE, ESYS_TR_NONE,
                       &private_part, &public_part, object);
    return rc;
}

static TSS2_RC unseal(struct tpm *t, enum sealed_binding binding, ESYS_TR object,
                      uint8_t key[SEALED_KEY])
{
    ESYS_TR session = ESYS_TR_NONE;
    TPM2B_SENSITIVE_DATA *data = NULL;
    TSS2_RC rc = begin(t, TPM2_SE_POLICY, TPMA_SESSION_ENCRYPT, &session);

    if (!rc)
        rc = assert_pcr(t, binding, session);
    if (!rc)
        rc = Esys_Unseal(t->esys, object, session, ESYS_TR_NONE, ESYS_TR_NONE, &data);
    if (!rc && data->size != SEALED_KEY)
        rc = TSS2_ESYS_RC_BAD_SIZE;
    if (!rc)
        memcpy(key, data->buffer, SEALED_KEY);
    if (data)
        secret_wipe(data, sizeof *data);
    Esys_Free(data);
    end(t, session);
    return rc;
}

/* A TPM's code for "that is not how it was sealed", and the like. */
static int explain(TSS2_RC rc, struct err *e)
{
    bool tpms = !(rc & TSS2_RC_LAYER_MASK);

    if (tpms && FORMAT_ONE(rc) == TPM2_RC_POLICY_FAIL)
        return err_set(e, -EPERM, WHERE,
                       "set the firmware's Secure Boot as it was; or reset to factory settings and "
                       "restore a backup",
                       "the key-encryption key is bound to Secure Boot, which is off or has other "
                       "keys than when it was sealed");
    if (tpms && (FORMAT_ONE(rc) == TPM2_RC_INTEGRITY || FORMAT_ONE(rc) == TPM2_RC_BINDING))
        rc = TSS2_MU_RC_BAD_VALUE;
    if ((rc & TSS2_RC_LAYER_MASK) == TSS2_MU_RC_LAYER)
        return err_set(e, -EPROTO, WHERE, "reset to factory settings and restore a backup",
                       "the sealed key-encryption key is damaged");
    return failed(e, "open the key-encryption key", rc);
}

int tpm_unseal(struct tpm *t, const struct sealed *s, uint8_t key[SEALED_KEY], struct err *e)
{
    uint8_t name[SEALED_NAME_MAX];
    ESYS_TR object = ESYS_TR_NONE;
    size_t n = 0;
    TSS2_RC rc = name_root(t, name, &n);

    if (!rc && (n != s->n_name || memcmp(name, s->name, n) != 0))
        return err_set(e, -EXDEV, WHERE,
                       "start it on its own machine; or reset to factory settings and restore a "
                       "backup",
                       "the key-encryption key was sealed by another TPM, or this one was cleared");
    if (!rc)
        rc = load(t, s, &object);
    if (!rc)
        rc = unseal(t, s->binding, object, key);
    end(t, object);
    return rc ? explain(rc, e) : 0;
}
