/*
 * world: a revision as the launcher would send it, a keyring that signs, and peers made of OpenSSL.
 *
 * Why: a leg is tested whole: its own context, its own verdict, real signatures, against a library
 * that did not come from us. Owner: world_start() once; everything lives until the program ends,
 * but for revisions, talks and contexts.
 */
#ifndef PENSTOCK_TEST_WORLD_H
#define PENSTOCK_TEST_WORLD_H

#include "handshake/process.h"
#include "tests/unit/pki.h"

enum world_link {
    WORLD_IN,   /* listener 0: any name */
    WORLD_A,    /* listener 1: gw.test */
    WORLD_WILD, /* listener 1: *.wild.test */
    WORLD_OUT,  /* forward to gw.test */
    WORLD_LINKS
};

enum world_identity { WORLD_EC, WORLD_RSA, WORLD_ED25519, WORLD_ML_DSA, WORLD_IDENTITIES };

/* Zero is: TLS 1.3, every suite, the usual groups, both EC and RSA identities, any peer. */
struct world_spec {
    uint64_t revision; /* 0: 1, the one that the keyring has */
    bool tls12, tls13; /* neither: 1.3 */
    const char *suites12, *suites13, *groups, *sigalgs;
    const char *alpn[4];
    bool alpn_same, no_rules, revocation;
    const char *server_name;  /* of the forward side; NULL: gw.test */
    uint16_t only;            /* one identity: its number plus one; 0: EC and RSA */
    uint16_t lie_attachments; /* CRL tables that the image wants and nobody sends */
};

struct world {
    struct process process;
    struct pki_cert root, inter, other_root;
    struct pki_cert gateway[WORLD_IDENTITIES]; /* good for both roles */
    struct pki_cert client, server;            /* peers of P-256 */
    struct pki_cert client_rsa, server_rsa;
    int launcher; /* the other end of the control channel */
    int keys;     /* the keyring's channel, ours */
};

struct world *world_start(void);
int64_t world_now(void);
bool world_has_ml_dsa(void); /* has this OpenSSL? */
/* A leaf of world->inter that is valid now. */
struct pki_cert world_leaf(const struct pki_cert *issuer, enum pki_key key, const char *purpose,
                           const char *sans);
/* The handshake image of a policy. A sealed descriptor. */
int world_image(const struct world_spec *s);
struct revision *world_revision(const struct world_spec *s);

/* What the peer of a leg is like. Zero is: our leg is a server's, the peer TLS 1.3 with a good
 * certificate and the server name gw.test. */
struct peer_spec {
    enum leg_side side; /* our leg's; LEG_INNER: the peer is a server */
    int version;        /* 0: 1.3 and 1.2 */
    const char *suites12, *suites13, *groups, *sigalgs;
    const char *alpn;           /* as on the wire: "\x02h2" */
    const char *sni;            /* NULL: gw.test, "": none */
    const struct pki_cert *own; /* NULL: world's client or server */
    bool no_certificate, no_ems, no_alpn_choice;
    size_t tickets; /* of a server */
    bool asks_none; /* a server that wants no client certificate */
};

SSL_CTX *peer_context(const struct peer_spec *s);

/* One handshake between a leg and a peer. */
struct talk {
    struct conn *conn;
    SSL *peer;
    enum conn_result result;
    struct conn_failure failure;
    struct handoff_keyed keyed;
    bool stuck;      /* neither end had anything to say */
    int alert;       /* what the peer was told; -1: nothing */
    unsigned flight; /* of the peer, from 0 */
    size_t chosen;   /* the link at LINK, plus one; 0: no LINK came */
    unsigned links;  /* how many LINK answers */
    /* Change what the peer sent (n bytes, room for WORLD_WIRE); returns the new n. May be NULL. */
    size_t (*mangle)(struct talk *t, uint8_t *wire, size_t n);
    /* Before the peer's next flight is made. May be NULL. */
    void (*before)(struct talk *t);
    void *arg;
    size_t behind; /* bytes of the last feed that the handshake left alone */
    uint8_t wire[256 * 1024], chain[CHAIN_DER_MAX];
    size_t n_wire;
};

#define WORLD_WIRE (256 * 1024)

/* Begin on a link, or HANDOFF_LINK_ANY with a listener. Ends with talk_free(). */
struct talk *talk_new(struct revision *r, const struct peer_spec *peer, uint16_t link,
                      uint16_t listener);
/* To the end: CONN_KEYED or CONN_FAILED, or stuck. */
void talk_run(struct talk *t);
void talk_free(struct talk *t);
/* Both at once for the common case: link WORLD_IN or WORLD_OUT by the peer's spec. */
struct talk *talk(const struct world_spec *w, const struct peer_spec *p);
/* Did it end in a refusal with this reason and this alert at the peer (-1: none)? Frees it. */
bool talk_refused(struct talk *t, enum reason reason, int alert);
/* Did both ends finish? Says why not; does not free. */
bool talk_keyed(const struct talk *t);

/* Cut a run of records (one handshake message each, or not) into records of `size` bytes. */
size_t cut_records(const uint8_t *in, size_t n, size_t size, uint8_t *out, size_t cap);

#endif
