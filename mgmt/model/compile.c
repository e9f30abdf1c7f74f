#include "mgmt/model/compile.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"
#include "dataplane/wire/control.h"
#include "mgmt/model/certs.h"
#include "mgmt/model/compile_parts.h"
#include "mgmt/model/node.h"

#define CERT_LEAD     (30 * 86400) /* seconds of alarm before an own certificate ends */
#define CERT_FILE_MAX (1024 * 1024)
#define CRL_FILE_MAX  (128u * 1024 * 1024)

void *compile_alloc(struct compiled *c, size_t n)
{
    struct compile_block *b = calloc(1, sizeof *b + n);

    if (!b)
        return NULL;
    b->next = c->blocks;
    c->blocks = b;
    return b->mem;
}

char *compile_string(struct compiled *c, const char *s)
{
    char *copy = compile_alloc(c, strlen(s) + 1);

    if (copy)
        memcpy(copy, s, strlen(s) + 1);
    return copy;
}

void compile_warn(struct compiled *c, const char *fmt, ...)
{
    char(*more)[512] = realloc(c->warnings, (c->n_warnings + 1) * sizeof *more);
    va_list ap;

    if (!more)
        return;
    c->warnings = more;
    va_start(ap, fmt);
    vsnprintf(more[c->n_warnings++], sizeof *more, fmt, ap);
    va_end(ap);
}

int compile_memory(struct err *e)
{
    return err_set(e, -ENOMEM, "/", "free memory", "out of memory");
}

void compile_date(struct compiled *c, int64_t warn_at, int64_t ends_at, const char *what, ...)
{
    struct compile_date *more = realloc(c->dates, (c->n_dates + 1) * sizeof *more);
    va_list ap;

    if (!more)
        return; /* an alarm less: the handshake judges by itself */
    c->dates = more;
    more += c->n_dates++;
    va_start(ap, what);
    vsnprintf(more->text, sizeof more->text, what, ap);
    va_end(ap);
    more->warn_at = warn_at;
    more->ends_at = ends_at;
}

int compile_read(struct compile_run *r, uint8_t kind, const char *path, const char *where,
                 uint8_t **data, size_t *n)
{
    const struct opener *o = r->opener;
    int rc = o->read(o->arg, kind, path, kind == OPEN_CRL ? CRL_FILE_MAX : CERT_FILE_MAX, data, n);

    return rc ? err_set(r->e, rc, where,
                        "name a readable file; paths are relative to the configuration file",
                        "%s: %s", path, strerror(-rc))
              : 0;
}

int compile_blob(struct compiled *c, X509 *x, struct policy_blob *out)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);
    uint8_t *copy = n > 0 ? compile_alloc(c, (size_t)n) : NULL;

    if (copy) {
        memcpy(copy, der, (size_t)n);
        out->data = copy;
        out->n = (uint32_t)n;
    }
    OPENSSL_free(der);
    return copy ? 0 : -ENOMEM;
}

static int spki_of(struct compiled *c, X509 *x, struct policy_blob *out)
{
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
    uint8_t *copy = n > 0 ? compile_alloc(c, (size_t)n) : NULL;

    if (copy) {
        memcpy(copy, der, (size_t)n);
        out->data = copy;
        out->n = (uint32_t)n;
    }
    OPENSSL_free(der);
    return copy ? 0 : -ENOMEM;
}

static int identity_chain(struct compiled *c, STACK_OF(X509) * chain, struct policy_identity *id,
                          struct err *e)
{
    id->chain = compile_alloc(c, (size_t)sk_X509_num(chain) * sizeof *id->chain);
    if (!id->chain || spki_of(c, sk_X509_value(chain, 0), &id->spki))
        return compile_memory(e);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (compile_blob(c, sk_X509_value(chain, i), &id->chain[id->n_chain++]))
            return compile_memory(e);
    return 0;
}

static int by_name(const X509_NAME *const *a, const X509_NAME *const *b)
{
    return X509_NAME_cmp(*a, *b);
}

static int read_chain(struct compile_run *r, const char *path, const char *where,
                      STACK_OF(X509) * *out)
{
    uint8_t *data = NULL;
    size_t n;
    int rc = compile_read(r, OPEN_CERTIFICATE, path, where, &data, &n);

    if (rc)
        return rc;
    *out = certs_read(data, n, where, r->e);
    secret_wipe(data, n); /* it may have held a key, which is refused */
    free(data);
    return *out ? 0 : -EINVAL;
}

/* The issuers in our own chains: lists of theirs are no surprise. */
static int remember_issuers(struct compile_run *r, STACK_OF(X509) * chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509_NAME *name = X509_NAME_dup(X509_get_issuer_name(sk_X509_value(chain, i)));

        if (name && sk_X509_NAME_push(r->issuers, name))
            continue;
        X509_NAME_free(name);
        return compile_memory(r->e);
    }
    return 0;
}

int compile_no_file(const struct compile_wish *w, int rc, struct err *e)
{
    if (strstr(w->key, "-----BEGIN")) /* whatever it is, it is not said again */
        return err_set(e, -EINVAL, w->where, "import it (POST /api/v1/keys), and name it here",
                       "a private key has no place in a configuration");
    return err_set(e, rc, w->where,
                   "name a readable PEM file; paths are relative to the configuration file",
                   "%s: %s", w->key, strerror(-rc));
}

static int compile_identity(struct compile_run *r, const struct model_identity *m, uint16_t index)
{
    struct policy_identity *id = &r->c->policy.identities[index];
    STACK_OF(X509) *chain = NULL;
    char where[160], name[128];
    int64_t until;
    int rc;

    snprintf(id->name, sizeof id->name, "%s", m->name);
    snprintf(where, sizeof where, "/identities/%s/certificate", m->name);
    rc = read_chain(r, m->certificate, where, &chain);
    if (!rc)
        rc = certs_order(chain, where, r->e);
    if (!rc)
        rc = certs_check_own(chain, r->now, where, r->e);
    if (!rc)
        rc = identity_chain(r->c, chain, id, r->e);
    if (!rc)
        rc = remember_issuers(r, chain);
    for (int i = 0; !rc && i < sk_X509_num(chain); i++) {
        until = certs_time(X509_get0_notAfter(sk_X509_value(chain, i)), NULL);
        compile_date(r->c, until - CERT_LEAD, until, "%s: %s", where,
                     certs_subject(X509_get_subject_name(sk_X509_value(chain, i)), name));
    }
    sk_X509_pop_free(chain, X509_free);
    if (rc)
        return rc;
    snprintf(where, sizeof where, "/identities/%s/key", m->name);
    id->key_attachment = index;
    rc = r->opener->key(r->opener->arg,
                        &(struct compile_wish){m->name, where, m->key, id->chain[0], id->spki},
                        &r->c->keys[index], r->e);
    return rc == -EAGAIN || rc == -ENOMEM || !rc ? rc : -EINVAL; /* else it is the operator's */
}

static int compile_identities(struct compile_run *r)
{
    struct policy *p = &r->c->policy;
    int rc = 0;

    p->identities = compile_alloc(r->c, (r->model->n_identities + 1) * sizeof *p->identities);
    r->c->keys = calloc(r->model->n_identities + 1, sizeof *r->c->keys);
    if (!p->identities || !r->c->keys)
        return compile_memory(r->e);
    for (; r->c->n_keys < r->model->n_identities; r->c->n_keys++)
        r->c->keys[r->c->n_keys].fd = -1;
    for (unsigned i = 0; i < r->model->n_identities && !rc; i++, p->n_identities++)
        rc = compile_identity(r, &r->model->identities[i], (uint16_t)i);
    sk_X509_NAME_sort(r->issuers);
    return rc;
}

static int check_purpose(struct compile_run *r, const struct policy_identity *id, bool server)
{
    const unsigned char *der = id->chain[0].data;
    X509 *leaf = d2i_X509(NULL, &der, (long)id->chain[0].n);
    int fits = leaf ? certs_purpose(leaf, server) : -1;
    const char *eku = server ? "serverAuth" : "clientAuth";
    char where[160];

    X509_free(leaf);
    snprintf(where, sizeof where, "/identities/%s/certificate", id->name);
    if (fits < 0)
        return err_set(r->e, -EINVAL, where, "use a certificate that was issued for it",
                       "the extended key usage does not name %s, but a %s side uses it", eku,
                       server ? "listen" : "forward");
    if (fits == 0)
        compile_warn(r->c, "%s: it has no extended key usage: strict peers want %s", where, eku);
    return 0;
}

/* Only when the links are known it is known what each identity is for. */
static int check_uses(struct compile_run *r)
{
    const struct policy *p = &r->c->policy;
    int rc = 0;

    for (unsigned i = 0; i < p->n_identities && !rc; i++) {
        const struct policy_identity *id = &p->identities[i];

        if (id->uses & POLICY_USE_SERVER)
            rc = check_purpose(r, id, true);
        if (!rc && (id->uses & POLICY_USE_CLIENT))
            rc = check_purpose(r, id, false);
        if (!id->uses)
            compile_warn(r->c, "/identities/%s: no link uses it", id->name);
    }
    return rc;
}

/* For what runs out already, or soon. */
static void warn_dates(struct compiled *c, int64_t now)
{
    for (unsigned i = 0; i < c->n_dates; i++) {
        if (now >= c->dates[i].ends_at)
            compile_warn(c, "%s is past its time: what depends on it is refused", c->dates[i].text);
    }
}

static int run(struct compile_run *r)
{
    const struct model *m = r->model;
    int rc = lookup_init(&r->identities, m->identities, m->n_identities, sizeof *m->identities);

    if (!rc)
        rc = lookup_init(&r->trusts, m->trusts, m->n_trusts, sizeof *m->trusts);
    if (!rc)
        rc = lookup_init(&r->profiles, m->profiles, m->n_profiles, sizeof *m->profiles);
    r->issuers = sk_X509_NAME_new(by_name);
    if (rc || !r->issuers)
        return compile_memory(r->e);
    rc = compile_identities(r);
    if (!rc)
        rc = compile_trusts(r);
    if (!rc)
        rc = compile_profiles(r->c, m, r->e);
    if (!rc)
        rc = compile_links(r);
    return rc ? rc : check_uses(r);
}

static int copy_ports(const struct model *m, struct compiled *c, struct err *e)
{
    size_t size = m->dpdk.n_ports * sizeof *m->dpdk.ports;

    c->policy.dpdk = m->dpdk;
    c->policy.dpdk.ports = compile_alloc(c, size + 1);
    if (!c->policy.dpdk.ports)
        return compile_memory(e);
    if (size)
        memcpy(c->policy.dpdk.ports, m->dpdk.ports, size);
    return 0;
}

static int copy_roles(const struct model *m, struct compiled *c, struct err *e)
{
    if (!m->roles)
        return 0;
    c->n_roles = m->links[m->n_links - 1].listen.n_rules;
    c->roles = calloc(c->n_roles, sizeof *c->roles);
    if (!c->roles)
        return compile_memory(e);
    memcpy(c->roles, m->roles, c->n_roles * sizeof *c->roles);
    return 0;
}

int compile(const struct model *m, const struct opener *o, uint64_t revision, int64_t now,
            struct compiled *c, struct err *e)
{
    struct compile_run r = {.model = m, .opener = o, .c = c, .e = e, .now = now};
    int rc;

    memset(c, 0, sizeof *c);
    c->policy.revision = revision;
    c->policy.drain_ms = m->drain_ms;
    c->policy.busy_poll_us = m->busy_poll_us;
    r.resolve_until_ms = clock_mono_ms() + COMPILE_RESOLVE_MS;
    rc = run(&r);
    if (!rc)
        rc = copy_ports(m, c, e);
    if (!rc)
        rc = copy_roles(m, c, e);
    lookup_fini(&r.identities);
    lookup_fini(&r.trusts);
    lookup_fini(&r.profiles);
    sk_X509_NAME_pop_free(r.issuers, X509_NAME_free);
    if (rc) {
        node_clean(e);
        compiled_fini(c);
    } else {
        warn_dates(c, now);
    }
    return rc;
}

void compiled_fini(struct compiled *c)
{
    while (c->blocks) {
        struct compile_block *next = c->blocks->next;
        free(c->blocks);
        c->blocks = next;
    }
    for (unsigned i = 0; i < c->n_crls; i++)
        close(c->crl_fds[i]);
    free(c->crl_fds);
    for (unsigned i = 0; i < c->n_keys; i++)
        if (c->keys[i].fd >= 0)
            close(c->keys[i].fd);
    free(c->keys);
    free(c->roles);
    free(c->warnings);
    free(c->dates);
    memset(c, 0, sizeof *c);
}
