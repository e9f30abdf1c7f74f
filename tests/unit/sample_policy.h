/*
 * sample_policy: a policy with something in every table: a link that terminates, one that
 * originates, a bridge; for the unit tests and the first corpus of the fuzzers.
 * Everything lies in one struct, so that a test can spoil any part of it.
 */
#ifndef PENSTOCK_TEST_SAMPLE_POLICY_H
#define PENSTOCK_TEST_SAMPLE_POLICY_H

#include "dataplane/wire/policy.h"
#include "tests/unit/samples.h"

#define SAMPLE_BLOB(text)                                                                          \
    {                                                                                              \
        (const uint8_t *)(text), sizeof(text) - 1                                                  \
    }

enum { SAMPLE_IN, SAMPLE_OUT, SAMPLE_BRIDGE, SAMPLE_LINKS };

struct sample_policy {
    struct policy p;
    struct policy_listener listeners[2];
    uint16_t tls_links[2], plain_links[1];
    struct policy_link links[SAMPLE_LINKS];
    const char *names[2], *alpn[2], *uris[2], *dns[1];
    struct policy_tls outer, inner, bridge_outer, bridge_inner;
    struct policy_cond conds[2];
    struct policy_rule rules[2];
    struct cidr sources[2];
    struct policy_target targets[2];
    struct policy_identity identities[2];
    struct policy_blob chain[2], anchors[1];
    struct policy_trust trusts[1];
    uint16_t crls[2];
    struct policy_profile profiles[1];
    struct policy_port ports[2];
};

static inline void sample_tables(struct sample_policy *s)
{
    s->chain[0] = (struct policy_blob)SAMPLE_BLOB("leaf");
    s->chain[1] = (struct policy_blob)SAMPLE_BLOB("intermediate");
    s->anchors[0] = (struct policy_blob)SAMPLE_BLOB("root");
    s->identities[0] = (struct policy_identity){.name = "gw",
                                                .spki = SAMPLE_BLOB("key"),
                                                .chain = s->chain,
                                                .n_chain = 2,
                                                .uses = POLICY_USE_SERVER | POLICY_USE_TLS13,
                                                .key_attachment = 1};
    s->identities[1] = s->identities[0];
    s->identities[1].key_attachment = 0;
    s->crls[1] = 1;
    s->trusts[0] = (struct policy_trust){.name = "partners",
                                         .anchors = s->anchors,
                                         .n_anchors = 1,
                                         .crls = s->crls,
                                         .n_crls = 2,
                                         .revocation = true};
    s->profiles[0] = (struct policy_profile){.name = "default",
                                             .tls13 = true,
                                             .suites13 = "TLS_AES_256_GCM_SHA384",
                                             .groups = "X25519",
                                             .sigalgs = "ed25519"};
}

static inline void sample_rules(struct sample_policy *s)
{
    s->uris[0] = "spiffe://partner.example/client";
    s->uris[1] = "spiffe://other.example/**";
    s->dns[0] = "*.example.com";
    s->conds[0] = (struct policy_cond){.match = MATCH_URI, .n_values = 2, .values = s->uris};
    s->conds[1] = (struct policy_cond){.match = MATCH_DNS, .n_values = 1, .values = s->dns};
    s->rules[0] = (struct policy_rule){.n_conds = 2, .conds = s->conds};
    s->rules[1] = (struct policy_rule){.any = true};
}

static inline void sample_sides(struct sample_policy *s)
{
    s->alpn[0] = "h2";
    s->alpn[1] = "http/1.1";
    s->outer = (struct policy_tls){.identities = {1, 0},
                                   .n_identities = 2,
                                   .n_alpn = 2,
                                   .alpn = s->alpn,
                                   .server_name = "",
                                   .n_rules = 2,
                                   .rules = s->rules};
    s->inner = (struct policy_tls){.server_name = "gw.test", .n_rules = 1, .rules = s->rules};
    s->bridge_outer = s->outer;
    s->bridge_inner = s->inner;
    s->bridge_inner.alpn_same = true;
}

static inline void sample_link(struct sample_policy *s, unsigned i, const char *name,
                               struct policy_tls *outer, struct policy_tls *inner)
{
    struct policy_link *l = &s->links[i];

    *l = (struct policy_link){.engine = ENGINE_SOFT,
                              .outer = outer,
                              .inner = inner,
                              .sources = s->sources,
                              .n_sources = 2,
                              .targets = s->targets,
                              .n_targets = 2,
                              .proxy = PROXY_V2,
                              .source = sample_addr("192.0.2.9:0"),
                              .health = {1000, 2000, 3, 1},
                              .limits = {10000, 500, 100, 0, 5000, 0, 0},
                              .keepalive_s = 60,
                              .user_timeout_s = 30,
                              .dial_ms = 3000};
    strncpy(l->name, name, sizeof l->name - 1);
}

static inline void sample_ports(struct sample_policy *s)
{
    s->ports[0] = (struct policy_port){.name = "outside",
                                       .device = "0000:03:00.0",
                                       .v4 = sample_addr("192.0.2.1:0"),
                                       .v6 = {sample_addr("[2001:db8::1]:0")},
                                       .v4_prefix = 24,
                                       .gateway4 = sample_addr("192.0.2.254:0"),
                                       .vlan = 7,
                                       .mtu = 1500};
    s->ports[1] = (struct policy_port){.name = "inside",
                                       .device = "net_af_packet0,iface=eth1",
                                       .v4 = sample_addr("10.9.0.1:0"),
                                       .v4_prefix = 16,
                                       .mtu = 9000};
}

static inline void sample_policy(struct sample_policy *s)
{
    memset(s, 0, sizeof *s);
    sample_ports(s);
    sample_tables(s);
    sample_rules(s);
    sample_sides(s);
    if (cidr_parse(&s->sources[0], "192.0.2.0/25") || cidr_parse(&s->sources[1], "2001:db8::/33"))
        abort();
    s->targets[0] = (struct policy_target){sample_addr("[2001:db8::1]:443"), "app.example:443"};
    s->targets[1] = (struct policy_target){sample_addr("unix:/run/app"), "unix:/run/app"};
    sample_link(s, SAMPLE_IN, "in", &s->outer, NULL);
    sample_link(s, SAMPLE_OUT, "out", NULL, &s->inner);
    sample_link(s, SAMPLE_BRIDGE, "bridge", &s->bridge_outer, &s->bridge_inner);
    s->names[0] = "gw.test";
    s->names[1] = "*.gw.test";
    s->links[SAMPLE_IN].server_names = s->names;
    s->links[SAMPLE_IN].n_server_names = 2;
    s->tls_links[0] = SAMPLE_IN;
    s->tls_links[1] = SAMPLE_BRIDGE;
    s->plain_links[0] = SAMPLE_OUT;
    s->listeners[0] = (struct policy_listener){
        .addr = sample_addr("0.0.0.0:8443"), .tls = true, .n_links = 2, .links = s->tls_links};
    s->listeners[1] = (struct policy_listener){
        .addr = sample_addr("127.0.0.1:7443"), .n_links = 1, .links = s->plain_links};
    s->p = (struct policy){.revision = 42,
                           .drain_ms = 10000,
                           .busy_poll_us = 50,
                           .n_listeners = 2,
                           .n_links = SAMPLE_LINKS,
                           .n_identities = 2,
                           .n_trusts = 1,
                           .n_profiles = 1,
                           .n_attachments = 2,
                           .listeners = s->listeners,
                           .links = s->links,
                           .identities = s->identities,
                           .trusts = s->trusts,
                           .profiles = s->profiles,
                           .dpdk = {.n_lcores = 2,
                                    .lcores = {1, 3},
                                    .memory_mb = 256,
                                    .hugepages = true,
                                    .n_crypto = 2,
                                    .crypto = {"crypto_aesni_gcm", "0000:3d:01.0"},
                                    .n_ports = 2,
                                    .ports = s->ports}};
}

#endif
