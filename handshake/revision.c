#include "handshake/revision.h"

#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "dataplane/wire/policy_image.h"
#include "handshake/profile.h"
#include "dataplane/wire/chan.h"
#include "handshake/sign.h"

void revision_parts_init(struct revision_parts *p)
{
    memset(p, 0, sizeof *p);
    p->image_fd = -1;
}

void revision_parts_clear(struct revision_parts *p)
{
    for (uint32_t i = 0; i < p->n_crls; i++)
        if (p->crl_fds[i] >= 0)
            close(p->crl_fds[i]);
    free(p->crl_fds);
    if (p->image_fd >= 0)
        close(p->image_fd);
    revision_parts_init(p);
}

static int attach_crl(struct revision_parts *p, uint32_t index, int fd)
{
    int *more;

    if (index >= REVISION_CRLS_MAX)
        return -EPROTO;
    if (index >= p->n_crls) {
        more = realloc(p->crl_fds, (index + 1) * sizeof *more);
        if (!more)
            return -ENOMEM;
        for (uint32_t i = p->n_crls; i <= index; i++)
            more[i] = -1;
        p->crl_fds = more;
        p->n_crls = index + 1;
    }
    if (p->crl_fds[index] >= 0)
        return -EPROTO;
    p->crl_fds[index] = fd;
    return 0;
}

int revision_attach(struct revision_parts *p, const struct control_attach *a, int fd)
{
    int rc = 0;

    if (fd < 0)
        return -EPROTO;
    if (p->revision != a->revision) {
        revision_parts_clear(p);
        p->revision = a->revision;
    }
    if (a->kind == ATTACH_IMAGE_HANDSHAKE && p->image_fd < 0)
        p->image_fd = fd;
    else if (a->kind == ATTACH_CRL)
        rc = attach_crl(p, a->index, fd);
    else
        rc = -EPROTO;
    if (rc)
        close(fd);
    return rc;
}

static int decode(const struct revision_parts *p, uint64_t number, struct policy **out,
                  struct err *e)
{
    int rc = policy_image_read(p->image_fd, number, POLICY_SLICE_HANDSHAKE, out);

    return rc ? err_set(e, rc, "handshake", "restart penstockd", "no usable policy image: %s",
                        strerror(-rc))
              : 0;
}

static int map_crls(struct revision *r, const struct revision_parts *p, struct err *e)
{
    r->maps = calloc(p->n_crls ? p->n_crls : 1, sizeof *r->maps);
    r->crls = calloc(p->n_crls ? p->n_crls : 1, sizeof *r->crls);
    if (!r->maps || !r->crls)
        return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
    for (uint32_t i = 0; i < p->n_crls; i++) {
        int rc = p->crl_fds[i] < 0
                     ? -ENOENT
                     : memfd_map(p->crl_fds[i], CRL_MAX, &r->maps[i].data, &r->maps[i].n);
        if (!rc) {
            r->n_maps = i + 1;
            rc = crl_view_init(&r->crls[i], r->maps[i].data, r->maps[i].n);
        }
        if (rc)
            return err_set(e, rc, "handshake", "restart penstockd", "CRL table %u is unusable: %s",
                           i, strerror(-rc));
    }
    return p->n_crls == r->policy->n_attachments
               ? 0
               : err_set(e, -EPROTO, "handshake", "restart penstockd", "%u CRL tables of %u came",
                         p->n_crls, r->policy->n_attachments);
}

static int build_trusts(struct revision *r, struct err *e)
{
    const struct policy *p = r->policy;

    r->trusts = calloc(p->n_trusts ? p->n_trusts : 1, sizeof(struct trust *));
    r->views = calloc(p->n_trusts ? p->n_trusts : 1, sizeof(struct crl_view *));
    if (!r->trusts || !r->views)
        return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
    for (unsigned i = 0; i < p->n_trusts; i++) {
        const struct policy_trust *t = &p->trusts[i];
        int rc;

        r->views[i] = calloc(t->n_crls ? t->n_crls : 1, sizeof *r->views[i]);
        if (!r->views[i])
            return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
        for (unsigned k = 0; k < t->n_crls; k++)
            r->views[i][k] = r->crls[t->crls[k]];
        rc = trust_new(t, r->views[i], t->n_crls, &r->trusts[i], e);
        if (rc)
            return rc;
    }
    return 0;
}

static int build_identities(struct revision *r, struct err *e)
{
    const struct policy *p = r->policy;

    r->keys = calloc(p->n_identities ? p->n_identities : 1, sizeof(EVP_PKEY *));
    r->leaves = calloc(p->n_identities ? p->n_identities : 1, sizeof(X509 *));
    if (!r->keys || !r->leaves)
        return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
    for (unsigned i = 0; i < p->n_identities; i++) {
        const struct policy_blob *leaf = &p->identities[i].chain[0];
        const unsigned char *der = leaf->data;
        EVP_PKEY *pub;
        char where[128];

        snprintf(where, sizeof where, "/identities/%s/certificate", p->identities[i].name);
        r->leaves[i] = d2i_X509(NULL, &der, (long)leaf->n);
        pub = r->leaves[i] ? X509_get0_pubkey(r->leaves[i]) : NULL;
        if (!pub)
            return err_set(e, -EINVAL, where, "a certificate this OpenSSL can read",
                           "the key can not be read");
        r->keys[i] = sign_key(pub, p->revision, (uint16_t)i, e);
        if (!r->keys[i])
            return -ENOTSUP;
    }
    return 0;
}

static int build_side(struct revision *r, struct revision_link *l, enum leg_side side,
                      struct err *e)
{
    const struct policy_tls *t = side == LEG_OUTER ? l->policy->outer : l->policy->inner;

    if (!t)
        return 0;
    l->verify[side] = (struct verify_side){.trust = r->trusts[t->trust], .tls = t, .side = side};
    return profile_context(r, l->policy, side, &l->ctx[side], e);
}

static int build_links(struct revision *r, struct err *e)
{
    const struct policy *p = r->policy;

    r->links = calloc(p->n_links ? p->n_links : 1, sizeof *r->links);
    if (!r->links)
        return err_set(e, -ENOMEM, "handshake", "free memory", "out of memory");
    for (unsigned i = 0; i < p->n_links; i++) {
        int rc;
        r->links[i].policy = &p->links[i];
        rc = build_side(r, &r->links[i], LEG_OUTER, e);
        if (!rc)
            rc = build_side(r, &r->links[i], LEG_INNER, e);
        if (rc)
            return rc;
    }
    return 0;
}

int revision_build(struct revision_parts *p, uint64_t number, struct revision **out, struct err *e)
{
    struct revision *r = calloc(1, sizeof *r);
    int rc = r ? 0 : -ENOMEM;

    if (!rc)
        rc = decode(p, number, &r->policy, e);
    if (!rc)
        rc = map_crls(r, p, e);
    revision_parts_clear(p);
    for (unsigned i = 0; !rc && i < r->policy->n_profiles; i++)
        rc = profile_check(&r->policy->profiles[i], e);
    if (!rc)
        rc = build_trusts(r, e);
    if (!rc)
        rc = build_identities(r, e);
    if (!rc)
        rc = build_links(r, e);
    if (r)
        r->refs = 1;
    if (rc) {
        revision_put(r);
        return rc;
    }
    *out = r;
    return 0;
}

struct revision *revision_get(struct revision *r)
{
    r->refs++;
    return r;
}

static void links_free(struct revision *r)
{
    for (unsigned i = 0; r->links && i < r->policy->n_links; i++) {
        SSL_CTX_free(r->links[i].ctx[LEG_OUTER]);
        SSL_CTX_free(r->links[i].ctx[LEG_INNER]);
    }
    free(r->links);
    for (unsigned i = 0; r->trusts && i < r->policy->n_trusts; i++)
        trust_free(r->trusts[i]);
    for (unsigned i = 0; r->views && i < r->policy->n_trusts; i++)
        free(r->views[i]);
    free(r->trusts);
    free(r->views);
}

void revision_put(struct revision *r)
{
    if (!r || --r->refs > 0)
        return;
    if (r->policy) {
        links_free(r);
        for (unsigned i = 0; i < r->policy->n_identities; i++) {
            if (r->keys)
                EVP_PKEY_free(r->keys[i]);
            if (r->leaves)
                X509_free(r->leaves[i]);
        }
    }
    for (size_t i = 0; i < r->n_maps; i++)
        munmap((void *)(uintptr_t)r->maps[i].data, r->maps[i].n);
    free(r->keys);
    free(r->leaves);
    free(r->maps);
    free(r->crls);
    policy_free(r->policy);
    free(r);
}
