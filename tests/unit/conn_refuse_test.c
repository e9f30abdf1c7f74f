/* Is everything refused that must be, with its reason here and its alert at the peer? */
#include <openssl/core_names.h>
#include <openssl/param_build.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "tests/unit/test.h"
#include "tests/unit/world.h"

static bool refused(const struct world_spec *w, const struct peer_spec *p, enum reason reason,
                    int alert)
{
    return talk_refused(talk(w, p), reason, alert);
}

static const struct world_spec only13 = {.tls13 = true}, only12 = {.tls12 = true},
                               both = {.tls12 = true, .tls13 = true};

TEST("a client without a certificate is refused in TLS 1.3 and 1.2")
{
    EXPECT(
        refused(&only13, &(struct peer_spec){.no_certificate = true}, REASON_NO_CERTIFICATE, 116));
    EXPECT(
        refused(&only12, &(struct peer_spec){.no_certificate = true}, REASON_NO_CERTIFICATE, 40));
    EXPECT(refused(&both, &(struct peer_spec){.no_certificate = true, .version = TLS1_2_VERSION},
                   REASON_NO_CERTIFICATE, 40));
}

TEST("a peer of another CA, of the wrong purpose, or by no rule is refused in both roles")
{
    struct world *w = world_start();

    for (int side = LEG_OUTER; side <= LEG_INNER; side++) {
        const char *good = side ? "serverAuth" : "clientAuth",
                   *bad = side ? "clientAuth" : "serverAuth";
        struct pki_cert stranger = world_leaf(&w->other_root, KEY_P256, good, "dns:gw.test"),
                        wrong = world_leaf(&w->inter, KEY_P256, bad, "dns:gw.test");
        struct peer_spec p = {.side = (enum leg_side)side, .own = &stranger};

        for (int v = 0; v <= 1; v++) {
            struct world_spec s = {.tls12 = !v, .tls13 = v};

            p.own = &stranger;
            EXPECT(refused(&s, &p, REASON_UNKNOWN_CA, 48));
            p.own = &wrong;
            EXPECT(refused(&s, &p, REASON_EKU, 43));
            p.own = NULL;
            s.no_rules = true;
            EXPECT(refused(&s, &p, REASON_NO_RULE, 46));
        }
    }
}

TEST("a certificate without its revocation list is refused where lists are wanted")
{
    EXPECT(refused(&(struct world_spec){.revocation = true}, &(struct peer_spec){0},
                   REASON_CRL_MISSING, 46));
}

TEST("a server of another name is refused, be it a name or an address")
{
    EXPECT(refused(&(struct world_spec){.server_name = "other.test"},
                   &(struct peer_spec){.side = LEG_INNER}, REASON_NAME_MISMATCH, 42));
    EXPECT(refused(&(struct world_spec){.server_name = "192.0.2.8"},
                   &(struct peer_spec){.side = LEG_INNER}, REASON_NAME_MISMATCH, 42));
}

/* The private half of another key behind a certificate's public one: its signatures are wrong. */
static struct pki_cert impostor(const struct pki_cert *good)
{
    EVP_PKEY *other = pki_new_key(KEY_P256);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", "provider=default");
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    struct pki_cert out = {.x = good->x};
    uint8_t public[256];
    OSSL_PARAM *params;
    BIGNUM *d = NULL;
    size_t n = 0;

    check(EVP_PKEY_get_bn_param(other, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1);
    check(EVP_PKEY_get_octet_string_param(good->key, OSSL_PKEY_PARAM_PUB_KEY, public, sizeof public,
                                          &n) == 1);
    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0);
    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, public, n);
    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d);
    params = OSSL_PARAM_BLD_to_param(b);
    check(EVP_PKEY_fromdata_init(ctx) == 1 &&
          EVP_PKEY_fromdata(ctx, &out.key, EVP_PKEY_KEYPAIR, params) == 1);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(ctx);
    BN_free(d);
    pki_keep(out.key);
    return out;
}

TEST("a peer that does not hold its certificate's key is refused in both roles and versions")
{
    struct world *w = world_start();

    for (int side = LEG_OUTER; side <= LEG_INNER; side++)
        for (int v = 0; v <= 1; v++) {
            struct pki_cert own = impostor(side ? &w->server : &w->client);
            struct world_spec s = {.tls12 = !v, .tls13 = v};

            EXPECT(refused(&s, &(struct peer_spec){.side = (enum leg_side)side, .own = &own},
                           REASON_CERTIFICATE_VERIFY, 51));
        }
}

TEST("a version that the profile lacks is refused as a version, with or without EMS")
{
    EXPECT(
        refused(&only13, &(struct peer_spec){.version = TLS1_2_VERSION}, REASON_TLS_VERSION, 70));
    EXPECT(refused(&only13, &(struct peer_spec){.version = TLS1_2_VERSION, .no_ems = true},
                   REASON_TLS_VERSION, 70));
    EXPECT(
        refused(&only12, &(struct peer_spec){.version = TLS1_3_VERSION}, REASON_TLS_VERSION, 70));
}

TEST("TLS 1.2 without extended master secret is refused in both roles, with an alert")
{
    for (int side = LEG_OUTER; side <= LEG_INNER; side++) {
        struct peer_spec p = {
            .side = (enum leg_side)side, .version = TLS1_2_VERSION, .no_ems = true};

        EXPECT(refused(&only12, &p, REASON_EMS, 40));
        EXPECT(refused(&both, &p, REASON_EMS, 40));
    }
}

TEST("no suite, group or signature algorithm in common is told as that")
{
    struct world_spec aes = {.suites13 = "TLS_AES_256_GCM_SHA384", .groups = "X25519"};

    EXPECT(refused(&aes, &(struct peer_spec){.suites13 = "TLS_AES_128_GCM_SHA256"},
                   REASON_TLS_SUITE, 40));
    EXPECT(refused(&aes, &(struct peer_spec){.groups = "P-384"}, REASON_TLS_SUITE, 40));
    EXPECT(refused(
        &(struct world_spec){.only = WORLD_EC + 1},
        &(struct peer_spec){.own = &world_start()->client_rsa, .sigalgs = "rsa_pss_rsae_sha256"},
        REASON_TLS_SUITE, 40));
}

TEST("of the protocols offered the one that we prefer is chosen")
{
    struct talk *t = talk(&(struct world_spec){.alpn = {"h2", "http/1.1"}},
                          &(struct peer_spec){.alpn = "\x08http/1.1\x02h2"});

    EXPECT(talk_keyed(t) && !strcmp(t->keyed.negotiated.alpn, "h2"));
    talk_free(t);
}

TEST("protocols without overlap are refused, and none offered is none chosen")
{
    struct world_spec w = {.alpn = {"h2"}};
    struct talk *t;

    EXPECT(refused(&w, &(struct peer_spec){.alpn = "\x08http/1.1"}, REASON_ALPN, 120));
    EXPECT(refused(&w, &(struct peer_spec){.alpn = "\x02h3"}, REASON_ALPN, 120));
    t = talk(&w, &(struct peer_spec){0});
    EXPECT(talk_keyed(t) && !t->keyed.negotiated.alpn[0]);
    talk_free(t);
    t = talk(&(struct world_spec){0}, &(struct peer_spec){.alpn = "\x02h2"});
    EXPECT(talk_keyed(t) && !t->keyed.negotiated.alpn[0]);
    talk_free(t);
}

TEST("a bridge offers what its outer leg chose; a forward side offers its list")
{
    struct talk *t = talk(&(struct world_spec){.alpn_same = true},
                          &(struct peer_spec){.side = LEG_INNER, .alpn = "\x02h2"});

    EXPECT(talk_keyed(t) && !strcmp(t->keyed.negotiated.alpn, "h2"));
    talk_free(t);
    t = talk(&(struct world_spec){.alpn = {"x/1", "h2"}},
             &(struct peer_spec){.side = LEG_INNER, .alpn = "\x02h2"});
    EXPECT(talk_keyed(t) && !strcmp(t->keyed.negotiated.alpn, "x/1")); /* the first offered */
    talk_free(t);
}

TEST("a server that refuses us is told as that, with its alert")
{
    struct revision *r = (world_start(), world_revision(&(struct world_spec){0}));
    struct talk *t = talk_new(r,
                              &(struct peer_spec){.side = LEG_INNER,
                                                  .suites13 = "TLS_AES_128_GCM_SHA256",
                                                  .groups = "P-521"},
                              WORLD_OUT, 0);

    revision_put(r);
    talk_run(t);
    EXPECT(t->result == CONN_FAILED && t->failure.reason == REASON_REFUSED_BY_SERVER);
    EXPECT(strstr(t->failure.text, "40") != NULL);
    talk_free(t);
}

/* ---- bytes that no TLS library sends ---- */

struct raw {
    struct conn *conn;
    struct conn_failure f;
    enum conn_result result;
};

static struct raw raw_new(uint16_t link, uint16_t listener)
{
    static uint64_t session = 1000000;
    struct handoff_open open = {.id = {.session = ++session, .leg = LEG_OUTER},
                                .revision = 1,
                                .listener = listener,
                                .link = link};
    struct world *w = world_start();
    struct revision *r = world_revision(&both);
    struct raw raw = {.conn = conn_new(&open, r, w->process.bootstrap)};

    check(raw.conn);
    revision_put(r);
    return raw;
}

static bool raw_fails(struct raw *raw, enum reason reason)
{
    bool good = raw->result == CONN_FAILED && raw->f.reason == reason && raw->f.text[0];

    if (!good)
        printf("    result %d, %s (%s)\n", raw->result, reason_name(raw->f.reason), raw->f.text);
    conn_free(raw->conn);
    return good;
}

static void raw_feed(struct raw *raw, const uint8_t *p, size_t n)
{
    raw->f = (struct conn_failure){0};
    raw->result = conn_step(raw->conn, p, n, &raw->f);
}

TEST("garbage in records is refused on both ways to a link")
{
    static const uint8_t odd[][16] = {
        {22, 3, 1, 0, 4, 1, 0, 0, 0},          /* an empty ClientHello */
        {22, 3, 1, 0, 5, 2, 0, 0, 1, 0},       /* a ServerHello */
        {23, 3, 3, 0, 4, 'G', 'E', 'T', ' '},  /* data before any handshake */
        {21, 3, 3, 0, 2, 2, 40},               /* an alert */
        {20, 3, 3, 0, 1, 1, 0},                /* a lone ChangeCipherSpec */
        {22, 3, 3, 0, 6, 1, 0, 0, 2, 0xff, 0}, /* a hello cut short */
        {24, 3, 3, 0, 3, 1, 0, 0},             /* a heartbeat */
        {22, 9, 9, 0, 5, 1, 0, 0, 1, 0},       /* no version that ever was */
    };

    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
        for (int any = 0; any <= 1; any++) {
            struct raw raw = raw_new(any ? HANDOFF_LINK_ANY : WORLD_IN, (uint16_t)any);

            raw_feed(&raw, odd[i], RECORD_HEADER + odd[i][4]);
            if (raw.result == CONN_MORE) { /* a lone ChangeCipherSpec may be passed over */
                raw_feed(&raw, odd[2], RECORD_HEADER + odd[2][4]);
            }
            EXPECT(raw.result == CONN_FAILED);
            EXPECT(raw.f.reason == REASON_TLS_PROTOCOL || raw.f.reason == REASON_PEER_ALERT ||
                   raw.f.reason == REASON_TLS_VERSION);
            conn_free(raw.conn);
        }
}

TEST("records that are not whole are the data plane's fault, and end the leg")
{
    static const uint8_t cut[] = {22, 3, 1, 0, 9, 1, 0, 0, 5}, tail[] = {22, 3, 1, 0, 1, 1, 22, 3};
    struct raw raw = raw_new(WORLD_IN, 0);

    raw_feed(&raw, cut, sizeof cut);
    EXPECT(raw_fails(&raw, REASON_INTERNAL));
    raw = raw_new(WORLD_IN, 0);
    raw_feed(&raw, tail, sizeof tail);
    EXPECT(raw_fails(&raw, REASON_INTERNAL));
}

/* One handshake message of that many bytes announced, sent in records of `size` bytes. */
static void announce(struct raw *raw, size_t announced, size_t size, unsigned records)
{
    uint8_t record[RECORD_HEADER + 16384] = {22, 3, 1};

    for (unsigned i = 0; i < records && (i == 0 || raw->result == CONN_MORE); i++) {
        memset(record + RECORD_HEADER, 0, size);
        record[3] = (uint8_t)(size >> 8);
        record[4] = (uint8_t)size;
        if (i == 0) {
            record[5] = 1;
            record[6] = (uint8_t)(announced >> 16);
            record[7] = (uint8_t)(announced >> 8);
            record[8] = (uint8_t)announced;
        }
        raw_feed(raw, record, RECORD_HEADER + size);
    }
}

TEST("a ClientHello over 16 KiB is refused when it is announced, on both ways to a link")
{
    for (int any = 0; any <= 1; any++) {
        struct raw raw = raw_new(any ? HANDOFF_LINK_ANY : WORLD_IN, (uint16_t)any);

        announce(&raw, 16 * 1024 + 1, 64, 1);
        EXPECT(raw_fails(&raw, REASON_TLS_PROTOCOL));
        raw = raw_new(any ? HANDOFF_LINK_ANY : WORLD_IN, (uint16_t)any);
        announce(&raw, 16 * 1024, 64, 1);
        EXPECT(raw.result == CONN_MORE);
        conn_free(raw.conn);
    }
}

TEST("a length announced byte by byte is still seen")
{
    static const uint8_t bytes[][6] = {
        {22, 3, 1, 0, 1, 1}, {22, 3, 1, 0, 1, 0}, {22, 3, 1, 0, 1, 0x40}, {22, 3, 1, 0, 1, 1}};
    struct raw raw = raw_new(WORLD_IN, 0);

    for (int i = 0; i < 4; i++) {
        EXPECT(i == 0 || raw.result == CONN_MORE);
        raw_feed(&raw, bytes[i], 6);
    }
    EXPECT(raw_fails(&raw, REASON_TLS_PROTOCOL));
}

TEST("a handshake of more records than allowed is refused")
{
    for (int any = 0; any <= 1; any++) {
        struct raw raw = raw_new(any ? HANDOFF_LINK_ANY : WORLD_IN, (uint16_t)any);

        announce(&raw, 16 * 1024, 4, CONN_RECORDS_MAX);
        EXPECT(raw.result == CONN_MORE);
        announce(&raw, 0, 4, 1);
        EXPECT(raw_fails(&raw, REASON_TLS_PROTOCOL));
    }
}

TEST("a certificate message over 32 KiB is refused")
{
    char sans[12000] = "uri:spiffe://p.test/c raw:";
    struct pki_cert big;
    struct peer_spec p = {.own = &big};
    struct revision *r;
    struct talk *t;

    world_start();
    memset(sans, 0, sizeof sans);
    for (int i = 0; i < 90; i++)
        sprintf(sans + strlen(sans), "%sdns:%s%d.%s%d.test", i ? " " : "",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", i,
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", i);
    big = world_leaf(&world_start()->inter, KEY_P256, "clientAuth", sans);
    r = world_revision(&only13);
    t = talk_new(r, &p, WORLD_IN, 0);
    for (int i = 0; i < 3; i++) /* four of them are too much */
        SSL_add1_chain_cert(t->peer, big.x);
    revision_put(r);
    talk_run(t);
    /* illegal_parameter from OpenSSL 3.0, bad_certificate from later ones */
    EXPECT(talk_refused(t, REASON_CHAIN_LIMIT, t->alert == 42 ? 42 : 47));
}

int main(void)
{
    return test_run();
}
