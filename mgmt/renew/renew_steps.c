/* renew_steps: one renewal, from a new key to the new revision. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/control.h"
#include "mgmt/manager.h"
#include "mgmt/outcall.h"
#include "mgmt/renew/est.h"
#include "mgmt/renew/renew_parts.h"

#define TIMEOUT_S 60
#define BUSY_S    5

static void on_applied(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct renewal *r = arg; /* busy: it is still there */

    if (rc) {
        renew_fail(r, -1, e);
        return;
    }
    renew_forget(r);
    r->busy = false;
    r->failures = 0;
    snprintf(r->result, sizeof r->result, "renewed with revision %" PRIu64, revision);
    renew_say(r, true);
}

/* The identity with its new certificate and key. */
static json_t *with_certificate(const struct renewal *r, const char *chain)
{
    json_t *document = json_deep_copy(r->m->document);
    json_t *id = json_object_get(json_object_get(document, "identities"), r->identity);

    json_object_set_new(id, "certificate", json_string(chain));
    json_object_set_new(id, "key", json_string(r->key));
    return document;
}

static void apply(struct renewal *r, const char *chain)
{
    struct coming_wish w = {.actor = "penstock",
                            .action = "identity.renew",
                            .comment = r->identity,
                            .done = on_applied,
                            .arg = r};
    json_t *document = with_certificate(r, chain);
    struct err e;
    int rc = coming_propose(r->m, document, &w, &e);

    json_decref(document);
    if (rc)
        renew_fail(r, rc == -EBUSY ? BUSY_S : -1, &e);
}

/* ---- the server ---- */

/* A stream through the identity's own link. Descriptor, or -errno. */
static int call(struct renewal *r)
{
    char link[64];

    snprintf(link, sizeof link, RENEW_LINK "%.48s", r->identity);
    return outcall_open(r->m, link);
}

static int ask(struct renewal *r, const char *operation, const char *body, web_done *done,
               struct err *e)
{
    char url[WEB_URL_MAX];
    struct web_ask q = {.url = url,
                        .fd = call(r),
                        .body = body,
                        .n_body = body ? strlen(body) : 0,
                        .type = "application/pkcs10",
                        .max = EST_BYTES_MAX,
                        .timeout_s = TIMEOUT_S};
    size_t n = strlen(r->url);
    int rc = q.fd;

    /* TLS is the link's: from here to there it is plain. */
    snprintf(url, sizeof url, "http://%.*s/%s", (int)(n - 8 - (r->url[n - 1] == '/')), r->url + 8,
             operation);
    if (rc >= 0)
        rc = web_start(&r->m->web, &q, done, r);
    return rc < 0 ? err_set(e, rc, "/est", "see the log", "the server can not be asked (%s)",
                            strerror(-rc))
                  : 0;
}

/* Not what was hoped for: what does an operator have to know? */
static void refuse(struct renewal *r, const struct web_answer *a)
{
    char said[120];
    struct err e;
    size_t n = a->n < sizeof said - 1 ? a->n : sizeof said - 1;

    memcpy(said, a->body ? a->body : (const uint8_t *)"", n);
    said[n] = '\0';
    for (char *p = said; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e)
            *p = ' ';
    if (!a->status)
        err_set(&e, -EIO, "/est", "see the log lines of the link " RENEW_LINK "...",
                "no answer came: %s", a->why);
    else if (a->status >= 300 && a->status < 400)
        err_set(&e, -EINVAL, "/est", "give the address that it redirects to",
                "the server redirects elsewhere (%ld), which is not followed", a->status);
    else
        err_set(&e, -EINVAL, "/est", "see the EST server's log", "the server answered %ld: %s",
                a->status, said[0] ? said : "nothing more");
    renew_fail(r, a->retry_after_s, &e);
}

static void on_authorities(void *arg, const struct web_answer *a)
{
    struct renewal *r = arg;
    STACK_OF(X509) *authorities = NULL;
    char *chain = NULL;
    struct err e;

    if (a->status != 200) {
        refuse(r, a);
        return;
    }
    authorities = est_certs(a->body, a->n, &e);
    if (authorities)
        chain = est_chain(r->issued, authorities, r->spki, r->n_spki, &e);
    sk_X509_pop_free(authorities, X509_free);
    if (chain)
        apply(r, chain);
    else
        renew_fail(r, -1, &e);
    free(chain);
}

static void on_issued(void *arg, const struct web_answer *a)
{
    struct renewal *r = arg;
    struct err e;

    r->last_s = clock_wall_s();
    if (a->status == 202) {
        renew_wait(r, a->retry_after_s);
        return;
    }
    if (a->status != 200) {
        refuse(r, a);
        return;
    }
    r->issued = est_certs(a->body, a->n, &e);
    if (!r->issued || ask(r, "cacerts", NULL, on_authorities, &e))
        renew_fail(r, -1, &e);
}

static void send_request(struct renewal *r)
{
    struct err e;

    if (ask(r, r->again ? "simplereenroll" : "simpleenroll", r->request, on_issued, &e))
        renew_fail(r, -1, &e);
}

/* ---- key and request ---- */

static void on_request(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct renewal *r = arg;
    struct err memory;

    if (!rc) {
        r->request = est_request(a->ders[0].p, a->ders[0].n);
        if (r->request) {
            send_request(r);
            return;
        }
        err_set(&memory, -ENOMEM, "/est", "free memory", "out of memory");
        e = &memory;
    }
    renew_fail(r, -1, e);
}

static int keep_key(struct renewal *r, const struct vault_answer *a)
{
    char kind[64];
    struct keys_row row = {.wrapped = a->key.p,
                           .n_wrapped = a->key.n,
                           .spki = a->spki.p,
                           .n_spki = a->spki.n,
                           .origin = "made",
                           .kind = kind};

    keys_kind(a->spki.p, a->spki.n, kind);
    keys_ref(a->spki.p, a->spki.n, r->key);
    r->spki = malloc(a->spki.n);
    if (!r->spki)
        return -ENOMEM;
    memcpy(r->spki, a->spki.p, a->spki.n);
    r->n_spki = a->spki.n;
    return keys_put(&row);
}

static void on_key(void *arg, int rc, const struct vault_answer *a, const struct err *why)
{
    struct renewal *r = arg;
    struct est_names names = {0};
    struct vault_csr m = {0};
    X509 *leaf = rc ? NULL : renew_leaf(r);
    uint8_t *mem = malloc(CHAN_BODY_MAX);
    struct err e;
    struct buf b;

    if (rc) {
        e = *why;
    } else if (!mem || !leaf || (rc = keep_key(r, a))) {
        rc = err_set(&e, rc ? rc : -ENOMEM, "/est", "free memory or disk space",
                     "the new key can not be kept");
    } else if (!(rc = est_names_of(leaf, &names, &e))) {
        m.key = a->key;
        m.names = names.names;
        buf_init(&b, mem, CHAN_BODY_MAX);
        vault_put_csr(&b, &m);
        rc = vaultline_ask(r->m, VAULT_CSR, &b, -1, on_request, r, &e);
    }
    est_names_free(&names);
    X509_free(leaf);
    free(mem);
    if (rc)
        renew_fail(r, -1, &e);
}

static int kind_of(X509 *leaf)
{
    EVP_PKEY *key = X509_get0_pubkey(leaf);
    int bits = key ? EVP_PKEY_get_bits(key) : 0;
    static const struct {
        const char *type;
        int bits;
        enum vault_kind kind;
    } kinds[] = {
        {"EC", 256, VAULT_EC_P256},        {"EC", 384, VAULT_EC_P384},
        {"RSA", 2048, VAULT_RSA_2048},     {"RSA", 3072, VAULT_RSA_3072},
        {"RSA", 4096, VAULT_RSA_4096},     {"ED25519", 0, VAULT_ED25519},
        {"ML-DSA-44", 0, VAULT_ML_DSA_44}, {"ML-DSA-65", 0, VAULT_ML_DSA_65},
        {"ML-DSA-87", 0, VAULT_ML_DSA_87},
    };

    for (size_t i = 0; key && i < sizeof kinds / sizeof kinds[0]; i++)
        if (EVP_PKEY_is_a(key, kinds[i].type) && (!kinds[i].bits || kinds[i].bits == bits))
            return kinds[i].kind;
    return -ENOTSUP;
}

void renew_begin(struct renewal *r)
{
    X509 *leaf = renew_leaf(r);
    struct vault_make m = {0};
    int kind = leaf ? kind_of(leaf) : -ENOENT, rc = 0;
    uint8_t mem[16];
    struct err e;
    struct buf b;

    X509_free(leaf);
    r->busy = true;
    if (r->request) {
        send_request(r);
        return;
    }
    if (kind < 0)
        rc = err_set(&e, kind, "/est", "renew it by hand (make-key, csr, install)",
                     "its key is of a kind that the gateway does not make");
    m.kind = kind < 0 ? 0 : (uint8_t)kind;
    buf_init(&b, mem, sizeof mem);
    vault_put_make(&b, &m);
    if (!rc)
        rc = vaultline_ask(r->m, VAULT_MAKE, &b, -1, on_key, r, &e);
    if (rc)
        renew_fail(r, -1, &e);
}
