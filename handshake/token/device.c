#include "handshake/token/device.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>

#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "handshake/token/mechanism.h"

#define SLOTS_MAX 64
#define FIX_TOKEN "see that it is plugged in or reachable; pkcs11-tool --list-token-slots shows it"
#define FIX_PIN   "write the token's PIN into the file of pin-source"

/* ---- which token ---- */

/* PKCS#11 pads its texts with spaces. */
static bool text_is(const CK_UTF8CHAR *padded, size_t n, const char *want)
{
    size_t len = strlen(want);

    if (len > n || memcmp(padded, want, len))
        return false;
    while (len < n && (padded[len] == ' ' || !padded[len]))
        len++;
    return len == n;
}

#define IS(bit, field, want) (!(u->given & (bit)) || text_is(field, sizeof(field), want))

static bool slot_fits(const struct pkcs11_uri *u, CK_SLOT_ID slot, const CK_SLOT_INFO *s)
{
    return (!(u->given & PKCS11_SLOT_ID) || slot == u->slot_id) &&
           IS(PKCS11_SLOT_MANUFACTURER, s->manufacturerID, u->slot_manufacturer) &&
           IS(PKCS11_SLOT_DESCRIPTION, s->slotDescription, u->slot_description);
}

static bool token_fits(const struct pkcs11_uri *u, const CK_TOKEN_INFO *t)
{
    return (t->flags & CKF_TOKEN_INITIALIZED) && IS(PKCS11_TOKEN, t->label, u->token) &&
           IS(PKCS11_MANUFACTURER, t->manufacturerID, u->manufacturer) &&
           IS(PKCS11_MODEL, t->model, u->model) && IS(PKCS11_SERIAL, t->serialNumber, u->serial);
}

int device_find(struct module *m, const struct tokenkey *k, CK_SLOT_ID *slot, struct err *e)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    unsigned found = 0;
    CK_RV rv;

    if (!m->call)
        return err_set(e, -ENOENT, k->where, "name a PKCS#11 module for this machine", "%s %s",
                       m->path, m->why);
    rv = m->call->C_GetSlotList(CK_TRUE, slots, &n);
    if (rv != CKR_OK)
        return err_set(e, -EIO, k->where, FIX_TOKEN, "the module does not list its tokens (%s)",
                       module_error(rv));
    for (CK_ULONG i = 0; i < n; i++) {
        CK_SLOT_INFO s;
        CK_TOKEN_INFO t;

        if (m->call->C_GetSlotInfo(slots[i], &s) != CKR_OK ||
            m->call->C_GetTokenInfo(slots[i], &t) != CKR_OK || !slot_fits(&k->uri, slots[i], &s) ||
            !token_fits(&k->uri, &t))
            continue;
        *slot = slots[i];
        found++;
    }
    if (found == 1)
        return 0;
    if (found)
        return err_set(e, -EINVAL, k->where, "add token, serial or slot-id to the URI",
                       "%u tokens fit the PKCS#11 URI", found);
    return err_set(e, -ENODEV, k->where, FIX_TOKEN, "no token fits the PKCS#11 URI");
}

void device_init(struct device *d, struct module *m, CK_SLOT_ID slot)
{
    memset(d, 0, sizeof(*d));
    d->module = m;
    d->slot = slot;
    pthread_rwlock_init(&d->gate, NULL);
}

static void forget_pin(struct device *d)
{
    OPENSSL_secure_clear_free(d->pin, d->n_pin);
    d->pin = NULL;
    d->n_pin = 0;
}

static void close_keeper(struct device *d)
{
    if (d->open)
        (void)d->module->call->C_CloseSession(d->session);
    d->open = false;
    forget_pin(d);
}

void device_fini(struct device *d)
{
    if (!d->module)
        return;
    forget_pin(d);
    pthread_rwlock_destroy(&d->gate);
    d->module = NULL;
}

/* ---- login ---- */

static bool is_pin_fault(CK_RV rv)
{
    return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE ||
           rv == CKR_PIN_EXPIRED || rv == CKR_PIN_LOCKED || rv == CKR_USER_PIN_NOT_INITIALIZED;
}

static int failed(const struct tokenkey *k, CK_RV rv, const char *what, struct err *e)
{
    return err_set(e, -EIO, k->where, FIX_TOKEN, "%s (%s)", what, module_error(rv));
}

/* What speaks against sending the token a PIN. 0: nothing; 1: it wants none. */
static int may_login(struct device *d, const struct tokenkey *k, struct err *e)
{
    CK_TOKEN_INFO t;
    CK_RV rv = d->module->call->C_GetTokenInfo(d->slot, &t);

    if (rv != CKR_OK)
        return failed(k, rv, "the token does not answer", e);
    if (!(t.flags & CKF_LOGIN_REQUIRED))
        return 1;
    if (!k->n_pin)
        return err_set(e, -EACCES, k->where, "add &pin-source=file:FILE to the URI",
                       "the token wants a PIN, and none is named");
    if (t.flags & CKF_USER_PIN_LOCKED)
        return err_set(e, -EACCES, k->where, "have its security officer set a new PIN",
                       "the token has locked its PIN");
    if (t.flags & CKF_USER_PIN_FINAL_TRY)
        return err_set(e, -EACCES, k->where,
                       "log in once by hand (pkcs11-tool --login): that gives the token its tries "
                       "back",
                       "the token would lock its PIN at one more mistake, so it is not tried");
    return 0;
}

static bool logged_in(struct device *d)
{
    CK_SESSION_INFO info;

    return d->module->call->C_GetSessionInfo(d->session, &info) == CKR_OK &&
           (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

static bool same_pin(const struct device *d, const struct tokenkey *k)
{
    return d->n_pin == k->n_pin && d->n_pin && secret_equal(d->pin, k->pin, d->n_pin);
}

static CK_RV send_pin(struct device *d, const uint8_t *pin, size_t n)
{
    return d->module->call->C_Login(d->session, CKU_USER, (CK_UTF8CHAR *)(uintptr_t)pin,
                                    (CK_ULONG)n);
}

static int remember_pin(struct device *d, const struct tokenkey *k, struct err *e)
{
    uint8_t *pin = OPENSSL_secure_malloc(k->n_pin);

    if (!pin)
        return err_set(e, -ENOMEM, k->where, "free memory", "no memory for the PIN");
    memcpy(pin, k->pin, k->n_pin);
    forget_pin(d);
    d->pin = pin;
    d->n_pin = k->n_pin;
    return 0;
}

/* Another PIN than the one that opened the token: it has to be the token's, too. */
static int login(struct device *d, const struct tokenkey *k, struct err *e)
{
    int rc = may_login(d, k, e);
    CK_RV rv;

    if (rc)
        return rc < 0 ? rc : 0;
    if (logged_in(d)) {
        if (same_pin(d, k))
            return 0;
        (void)d->module->call->C_Logout(d->session);
    }
    rv = send_pin(d, k->pin, k->n_pin);
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN)
        return remember_pin(d, k, e);
    if (is_pin_fault(rv))
        rc = err_set(e, -EACCES, k->where, FIX_PIN, "the token refuses the PIN (%s)",
                     module_error(rv));
    else
        rc = failed(k, rv, "the token lets nobody log in", e);
    if (d->n_pin) /* the others go on with the one that is good */
        (void)send_pin(d, d->pin, d->n_pin);
    return rc;
}

static int open_keeper(struct device *d, const struct tokenkey *k, struct err *e)
{
    CK_SESSION_INFO info;
    CK_RV rv;

    if (d->open && d->module->call->C_GetSessionInfo(d->session, &info) == CKR_OK)
        return 0;
    close_keeper(d);
    rv = d->module->call->C_OpenSession(d->slot, CKF_SERIAL_SESSION, NULL, NULL, &d->session);
    if (rv != CKR_OK)
        return failed(k, rv, "the token opens no session", e);
    d->open = true;
    return 0;
}

/* ---- the key ---- */

/* All private keys that fit, at most two. */
static CK_RV search(struct device *d, CK_SESSION_HANDLE session, const struct tokenkey *k,
                    CK_OBJECT_HANDLE found[2], CK_ULONG *n)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE want[3] = {{CKA_CLASS, &class, sizeof(class)}};
    CK_ULONG n_want = 1;
    CK_RV rv;

    if (k->uri.given & PKCS11_OBJECT)
        want[n_want++] = (CK_ATTRIBUTE){CKA_LABEL, (void *)(uintptr_t)k->uri.object,
                                        strlen(k->uri.object)};
    if (k->uri.given & PKCS11_ID)
        want[n_want++] = (CK_ATTRIBUTE){CKA_ID, (void *)(uintptr_t)k->uri.id, k->uri.n_id};
    *n = 0;
    rv = d->module->call->C_FindObjectsInit(session, want, n_want);
    if (rv != CKR_OK)
        return rv;
    rv = d->module->call->C_FindObjects(session, found, 2, n);
    (void)d->module->call->C_FindObjectsFinal(session);
    return rv;
}

static int find_one(struct device *d, const struct tokenkey *k, CK_OBJECT_HANDLE *handle,
                    struct err *e)
{
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n = 0;
    CK_RV rv = search(d, d->session, k, found, &n);

    if (rv != CKR_OK)
        return failed(k, rv, "the token does not search for the key", e);
    if (!n)
        return err_set(e, -ENOKEY, k->where,
                       "see pkcs11-tool --login --list-objects --type privkey",
                       "the token has no such private key");
    if (n > 1)
        return err_set(e, -EINVAL, k->where, "name both object and id, or rename one of them",
                       "the token has more than one such private key");
    *handle = found[0];
    return 0;
}

/* What the key is, as far as that decides whether it is of use. */
static int judge(struct device *d, const struct tokenkey *k, CK_OBJECT_HANDLE handle, struct err *e)
{
    CK_KEY_TYPE type = 0, want;
    CK_BBOOL signs = CK_FALSE, always = CK_FALSE;
    CK_ATTRIBUTE a[] = {{CKA_KEY_TYPE, &type, sizeof(type)}, {CKA_SIGN, &signs, sizeof(signs)}};
    CK_ATTRIBUTE asks = {CKA_ALWAYS_AUTHENTICATE, &always, sizeof(always)};
    CK_RV rv = d->module->call->C_GetAttributeValue(d->session, handle, a, ARRAY_LEN(a));

    if (rv != CKR_OK)
        return failed(k, rv, "the token does not say what key it is", e);
    if (mechanism_key_type(k->kind, &want) || type != want)
        return err_set(e, -EKEYREJECTED, k->where, "name the key that belongs to the certificate",
                       "the token's key is of another type than its certificate's");
    if (!signs)
        return err_set(e, -EKEYREJECTED, k->where, "set its CKA_SIGN, or make another",
                       "the token's key must not sign");
    if (d->module->call->C_GetAttributeValue(d->session, handle, &asks, 1) == CKR_OK && always)
        return err_set(e, -EKEYREJECTED, k->where, "make a key without CKA_ALWAYS_AUTHENTICATE",
                       "the token's key wants its PIN for every signature");
    return 0;
}

/* Sign a text of our own; the certificate's key must find it good. */
static int prove(struct device *d, const struct tokenkey *k, CK_OBJECT_HANDLE handle, struct err *e)
{
    static const uint8_t text[] = "penstock token: does this key belong to this certificate?";
    const struct sign_scheme *scheme = sign_find(k->kind, 0);
    uint8_t signature[MECHANISM_SIGNATURE_MAX];
    size_t n = sizeof(signature);
    CK_RV rv = mechanism_sign(d->module->call, d->session, handle, k->kind, scheme, text,
                              sizeof(text), signature, &n);

    if (rv == CKR_MECHANISM_INVALID || rv == CKR_MECHANISM_PARAM_INVALID)
        return err_set(
            e, -EKEYREJECTED, k->where, "use a token with CKM_ECDSA, CKM_RSA_PKCS_PSS or CKM_EDDSA",
            "the token can not sign what TLS needs with this key (%s)", module_error(rv));
    if (rv != CKR_OK)
        return failed(k, rv, "the token does not sign", e);
    if (sign_verifies(scheme, k->public, text, sizeof(text), signature, n))
        return 0;
    return err_set(e, -EKEYREJECTED, k->where, "name the key that belongs to the certificate",
                   "the private key does not match its certificate");
}

/* Signatures that hang must not hang the login of another key for good. */
static int lock_gate(struct device *d, const struct tokenkey *k, struct err *e)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += DEVICE_GATE_MS / 1000;
    return pthread_rwlock_timedwrlock(&d->gate, &until)
               ? err_set(e, -EBUSY, k->where, FIX_TOKEN, "the token is busy")
               : 0;
}

int device_raise(struct device *d, const struct tokenkey *k, CK_OBJECT_HANDLE *handle,
                 struct err *e)
{
    int rc = lock_gate(d, k, e);

    if (rc)
        return rc;
    rc = open_keeper(d, k, e);
    if (!rc)
        rc = login(d, k, e);
    if (!rc)
        rc = find_one(d, k, handle, e);
    if (!rc)
        rc = judge(d, k, *handle, e);
    if (!rc)
        rc = prove(d, k, *handle, e);
    pthread_rwlock_unlock(&d->gate);
    return rc;
}

/* ---- signatures ---- */

static bool is_lost(CK_RV rv)
{
    return rv == CKR_DEVICE_REMOVED || rv == CKR_DEVICE_ERROR || rv == CKR_TOKEN_NOT_PRESENT ||
           rv == CKR_TOKEN_NOT_RECOGNIZED || rv == CKR_SESSION_HANDLE_INVALID ||
           rv == CKR_SESSION_CLOSED || rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_SLOT_ID_INVALID ||
           rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_KEY_HANDLE_INVALID ||
           rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_GENERAL_ERROR ||
           rv == CKR_FUNCTION_FAILED || rv == CKR_DEVICE_MEMORY;
}

static bool is_stale(CK_RV rv)
{
    return rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED ||
           rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID;
}

static CK_RV open_session(struct device *d, struct device_session *s)
{
    CK_RV rv;

    if (s->open)
        return CKR_OK;
    rv = d->module->call->C_OpenSession(d->slot, CKF_SERIAL_SESSION, NULL, NULL, &s->session);
    s->open = rv == CKR_OK;
    return rv;
}

static void close_session(struct device *d, struct device_session *s)
{
    if (s->open)
        (void)d->module->call->C_CloseSession(s->session);
    s->open = false;
}

/* The session or the handle went stale with a login: a fresh one of each, once. */
static CK_RV refresh(struct device *d, struct device_session *s, const struct tokenkey *k,
                     CK_OBJECT_HANDLE *handle)
{
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n = 0;
    CK_RV rv;

    close_session(d, s);
    rv = open_session(d, s);
    if (rv == CKR_OK)
        rv = search(d, s->session, k, found, &n);
    if (rv == CKR_OK && n != 1)
        rv = CKR_OBJECT_HANDLE_INVALID;
    if (rv == CKR_OK)
        *handle = found[0];
    return rv;
}

int device_sign(struct device *d, struct device_session *s, const struct tokenkey *k,
                CK_OBJECT_HANDLE *handle, const struct sign_scheme *scheme, const uint8_t *text,
                size_t n_text, uint8_t *out, size_t *n, CK_RV *rv, bool *lost)
{
    size_t cap = *n;

    pthread_rwlock_rdlock(&d->gate);
    *rv = open_session(d, s);
    if (*rv == CKR_OK)
        *rv = mechanism_sign(d->module->call, s->session, *handle, k->kind, scheme, text, n_text,
                             out, n);
    if (is_stale(*rv)) {
        *rv = refresh(d, s, k, handle);
        *n = cap;
        if (*rv == CKR_OK)
            *rv = mechanism_sign(d->module->call, s->session, *handle, k->kind, scheme, text,
                                 n_text, out, n);
    }
    *lost = is_lost(*rv);
    if (*rv != CKR_OK)
        close_session(d, s); /* an operation may be left in it */
    pthread_rwlock_unlock(&d->gate);
    return *rv == CKR_OK ? 0 : -EIO;
}
