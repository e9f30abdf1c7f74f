/* The policy codec's identities, profiles and trusts. */
#include "dataplane/wire/policy_codec.h"

static void put_blob(struct buf *b, const struct policy_blob *p)
{
    buf_put_blob(b, p->data, p->n);
}

static void put_blobs(struct buf *b, const struct policy_blob *p, uint16_t n)
{
    buf_put_u16(b, n);
    for (unsigned i = 0; i < n; i++)
        put_blob(b, &p[i]);
}

static struct policy_blob *get_blobs(struct policy_reader *r, uint16_t *n)
{
    struct policy_blob *p;

    *n = buf_get_u16(&r->b);
    p = reader_take(r, *n, sizeof *p);
    for (unsigned i = 0; buf_ok(&r->b) && i < *n; i++)
        reader_blob(r, &p[i]);
    return p;
}

void policy_put_identities(struct buf *b, const struct policy *p, uint8_t slices)
{
    buf_put_u16(b, p->n_identities);
    for (unsigned i = 0; i < p->n_identities; i++) {
        const struct policy_identity *id = &p->identities[i];
        buf_put_str(b, id->name);
        put_blob(b, &id->spki);
        buf_put_u8(b, id->uses);
        if (slices & POLICY_SLICE_HANDSHAKE)
            put_blobs(b, id->chain, id->n_chain);
        if (slices & POLICY_SLICE_KEYRING)
            buf_put_u16(b, id->key_attachment);
    }
}

void policy_get_identities(struct policy_reader *r, struct policy *p)
{
    p->n_identities = buf_get_u16(&r->b);
    p->identities = reader_take(r, p->n_identities, sizeof *p->identities);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_identities; i++) {
        struct policy_identity *id = &p->identities[i];
        buf_get_str(&r->b, id->name, sizeof id->name);
        reader_blob(r, &id->spki);
        id->uses = reader_upto(r, POLICY_USE_SERVER | POLICY_USE_CLIENT | POLICY_USE_TLS12 |
                                      POLICY_USE_TLS13);
        if (r->slices & POLICY_SLICE_HANDSHAKE) {
            id->chain = get_blobs(r, &id->n_chain);
            if (id->n_chain == 0)
                r->b.bad = true;
        }
        if (r->slices & POLICY_SLICE_KEYRING) {
            id->key_attachment = buf_get_u16(&r->b);
            if (id->key_attachment >= p->n_attachments)
                r->b.bad = true;
        }
    }
}

static void put_profiles(struct buf *b, const struct policy *p)
{
    buf_put_u16(b, p->n_profiles);
    for (unsigned i = 0; i < p->n_profiles; i++) {
        const struct policy_profile *f = &p->profiles[i];
        buf_put_str(b, f->name);
        buf_put_u8(b, f->tls12);
        buf_put_u8(b, f->tls13);
        buf_put_str(b, f->suites12);
        buf_put_str(b, f->suites13);
        buf_put_str(b, f->groups);
        buf_put_str(b, f->sigalgs);
    }
}

static void get_profiles(struct policy_reader *r, struct policy *p)
{
    p->n_profiles = buf_get_u16(&r->b);
    p->profiles = reader_take(r, p->n_profiles, sizeof *p->profiles);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_profiles; i++) {
        struct policy_profile *f = &p->profiles[i];
        buf_get_str(&r->b, f->name, sizeof f->name);
        f->tls12 = reader_upto(r, 1);
        f->tls13 = reader_upto(r, 1);
        buf_get_str(&r->b, f->suites12, sizeof f->suites12);
        buf_get_str(&r->b, f->suites13, sizeof f->suites13);
        buf_get_str(&r->b, f->groups, sizeof f->groups);
        buf_get_str(&r->b, f->sigalgs, sizeof f->sigalgs);
        if (!f->tls12 && !f->tls13)
            r->b.bad = true;
    }
}

void policy_put_trust(struct buf *b, const struct policy *p)
{
    put_profiles(b, p);
    buf_put_u16(b, p->n_trusts);
    for (unsigned i = 0; i < p->n_trusts; i++) {
        const struct policy_trust *t = &p->trusts[i];
        buf_put_str(b, t->name);
        put_blobs(b, t->anchors, t->n_anchors);
        buf_put_u16(b, t->n_crls);
        for (unsigned k = 0; k < t->n_crls; k++)
            buf_put_u16(b, t->crls[k]);
        buf_put_u8(b, t->revocation);
        buf_put_u8(b, t->stale_cuts);
    }
}

void policy_get_trust(struct policy_reader *r, struct policy *p)
{
    get_profiles(r, p);
    p->n_trusts = buf_get_u16(&r->b);
    p->trusts = reader_take(r, p->n_trusts, sizeof *p->trusts);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_trusts; i++) {
        struct policy_trust *t = &p->trusts[i];
        buf_get_str(&r->b, t->name, sizeof t->name);
        t->anchors = get_blobs(r, &t->n_anchors);
        t->n_crls = buf_get_u16(&r->b);
        t->crls = reader_take(r, t->n_crls, sizeof *t->crls);
        for (unsigned k = 0; buf_ok(&r->b) && k < t->n_crls; k++) {
            t->crls[k] = buf_get_u16(&r->b);
            if (t->crls[k] >= p->n_attachments)
                r->b.bad = true;
        }
        t->revocation = reader_upto(r, 1);
        t->stale_cuts = reader_upto(r, 1);
    }
}
