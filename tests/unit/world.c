/* The gateway's half of the world: certificates, policy, revision, keyring. */
#include "tests/unit/world.h"

#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/chan.h"
#include "tests/unit/keyring_thread.h"
#include "tests/unit/samples.h"

static struct world *world;

int64_t world_now(void)
{
    return (int64_t)time(NULL);
}

static struct pki_cert ca(const struct pki_cert *issuer, const char *cn)
{
    return pki_issue(issuer, &(struct pki_spec){.cn = cn,
                                                .ca = true,
                                                .from = world_now() - PKI_DAY,
                                                .to = world_now() + 100 * PKI_DAY});
}

struct pki_cert world_leaf(const struct pki_cert *issuer, enum pki_key key, const char *purpose,
                           const char *sans)
{
    return pki_issue(issuer, &(struct pki_spec){.cn = "leaf",
                                                .key = key,
                                                .purpose = purpose,
                                                .sans = sans,
                                                .from = world_now() - PKI_DAY,
                                                .to = world_now() + 90 * PKI_DAY});
}

/* Everything that policy_encode() reads; one at a time. */
struct tables {
    struct policy p;
    struct policy_listener listeners[2];
    uint16_t first[1], second[2];
    struct policy_link links[WORLD_LINKS];
    struct policy_tls outer, inner;
    struct policy_rule any;
    struct policy_identity identities[WORLD_IDENTITIES];
    struct policy_blob chains[WORLD_IDENTITIES][3], anchors[1];
    struct policy_trust trusts[1];
    struct policy_profile profiles[1];
    const char *name[1], *wild[1], *alpn[4];
};

static struct policy_blob der_of(X509 *x)
{
    unsigned char *der = NULL;
    int n = i2d_X509(x, &der);

    check(n > 0);
    return (struct policy_blob){pki_keep(der), (uint32_t)n};
}

static struct policy_blob spki_of(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);

    check(n > 0);
    return (struct policy_blob){pki_keep(der), (uint32_t)n};
}

bool world_has_ml_dsa(void)
{
    /* by name alone our own provider would answer, which signs nothing by itself */
    EVP_KEYMGMT *m = EVP_KEYMGMT_fetch(NULL, "ML-DSA-65", "provider=default");

    EVP_KEYMGMT_free(m);
    ERR_clear_error();
    return m != NULL;
}

static unsigned identities(void)
{
    return world_has_ml_dsa() ? WORLD_IDENTITIES : WORLD_ML_DSA;
}

static void set_identities(struct tables *t, struct policy_tls *side, const struct world_spec *s)
{
    static const char *const names[] = {"ec", "rsa", "ed25519", "ml-dsa"};

    t->p.n_identities = (uint16_t)identities();
    for (unsigned i = 0; i < t->p.n_identities; i++) {
        struct policy_identity *id = &t->identities[i];

        t->chains[i][0] = der_of(world->gateway[i].x);
        t->chains[i][1] = der_of(world->inter.x);
        t->chains[i][2] = der_of(world->root.x); /* must not be sent */
        *id = (struct policy_identity){.spki = spki_of(world->gateway[i].key),
                                       .chain = t->chains[i],
                                       .n_chain = 3,
                                       .uses = POLICY_USE_SERVER | POLICY_USE_CLIENT |
                                               POLICY_USE_TLS12 | POLICY_USE_TLS13,
                                       .key_attachment = (uint16_t)i};
        snprintf(id->name, sizeof id->name, "%s", names[i]);
    }
    side->identities[1] = WORLD_RSA;
    side->n_identities = 2;
    if (s->only) {
        side->identities[0] = (uint16_t)(s->only - 1);
        side->n_identities = 1;
    }
}

static void set_profile(struct tables *t, const struct world_spec *s)
{
    struct policy_profile *p = &t->profiles[0];

    *p = (struct policy_profile){.name = "strict", .tls12 = s->tls12, .tls13 = s->tls13};
    if (!p->tls12 && !p->tls13)
        p->tls13 = true;
    if (p->tls12)
        snprintf(p->suites12, sizeof p->suites12, "%s",
                 s->suites12 ? s->suites12 : "ECDHE+AESGCM:ECDHE+CHACHA20");
    snprintf(p->suites13, sizeof p->suites13, "%s",
             s->suites13 ? s->suites13
                         : "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:"
                           "TLS_CHACHA20_POLY1305_SHA256");
    snprintf(p->groups, sizeof p->groups, "%s", s->groups ? s->groups : "X25519:P-256:P-384");
    snprintf(p->sigalgs, sizeof p->sigalgs, "%s", s->sigalgs ? s->sigalgs : "");
    t->p.profiles = t->profiles;
    t->p.n_profiles = 1;
}

static void set_links(struct tables *t, const struct world_spec *s)
{
    static const char *const names[] = {"in", "a", "wild", "out"};

    for (unsigned i = 0; i < WORLD_LINKS; i++) {
        snprintf(t->links[i].name, sizeof t->links[i].name, "%s", names[i]);
        t->links[i].outer = i == WORLD_OUT && !s->alpn_same ? NULL : &t->outer;
        t->links[i].inner = i == WORLD_OUT ? &t->inner : NULL;
    }
    t->name[0] = "gw.test";
    t->wild[0] = "*.wild.test";
    t->links[WORLD_A].n_server_names = t->links[WORLD_WILD].n_server_names = 1;
    t->links[WORLD_A].server_names = t->name;
    t->links[WORLD_WILD].server_names = t->wild;
    t->any.any = true;
    t->outer.server_name = "";
    t->inner.server_name = s->server_name ? s->server_name : "gw.test";
    t->inner.alpn_same = s->alpn_same;
    for (int i = 0; i < 2; i++) {
        struct policy_tls *side = i ? &t->inner : &t->outer;

        set_identities(t, side, s);
        side->rules = &t->any;
        side->n_rules = !s->no_rules;
        side->alpn = t->alpn;
        for (side->n_alpn = 0; side->n_alpn < 4 && s->alpn[side->n_alpn]; side->n_alpn++)
            t->alpn[side->n_alpn] = s->alpn[side->n_alpn];
    }
    if (s->alpn_same)
        t->inner.n_alpn = 0;
}

static void tables_fill(struct tables *t, const struct world_spec *s)
{
    memset(t, 0, sizeof *t);
    t->p = (struct policy){.revision = s->revision ? s->revision : 1,
                           .slices = POLICY_SLICE_HANDSHAKE | POLICY_SLICE_KEYRING,
                           .n_attachments = s->lie_attachments,
                           .listeners = t->listeners,
                           .n_listeners = 2,
                           .links = t->links,
                           .n_links = WORLD_LINKS,
                           .identities = t->identities,
                           .trusts = t->trusts,
                           .n_trusts = 1};
    t->first[0] = WORLD_IN;
    t->second[0] = WORLD_A;
    t->second[1] = WORLD_WILD;
    t->listeners[0] = (struct policy_listener){
        .addr = sample_addr("192.0.2.1:443"), .tls = true, .n_links = 1, .links = t->first};
    t->listeners[1] = (struct policy_listener){
        .addr = sample_addr("192.0.2.2:443"), .tls = true, .n_links = 2, .links = t->second};
    t->anchors[0] = der_of(world->root.x);
    t->trusts[0] = (struct policy_trust){
        .name = "partners", .anchors = t->anchors, .n_anchors = 1, .revocation = s->revocation};
    set_links(t, s);
    set_profile(t, s);
}

int world_image(const struct world_spec *s)
{
    static uint8_t image[256 * 1024];
    struct tables t;
    struct buf b;

    tables_fill(&t, s);
    buf_init(&b, image, sizeof image);
    policy_encode(&b, &t.p, POLICY_SLICE_HANDSHAKE);
    check(buf_ok(&b));
    return memfd_seal("image", image, b.len);
}

struct revision *world_revision(const struct world_spec *s)
{
    uint64_t number = s->revision ? s->revision : 1;
    struct control_attach a = {.revision = number, .kind = ATTACH_IMAGE_HANDSHAKE};
    struct revision_parts parts;
    struct revision *r = NULL;
    struct err e = {0};

    revision_parts_init(&parts);
    check(revision_attach(&parts, &a, world_image(s)) == 0);
    if (revision_build(&parts, number, &r, &e)) {
        printf("    %s: %s (%s)\n", e.where, e.what, e.fix);
        exit(2);
    }
    return r;
}

static void make_certificates(void)
{
    static const enum pki_key kinds[] = {KEY_P256, KEY_RSA2048, KEY_ED25519, KEY_ML_DSA_65};

    world->root = ca(NULL, "root");
    world->other_root = ca(NULL, "other root");
    world->inter = ca(&world->root, "intermediate");
    for (unsigned i = 0; i < identities(); i++)
        world->gateway[i] = world_leaf(&world->inter, kinds[i], "serverAuth,clientAuth",
                                       "dns:gw.test");
    world->client = world_leaf(&world->inter, KEY_P256, "clientAuth", "uri:spiffe://p.test/c");
    world->server = world_leaf(&world->inter, KEY_P256, "serverAuth", "dns:gw.test ip:192.0.2.7");
    world->client_rsa = world_leaf(&world->inter, KEY_RSA2048, "clientAuth", "dns:c.test");
    world->server_rsa = world_leaf(&world->inter, KEY_RSA2048, "serverAuth", "dns:gw.test");
}

struct world *world_start(void)
{
    EVP_PKEY *keys[WORLD_IDENTITIES];
    struct tables t;
    int pair[2];

    if (world)
        return world;
    world = calloc(1, sizeof *world);
    check(world && chan_pair(pair) == 0);
    world->launcher = pair[1];
    check(process_init(&world->process, false, pair[0]) == 0);
    make_certificates();
    tables_fill(&t, &(struct world_spec){0});
    for (unsigned i = 0; i < t.p.n_identities; i++)
        keys[i] = world->gateway[i].key;
    world->keys = keyring_thread(&t.p, keys);
    sign_attach(&world->process.signer, world->keys);
    return world;
}
