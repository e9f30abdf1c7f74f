/* The policy codec's identities, profiles and trusts. */
#include "dataplane/wire/codec.h"
#include "dataplane/wire/policy_codec.h"

#define IDENTITY_WIRE 9 /* bytes of the shortest identity, profile and trust */
#define PROFILE_WIRE  13
#define TRUST_WIRE    9
#define ALL_USES      (POLICY_USE_SERVER | POLICY_USE_CLIENT | POLICY_USE_TLS12 | POLICY_USE_TLS13)

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

static void get_identity(struct policy_reader *r, const struct policy *p,
                         struct policy_identity *id)
{
    reader_name(r, id->name);
    reader_blob(r, &id->spki);
    id->uses = codec_get_upto(&r->b, ALL_USES);
    if (r->slices & POLICY_SLICE_HANDSHAKE) {
        id->chain = reader_blobs(r, &id->n_chain);
        if (id->n_chain == 0)
            r->b.bad = true;
    }
    if (r->slices & POLICY_SLICE_KEYRING)
        id->key_attachment = reader_index(r, p->n_attachments);
}

void policy_get_identities(struct policy_reader *r, struct policy *p)
{
    p->n_identities = buf_get_u16(&r->b);
    p->identities = reader_take(r, p->n_identities, sizeof *p->identities, IDENTITY_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_identities; i++)
        get_identity(r, p, &p->identities[i]);
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
    p->profiles = reader_take(r, p->n_profiles, sizeof *p->profiles, PROFILE_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_profiles; i++) {
        struct policy_profile *f = &p->profiles[i];
        reader_name(r, f->name);
        f->tls12 = codec_get_bool(&r->b);
        f->tls13 = codec_get_bool(&r->b);
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

static void get_trust(struct policy_reader *r, const struct policy *p, struct policy_trust *t)
{
    reader_name(r, t->name);
    t->anchors = reader_blobs(r, &t->n_anchors);
    t->n_crls = buf_get_u16(&r->b);
    t->crls = reader_take(r, t->n_crls, sizeof *t->crls, sizeof *t->crls);
    for (unsigned i = 0; buf_ok(&r->b) && i < t->n_crls; i++)
        t->crls[i] = reader_index(r, p->n_attachments);
    t->revocation = codec_get_bool(&r->b);
    t->stale_cuts = codec_get_bool(&r->b);
}

void policy_get_trust(struct policy_reader *r, struct policy *p)
{
    get_profiles(r, p);
    p->n_trusts = buf_get_u16(&r->b);
    p->trusts = reader_take(r, p->n_trusts, sizeof *p->trusts, TRUST_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < p->n_trusts; i++)
        get_trust(r, p, &p->trusts[i]);
}
