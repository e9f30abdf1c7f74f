/*
 * policy: one revision of the configuration, compiled: immutable, bounded, without file names.
 *
 * Why: mgmt validates text once and compiles it; every other process takes the result as a sealed
 * image and can not disagree about its meaning. Each process gets only its slice. Owner:
 * policy_decode() makes one allocation that policy_free() frees; everything inside points into it.
 * Certificates and CRLs are attachments (sealed memfds) that the owner maps and keeps. Never: holds
 * a private key, a path, or anything that still has to be looked up.
 */
#ifndef PENSTOCK_WIRE_POLICY_H
#define PENSTOCK_WIRE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"

#define POLICY_NAME_MAX  64 /* of links, identities, trusts, profiles: [A-Za-z0-9._-]+ */
#define POLICY_LINKS_MAX 4096
#define POLICY_IMAGE_MAX (64u * 1024 * 1024)
#define POLICY_NONE      0xffff

enum policy_slice {                             /* a mask: which tables an image carries */
                    POLICY_SLICE_DATAPLANE = 1, /* listeners, links (transport side) */
                    POLICY_SLICE_HANDSHAKE = 2, /* listeners' link lists, links' tls sides,
                                                   profiles, trusts, identities */
                    POLICY_SLICE_KEYRING = 4,   /* identities: public key and uses */
};

enum policy_engine { ENGINE_AUTO, ENGINE_KTLS, ENGINE_SOFT, ENGINE_DPDK };
enum policy_proxy { PROXY_NONE, PROXY_V1, PROXY_V2, PROXY_V2_TLS };

struct policy_profile {
    char name[POLICY_NAME_MAX];
    bool tls12, tls13;
    char suites12[512]; /* OpenSSL cipher list for 1.2 ("" when tls12 is off) */
    char suites13[256]; /* OpenSSL ciphersuites string */
    char groups[256];   /* OpenSSL groups list; names this OpenSSL lacks were refused or, in the
                           built-in default profile, left out */
    char sigalgs[512];  /* OpenSSL sigalgs list */
};

struct policy_blob {
    const uint8_t *data;
    uint32_t n;
};

enum { POLICY_USE_SERVER = 1, POLICY_USE_CLIENT = 2, POLICY_USE_TLS12 = 4, POLICY_USE_TLS13 = 8 };

struct policy_identity {
    char name[POLICY_NAME_MAX];
    struct policy_blob spki;   /* DER SubjectPublicKeyInfo of the leaf (handshake and keyring) */
    struct policy_blob *chain; /* DER certificates, leaf first (handshake) */
    uint16_t n_chain;
    uint8_t uses;            /* POLICY_USE_*: what links do with it */
    uint16_t key_attachment; /* keyring: index of the ATTACH that carries the key file */
};

struct policy_trust {
    char name[POLICY_NAME_MAX];
    struct policy_blob *anchors; /* DER */
    uint16_t n_anchors;
    uint16_t *crls; /* attachment indices of CRL tables (wire/crl.h) */
    uint16_t n_crls;
    bool revocation; /* true: "crl"; false: "none" */
    bool stale_cuts; /* crl_stale: "cut" */
};

enum policy_match { /* one condition of a peer rule */
                    MATCH_URI,
                    MATCH_DNS,
                    MATCH_EMAIL,
                    MATCH_IP,
                    MATCH_ORGANIZATION,
                    MATCH_ORGANIZATIONAL_UNIT,
                    MATCH_ISSUER_SHA256,
                    MATCH_SPKI_SHA256,
                    MATCH_CERT_SHA256,
                    MATCH_SERIAL,
                    MATCH_COUNT
};

struct policy_cond {
    uint8_t match;       /* enum policy_match */
    uint16_t n_values;   /* any of them */
    const char **values; /* as configured: patterns, CIDR text, lower-case hex */
};

struct policy_rule {
    bool any;         /* {"any": true}; then n_conds is 0 */
    uint16_t n_conds; /* all of them */
    struct policy_cond *conds;
};

struct policy_tls { /* the tls block of one side */
    uint16_t identities[4];
    uint16_t n_identities; /* 0 only on a forward side without a client certificate */
    uint16_t trust, profile;
    bool alpn_same;          /* bridge, forward side: offer what the outer leg chose */
    uint16_t n_alpn;         /* 0: none */
    const char **alpn;       /* in order of preference */
    const char *server_name; /* forward side: SNI and SAN to match; "" on listen sides */
    uint16_t n_rules;        /* 0 denies all */
    struct policy_rule *rules;
};

struct policy_limits {
    uint32_t sessions;                       /* live sessions of the link; default 10000 */
    uint32_t handshakes_per_second;          /* default 500 */
    uint32_t handshakes_per_source;          /* per second and /24 or /64; default 100 */
    uint32_t sessions_per_peer;              /* 0: none */
    uint32_t handshake_ms, idle_ms, life_ms; /* 5000, 0, 0 */
};

struct policy_target {
    struct addr addr;
    const char *text; /* as configured, for the log: "backend.example:443" */
};

struct policy_health {
    uint32_t interval_ms; /* periodic TCP checks; 0: none (passive ejection stays) */
    uint32_t timeout_ms;  /* default 2000 */
    uint16_t fall, rise;  /* failures to eject (3), successes to return (1) */
};

struct policy_link {
    char name[POLICY_NAME_MAX];
    uint8_t engine;                   /* enum policy_engine */
    uint16_t n_server_names;          /* 0: any name */
    const char **server_names;        /* lower case, exact or "*.example.com" */
    struct policy_tls *outer, *inner; /* NULL: plain. In a DATAPLANE image only presence, alpn_same,
                                         n_alpn and n_rules are carried */
    bool accept_proxy; /* a PROXY v1/v2 header comes before anything else on the outer leg */
    bool management;   /* the built-in link: its one target, without an address, is penstock-mgmt */
    bool internal;     /* nobody can reach it but penstock-mgmt, by CALL: it has no listener */
    uint16_t n_sources;
    struct cidr *sources; /* empty: all */
    uint16_t n_targets;
    struct policy_target *targets;
    uint8_t proxy;      /* enum policy_proxy: header towards the target */
    struct addr source; /* outbound address, len 0: the kernel's choice */
    struct policy_health health;
    struct policy_limits limits;
    uint32_t keepalive_s, user_timeout_s; /* 0: off; defaults 60 and 30 */
    uint32_t dial_ms;                     /* per attempt, 3000 */
};

struct policy_listener {
    struct addr addr;
    bool tls;
    bool accept_proxy;
    bool dpdk;     /* on a port of the DPDK engine: no socket listens */
    bool floating; /* of a pair of gateways: this one may not have the address now */
    uint16_t n_links;
    uint16_t *links; /* one when plain */
};

#define POLICY_BUSY_POLL_US_MAX 1000
#define POLICY_PORTS_MAX        8
#define POLICY_DEVICE_MAX       256
#define POLICY_MTU_MIN          576
#define POLICY_MTU_MAX          9000
#define POLICY_LCORES_MAX       8
#define POLICY_CRYPTO_MAX       8
#define POLICY_MEMORY_MIN       64 /* MiB */
#define POLICY_MEMORY_MAX       65536

struct policy_port { /* one port of the DPDK engine */
    char name[POLICY_NAME_MAX];
    char device[POLICY_DEVICE_MAX]; /* PCI address, or a virtual device and its arguments */
    struct addr v4;                 /* ours, port 0; len 0: none. */
    struct addr v6[2];              /* the same; len 0 from the first unused one on */
    uint8_t v4_prefix;              /* bits; IPv6 networks have 64 */
    struct addr gateway4, gateway6; /* len 0: none */
    uint16_t vlan;                  /* 0: untagged */
    uint16_t mtu;
};

struct policy_dpdk { /* n_ports 0: the engine is not in use */
    uint16_t n_lcores;
    uint16_t lcores[POLICY_LCORES_MAX]; /* processors that poll, a worker each */
    uint32_t memory_mb;
    bool hugepages;
    uint16_t n_crypto;
    char crypto[POLICY_CRYPTO_MAX][POLICY_DEVICE_MAX]; /* devices that compute, as a port's */
    uint16_t n_ports;
    struct policy_port *ports;
};

struct policy {
    uint64_t revision;
    uint8_t slices;
    uint32_t drain_ms;
    uint32_t busy_poll_us; /* a worker looks for events so long before it sleeps; 0: not at all */
    uint16_t n_listeners, n_links, n_identities, n_trusts, n_profiles;
    uint16_t n_attachments; /* CRL tables (handshake) or key files (keyring) that come along */
    struct policy_listener *listeners;
    struct policy_link *links;
    struct policy_identity *identities;
    struct policy_trust *trusts;
    struct policy_profile *profiles;
    struct policy_dpdk dpdk; /* data plane's slice */
    void *arena;             /* private to the codec */
};

/*
 * Write the slices of `p` asked for as an image. The buffer goes bad if it is too small.
 * All indices in the image are those of *p: tables are not renumbered between slices.
 */
void policy_encode(struct buf *b, const struct policy *p, uint8_t slices);
/*
 * Read an image. 0 with *out to be freed by policy_free(), -EPROTO (malformed: any index out of
 * range, unknown enum value, left-over byte), -ENOMEM.
 */
int policy_decode(const void *image, size_t n, struct policy **out);
void policy_free(struct policy *p); /* NULL is harmless */

#endif
