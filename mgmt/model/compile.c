#include "mgmt/model/compile.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/wire/control.h"
#include "mgmt/model/certs.h"
#include "mgmt/model/compile_parts.h"

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

static int read_file(const struct opener *o, uint8_t kind, const char *path, const char *where,
                     uint8_t **data, size_t *n, struct err *e)
{
    int rc = o->read(o->arg, kind, path, kind == OPEN_CRL ? CRL_FILE_MAX : CERT_FILE_MAX, data, n);

    return rc ? err_set(e, rc, where,
                        "name a readable file; paths are relative to the configuration file",
                        "%s: %s", path, strerror(-rc))
              : 0;
}

static int blob_of(struct compiled *c, X509 *x, struct policy_blob *out)
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
        if (blob_of(c, sk_X509_value(chain, i), &id->chain[id->n_chain++]))
            return compile_memory(e);
    return 0;
}

static int compile_identity(struct compiled *c, const struct opener *o,
                            const struct model_identity *m, uint16_t index, struct err *e)
{
    struct policy_identity *id = &c->policy.identities[index];
    STACK_OF(X509) *chain = NULL;
    uint8_t *data = NULL;
    char where[128];
    size_t n;
    int rc;

    snprintf(id->name, sizeof id->name, "%s", m->name);
    snprintf(where, sizeof where, "/identities/%s/certificate", m->name);
    rc = read_file(o, OPEN_CERTIFICATE, m->certificate, where, &data, &n, e);
    if (!rc) {
        chain = certs_read(data, n, where, e);
        rc = chain ? certs_order(chain, where, e) : -EINVAL;
    }
    if (!rc)
        rc = certs_check_own(sk_X509_value(chain, 0), where, e);
    if (!rc)
        rc = identity_chain(c, chain, id, e);
    sk_X509_pop_free(chain, X509_free);
    free(data);
    if (rc)
        return rc;
    snprintf(where, sizeof where, "/identities/%s/key", m->name);
    id->key_attachment = index;
    rc = o->key(o->arg, m->key, &c->key_tokens[index]);
    return rc ? err_set(e, rc, where,
                        "name a readable PEM file; paths are relative to the configuration file",
                        "%s: %s", m->key, strerror(-rc))
              : 0;
}

static int compile_anchors(struct compiled *c, const struct opener *o, const struct model_trust *m,
                           struct policy_trust *t, struct err *e)
{
    char where[128];

    t->anchors = compile_alloc(c, 1024 * sizeof *t->anchors);
    if (!t->anchors)
        return compile_memory(e);
    for (unsigned i = 0; i < m->anchors.n; i++) {
        STACK_OF(X509) *all = NULL;
        uint8_t *data = NULL;
        size_t n;
        int rc;

        snprintf(where, sizeof where, "/trust/%s/anchors/%u", m->name, i);
        rc = read_file(o, OPEN_CERTIFICATE, m->anchors.s[i], where, &data, &n, e);
        all = rc ? NULL : certs_read(data, n, where, e);
        if (!rc && !all)
            rc = -EINVAL;
        for (int k = 0; !rc && k < sk_X509_num(all); k++) {
            X509 *x = sk_X509_value(all, k);
            if (X509_check_ca(x) < 1)
                rc = err_set(e, -EINVAL, where, "name a file of CA certificates",
                             "%s: certificate %d is no CA certificate", m->anchors.s[i], k + 1);
            else if (t->n_anchors == 1024)
                rc = err_set(e, -E2BIG, where, "give fewer", "more than 1024 anchors");
            else if (blob_of(c, x, &t->anchors[t->n_anchors++]))
                rc = compile_memory(e);
        }
        sk_X509_pop_free(all, X509_free);
        free(data);
        if (rc)
            return rc;
    }
    return 0;
}

static int compile_crls(struct compiled *c, const struct opener *o, const struct model_trust *m,
                        struct policy_trust *t, struct err *e)
{
    char where[128];

    t->crls = compile_alloc(c, (m->crls.n + 1) * sizeof *t->crls);
    if (!t->crls)
        return compile_memory(e);
    for (unsigned i = 0; i < m->crls.n; i++) {
        uint8_t *data = NULL;
        bool stale = false;
        size_t n;
        int rc, fd, *more;

        snprintf(where, sizeof where, "/trust/%s/crls/%u", m->name, i);
        rc = read_file(o, OPEN_CRL, m->crls.s[i], where, &data, &n, e);
        if (rc)
            return rc;
        fd = certs_crl_table(data, n, where, &stale, e);
        free(data);
        if (fd < 0)
            return fd;
        more = realloc(c->crl_fds, (c->n_crls + 1u) * sizeof *more);
        if (!more) {
            close(fd);
            return compile_memory(e);
        }
        c->crl_fds = more;
        more[c->n_crls] = fd;
        t->crls[t->n_crls++] = c->n_crls++;
        if (stale)
            compile_warn(c,
                         "%s: %s is past its next update: certificates of its issuer are refused",
                         where, m->crls.s[i]);
    }
    return 0;
}

static int compile_trust(struct compiled *c, const struct opener *o, const struct model_trust *m,
                         struct policy_trust *t, struct err *e)
{
    int rc;

    snprintf(t->name, sizeof t->name, "%s", m->name);
    t->revocation = m->revocation;
    t->stale_cuts = m->stale_cuts;
    if (!m->revocation)
        compile_warn(c, "/trust/%s/revocation: \"none\": revoked certificates are accepted",
                     m->name);
    else if (m->crls.n == 0)
        compile_warn(c, "/trust/%s/crls: none are given, so every certificate is refused", m->name);
    rc = compile_anchors(c, o, m, t, e);
    return rc ? rc : compile_crls(c, o, m, t, e);
}

int compile(const struct model *m, const struct opener *o, uint64_t revision, struct compiled *c,
            struct err *e)
{
    struct policy *p = &c->policy;
    int rc = 0;

    memset(c, 0, sizeof *c);
    p->revision = revision;
    p->drain_ms = m->drain_ms;
    p->identities = compile_alloc(c, (m->n_identities + 1) * sizeof *p->identities);
    p->trusts = compile_alloc(c, (m->n_trusts + 1) * sizeof *p->trusts);
    c->key_tokens = calloc(m->n_identities + 1, sizeof *c->key_tokens);
    if (!p->identities || !p->trusts || !c->key_tokens)
        rc = compile_memory(e);
    for (unsigned i = 0; i < m->n_identities && !rc; i++, p->n_identities++)
        rc = compile_identity(c, o, &m->identities[i], (uint16_t)i, e);
    for (unsigned i = 0; i < m->n_trusts && !rc; i++, p->n_trusts++)
        rc = compile_trust(c, o, &m->trusts[i], &p->trusts[i], e);
    if (!rc)
        rc = compile_profiles(c, m, e);
    if (!rc)
        rc = compile_links(c, m, e);
    if (rc)
        compiled_fini(c);
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
    free(c->key_tokens);
    free(c->warnings);
    memset(c, 0, sizeof *c);
}
