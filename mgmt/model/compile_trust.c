/* Trusts: anchors to DER, revocation lists to tables. */
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/wire/control.h"
#include "mgmt/model/certs.h"
#include "mgmt/model/compile_parts.h"
#include "mgmt/model/crls.h"

#define ANCHORS_MAX 1024 /* of one trust */
#define DAY_S       86400
#define ANCHOR_LEAD (90 * DAY_S)

/* A file of lists, compiled once however many trusts name it. */
struct crl_file {
    const char *path;
    STACK_OF(X509_CRL) * lists;
    uint16_t first; /* attachment of the first list */
};

static int add_anchor(struct compile_run *r, struct policy_trust *t, X509 *x, const char *where)
{
    char name[128];
    int64_t until = certs_time(X509_get0_notAfter(x), NULL);
    int rc = certs_check_anchor(x, where, r->e);

    if (rc)
        return rc;
    if (t->n_anchors == ANCHORS_MAX)
        return err_set(r->e, -E2BIG, where, "give fewer", "more than %d anchors", ANCHORS_MAX);
    if (compile_blob(r->c, x, &t->anchors[t->n_anchors]))
        return compile_memory(r->e);
    t->n_anchors++;
    compile_date(r->c, until - ANCHOR_LEAD, until, "%s: the anchor %s", where,
                 certs_subject(X509_get_subject_name(x), name));
    return 0;
}

static int read_anchors(struct compile_run *r, const char *path, const char *where,
                        STACK_OF(X509) * *out)
{
    uint8_t *data = NULL;
    size_t n;
    int rc = compile_read(r, OPEN_CERTIFICATE, path, where, &data, &n);

    if (rc)
        return rc;
    *out = certs_read(data, n, where, r->e);
    free(data);
    return *out ? 0 : -EINVAL;
}

/* All anchors into *t, and as X509 on *all. */
static int compile_anchors(struct compile_run *r, const struct model_trust *m,
                           struct policy_trust *t, STACK_OF(X509) * all)
{
    char where[160];

    t->anchors = compile_alloc(r->c, ANCHORS_MAX * sizeof *t->anchors);
    if (!t->anchors)
        return compile_memory(r->e);
    for (unsigned i = 0; i < m->anchors.n; i++) {
        STACK_OF(X509) *some = NULL;
        int rc;

        snprintf(where, sizeof where, "/trust/%s/anchors/%u", m->name, i);
        rc = read_anchors(r, m->anchors.s[i], where, &some);
        while (!rc && sk_X509_num(some) > 0) {
            X509 *x = sk_X509_shift(some);

            rc = add_anchor(r, t, x, where);
            if (!sk_X509_push(all, x)) {
                X509_free(x);
                rc = compile_memory(r->e);
            }
        }
        sk_X509_pop_free(some, X509_free);
        if (rc)
            return rc;
    }
    return 0;
}

static int add_table(struct compile_run *r, X509_CRL *crl, const char *where)
{
    struct compiled *c = r->c;
    int fd, *more;

    if (c->n_crls == COMPILE_CRLS_MAX)
        return err_set(r->e, -E2BIG, where, "give fewer", "more than %d lists", COMPILE_CRLS_MAX);
    fd = crls_table(crl);
    if (fd < 0)
        return err_set(r->e, fd, where, "free memory", "the table can not be made: %s",
                       strerror(-fd));
    more = realloc(c->crl_fds, (c->n_crls + 1u) * sizeof *more);
    if (!more) {
        close(fd);
        return compile_memory(r->e);
    }
    c->crl_fds = more;
    more[c->n_crls++] = fd;
    return 0;
}

static int load_file(struct compile_run *r, const char *path, const char *where,
                     const struct crl_file **out)
{
    struct crl_file *more = realloc(r->crl_files, (r->n_crl_files + 1) * sizeof *more);
    struct crl_file file = {.path = path, .first = r->c->n_crls};
    uint8_t *data = NULL;
    size_t n;
    int rc;

    if (!more)
        return compile_memory(r->e);
    r->crl_files = more;
    rc = compile_read(r, OPEN_CRL, path, where, &data, &n);
    if (rc)
        return rc;
    file.lists = crls_read(data, n, where, r->e);
    free(data);
    if (!file.lists)
        return -EINVAL;
    more[r->n_crl_files++] = file;
    for (int i = 0; i < sk_X509_CRL_num(file.lists) && !rc; i++)
        rc = add_table(r, sk_X509_CRL_value(file.lists, i), where);
    *out = &more[r->n_crl_files - 1];
    return rc;
}

static int find_file(struct compile_run *r, const char *path, const char *where,
                     const struct crl_file **out)
{
    for (unsigned i = 0; i < r->n_crl_files; i++)
        if (!strcmp(r->crl_files[i].path, path)) {
            *out = &r->crl_files[i];
            return 0;
        }
    return load_file(r, path, where, out);
}

/* Is the list's issuer known here, and if it is an anchor, is the signature its own? */
static void judge_issuer(struct compile_run *r, X509_CRL *crl, STACK_OF(X509) * anchors,
                         const char *where)
{
    const X509_NAME *issuer = X509_CRL_get_issuer(crl);
    bool known = false, good = false;
    char name[128];

    for (int i = 0; i < sk_X509_num(anchors) && !good; i++) {
        X509 *x = sk_X509_value(anchors, i);

        if (X509_NAME_cmp(X509_get_subject_name(x), issuer))
            continue;
        known = true;
        good = X509_CRL_verify(crl, X509_get0_pubkey(x)) == 1;
    }
    ERR_clear_error();
    certs_subject(issuer, name);
    if (known && !good)
        compile_warn(r->c,
                     "%s: the list of %s is not signed with its anchor's key: it will not be used",
                     where, name);
    if (!known && sk_X509_NAME_find(r->issuers, (X509_NAME *)(uintptr_t)issuer) < 0)
        compile_warn(r->c,
                     "%s: %s is neither an anchor of this trust nor an issuer in a chain of ours: "
                     "its list counts only for intermediates that peers send",
                     where, name);
}

/* Alarms begin when a fifth of a list's life is left, at least an hour. */
static void date_of(struct compile_run *r, X509_CRL *crl, const char *where)
{
    int64_t from = certs_time(X509_CRL_get0_lastUpdate(crl), NULL), until = crls_next_update(crl);
    int64_t lead = from == INT64_MIN ? 0 : (until - from) / 5;
    char name[128];

    certs_subject(X509_CRL_get_issuer(crl), name);
    compile_date(r->c, until - (lead > 3600 ? lead : 3600), until, "%s: the CRL of %s", where,
                 name);
}

static int compile_crls(struct compile_run *r, const struct model_trust *m, struct policy_trust *t,
                        STACK_OF(X509) * anchors)
{
    uint16_t crls[COMPILE_CRLS_MAX];
    char where[160];

    for (unsigned i = 0; i < m->crls.n; i++) {
        const struct crl_file *file = NULL;
        int rc;

        snprintf(where, sizeof where, "/trust/%s/crls/%u", m->name, i);
        rc = find_file(r, m->crls.s[i], where, &file);
        for (int k = 0; !rc && k < sk_X509_CRL_num(file->lists); k++) {
            X509_CRL *crl = sk_X509_CRL_value(file->lists, k);

            if (t->n_crls == COMPILE_CRLS_MAX)
                rc = err_set(r->e, -E2BIG, where, "give fewer", "more than %d lists",
                             COMPILE_CRLS_MAX);
            else
                crls[t->n_crls++] = (uint16_t)(file->first + k);
            judge_issuer(r, crl, anchors, where);
            date_of(r, crl, where);
        }
        if (rc)
            return rc;
    }
    t->crls = compile_alloc(r->c, (t->n_crls + 1u) * sizeof *t->crls);
    if (!t->crls)
        return compile_memory(r->e);
    memcpy(t->crls, crls, t->n_crls * sizeof *t->crls);
    return 0;
}

/* They are for lists that are fetched later; that they can be read is seen now. */
static int check_crl_issuers(struct compile_run *r, const struct model_trust *m)
{
    for (unsigned i = 0; i < m->crl_issuers.n; i++) {
        STACK_OF(X509) * certs;
        uint8_t *data = NULL;
        char where[160];
        size_t n;
        int rc;

        snprintf(where, sizeof where, "/trust/%s/crl_issuers/%u", m->name, i);
        rc = compile_read(r, OPEN_CERTIFICATE, m->crl_issuers.s[i], where, &data, &n);
        if (rc)
            return rc;
        certs = certs_read(data, n, where, r->e);
        free(data);
        if (!certs)
            return -EINVAL;
        sk_X509_pop_free(certs, X509_free);
    }
    return 0;
}

static int compile_trust(struct compile_run *r, const struct model_trust *m, struct policy_trust *t)
{
    STACK_OF(X509) *anchors = sk_X509_new_null();
    bool own = !strcmp(m->name, MODEL_OWN_TRUST); /* which has a list of who may come in */
    int rc = anchors ? 0 : compile_memory(r->e);

    snprintf(t->name, sizeof t->name, "%s", m->name);
    t->revocation = m->revocation;
    t->stale_cuts = m->stale_cuts;
    if (!own && !m->revocation)
        compile_warn(r->c, "/trust/%s/revocation: \"none\": revoked certificates are accepted",
                     m->name);
    else if (!own && m->crls.n == 0 && m->crl_urls.n == 0)
        compile_warn(r->c, "/trust/%s/crls: none are given, so every certificate is refused",
                     m->name);
    if (!rc)
        rc = compile_anchors(r, m, t, anchors);
    if (!rc)
        rc = compile_crls(r, m, t, anchors);
    if (!rc)
        rc = check_crl_issuers(r, m);
    sk_X509_pop_free(anchors, X509_free);
    return rc;
}

int compile_trusts(struct compile_run *r)
{
    struct policy *p = &r->c->policy;
    int rc = 0;

    p->trusts = compile_alloc(r->c, (r->model->n_trusts + 1) * sizeof *p->trusts);
    if (!p->trusts)
        return compile_memory(r->e);
    for (unsigned i = 0; i < r->model->n_trusts && !rc; i++, p->n_trusts++)
        rc = compile_trust(r, &r->model->trusts[i], &p->trusts[i]);
    for (unsigned i = 0; i < r->n_crl_files; i++)
        sk_X509_CRL_pop_free(r->crl_files[i].lists, X509_CRL_free);
    free(r->crl_files);
    r->crl_files = NULL;
    r->n_crl_files = 0;
    return rc;
}
