/* Does a leg end keyed, in both roles, with keys that really open what the peer seals? */
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/record/seal.h"
#include "tests/unit/test.h"
#include "tests/unit/world.h"

/* Records that the peer sends are opened in order; true if the last one is this data. */
static bool opens(struct seal *rx, const uint8_t *wire, size_t n, const char *data)
{
    static uint8_t mem[WORLD_WIRE];
    struct opened o = {0};
    bool last = false;

    check(n <= sizeof mem);
    memcpy(mem, wire, n);
    for (size_t at = 0; at + RECORD_HEADER <= n;) {
        size_t size = RECORD_HEADER + ((size_t)mem[at + 3] << 8 | mem[at + 4]);

        if (at + size > n || open_record(rx, mem + at, size, &o))
            return false;
        last = o.type == CONTENT_DATA && o.n == strlen(data) && !memcmp(o.data, data, o.n);
        at += size;
    }
    return last;
}

/* Both directions with the keys of KEYED, by the record layer that the data plane uses. */
static void prove_keys(struct talk *t)
{
    static const char ping[] = "what the peer says", pong[] = "what we answer";
    uint8_t wire[4096], record[256];
    struct seal rx = {0}, tx = {0};
    char heard[64] = "";
    size_t n_record = 0;
    int n;

    if (t->result != CONN_KEYED)
        return; /* the case has said so */
    EXPECT(seal_init(&rx, &t->keyed.rx, NULL) == 0 && seal_init(&tx, &t->keyed.tx, NULL) == 0);
    EXPECT(SSL_write(t->peer, ping, sizeof ping - 1) == sizeof ping - 1);
    n = BIO_read(SSL_get_wbio(t->peer), wire, sizeof wire);
    EXPECT(n > 0 && opens(&rx, wire, (size_t)n, ping));
    EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)pong, sizeof pong - 1, record,
                       &n_record) == 0);
    EXPECT(BIO_write(SSL_get_rbio(t->peer), record, (int)n_record) == (int)n_record);
    EXPECT(SSL_read(t->peer, heard, sizeof heard) == sizeof pong - 1);
    EXPECT(!memcmp(heard, pong, sizeof pong - 1));
    seal_fini(&rx);
    seal_fini(&tx);
}

static void works(const struct world_spec *w, const struct peer_spec *p, const char *suite)
{
    struct talk *t = talk(w, p);

    EXPECT(talk_keyed(t));
    if (t->result == CONN_KEYED) {
        if (suite)
            EXPECT(!strcmp(t->keyed.rx.suite->openssl_name, suite));
        EXPECT(t->keyed.negotiated.suite == t->keyed.tx.suite->id);
        EXPECT(t->keyed.rx.seq == (t->keyed.rx.suite->version == TLS12));
        EXPECT(t->keyed.tx.seq == t->keyed.rx.seq);
        EXPECT(t->behind == 0);
        prove_keys(t);
    }
    talk_free(t);
}

TEST("every TLS 1.3 suite is keyed in both roles, and its keys are right")
{
    static const char *const suites[] = {"TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256",
                                         "TLS_CHACHA20_POLY1305_SHA256"};

    for (int side = LEG_OUTER; side <= LEG_INNER; side++)
        for (size_t i = 0; i < 3; i++)
            works(&(struct world_spec){.suites13 = suites[i]},
                  &(struct peer_spec){.side = (enum leg_side)side}, suites[i]);
}

TEST("every TLS 1.2 suite is keyed in both roles, with both kinds of key, and its keys are right")
{
    static const char *const suites[] = {
        "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305"};

    for (int side = LEG_OUTER; side <= LEG_INNER; side++)
        for (size_t i = 0; i < 6; i++) {
            struct world *w = world_start();
            const struct pki_cert *rsa = side == LEG_INNER ? &w->server_rsa : &w->client_rsa;

            works(&(struct world_spec){.tls12 = true, .suites12 = suites[i]},
                  &(struct peer_spec){.side = (enum leg_side)side, .own = i % 2 ? rsa : NULL},
                  suites[i]);
        }
}

TEST("with both versions allowed each peer gets the best that it has")
{
    for (int side = LEG_OUTER; side <= LEG_INNER; side++)
        for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
            struct talk *t = talk(
                &(struct world_spec){.tls12 = true, .tls13 = true},
                &(struct peer_spec){.side = (enum leg_side)side, .version = version});

            EXPECT(talk_keyed(t) && t->keyed.negotiated.version == version);
            talk_free(t);
        }
}

static void group(const char *ours, const char *theirs, const char *name)
{
    for (int side = LEG_OUTER; side <= LEG_INNER; side++) {
        struct talk *t = talk(&(struct world_spec){.groups = ours},
                              &(struct peer_spec){.side = (enum leg_side)side, .groups = theirs});

        EXPECT(talk_keyed(t) && !strcasecmp(t->keyed.negotiated.group, name));
        if (t->result == CONN_KEYED)
            prove_keys(t);
        talk_free(t);
    }
}

TEST("every group is keyed in both roles and told by name")
{
    group("X25519", "X25519", "x25519");
    group("P-256", "P-256", "secp256r1");
    group("P-384", "P-384", "secp384r1");
}

TEST("a HelloRetryRequest leads to a group that both have")
{
    struct talk *t = talk(&(struct world_spec){.groups = "P-384"},
                          &(struct peer_spec){.groups = "X25519:P-384"});

    EXPECT(talk_keyed(t) && !strcmp(t->keyed.negotiated.group, "secp384r1"));
    EXPECT(t->flight == 3); /* hello, hello, Finished */
    prove_keys(t);
    talk_free(t);
    t = talk(&(struct world_spec){.groups = "X25519:P-384"},
             &(struct peer_spec){.side = LEG_INNER, .groups = "P-384"});
    EXPECT(talk_keyed(t) && !strcmp(t->keyed.negotiated.group, "secp384r1"));
    prove_keys(t);
    talk_free(t);
}

TEST("the post-quantum hybrid is keyed where OpenSSL has it")
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_method());
    bool has = SSL_CTX_set1_groups_list(ctx, (char *)(uintptr_t) "X25519MLKEM768") == 1;

    SSL_CTX_free(ctx);
    ERR_clear_error();
    if (has)
        group("X25519MLKEM768:X25519", "X25519MLKEM768", "X25519MLKEM768");
    else
        EXPECT(OPENSSL_VERSION_NUMBER < 0x30500000L);
}

TEST("each kind of identity signs, in both roles")
{
    for (int side = LEG_OUTER; side <= LEG_INNER; side++)
        for (unsigned i = 0; i < WORLD_IDENTITIES; i++) {
            struct talk *t;

            if (world_start(), i == WORLD_ML_DSA && !world_has_ml_dsa())
                continue;
            t = talk(&(struct world_spec){.only = (uint16_t)(i + 1)},
                     &(struct peer_spec){.side = (enum leg_side)side});
            EXPECT(talk_keyed(t));
            EXPECT(X509_cmp(SSL_get0_peer_certificate(t->peer), world_start()->gateway[i].x) == 0);
            talk_free(t);
        }
}

static void shows(enum leg_side side, int version, bool rsa)
{
    struct world *w = world_start();
    struct peer_spec p = {.side = side,
                          .version = version,
                          .own = !rsa                ? NULL
                                 : side == LEG_INNER ? &w->server_rsa
                                                     : &w->client_rsa,
                          .sigalgs = rsa ? "rsa_pss_rsae_sha256" : "ecdsa_secp256r1_sha256"};
    struct talk *t = talk(&(struct world_spec){.tls12 = true, .tls13 = true}, &p);

    EXPECT(talk_keyed(t));
    if (t->result == CONN_KEYED)
        EXPECT(X509_cmp(SSL_get0_peer_certificate(t->peer), w->gateway[rsa].x) == 0);
    talk_free(t);
}

TEST("of several identities the one is shown that the peer's signature algorithms want")
{
    for (int rsa = 0; rsa <= 1; rsa++) {
        shows(LEG_OUTER, TLS1_3_VERSION, rsa);
        shows(LEG_OUTER, TLS1_2_VERSION, rsa);
        shows(LEG_INNER, TLS1_3_VERSION, rsa);
    }
}

TEST("our chain goes out without its root")
{
    for (int side = LEG_OUTER; side <= LEG_INNER; side++) {
        struct talk *t = talk(&(struct world_spec){0},
                              &(struct peer_spec){.side = (enum leg_side)side});
        STACK_OF(X509) *chain = SSL_get_peer_cert_chain(t->peer);
        int server = side == LEG_INNER; /* a server's view of the chain has no leaf */

        EXPECT(talk_keyed(t) && sk_X509_num(chain) == 2 - server);
        if (sk_X509_num(chain) == 2 - server)
            EXPECT(X509_cmp(sk_X509_value(chain, 1 - server), world_start()->inter.x) == 0);
        talk_free(t);
    }
}

TEST("the peer's facts, its chain and what was agreed on come along")
{
    struct talk *t = talk(&(struct world_spec){.alpn = {"h2"}},
                          &(struct peer_spec){.alpn = "\x02h2", .sni = "Gw.TEST"});
    enum reason why;
    STACK_OF(X509) *chain = chain_parse(t->keyed.chain, t->keyed.n_chain, &why);

    EXPECT(talk_keyed(t));
    EXPECT(!strcmp(t->keyed.facts.name, "spiffe://p.test/c"));
    EXPECT(sk_X509_num(chain) == 2);
    EXPECT(X509_cmp(sk_X509_value(chain, 0), world_start()->client.x) == 0);
    EXPECT(!strcmp(t->keyed.negotiated.server_name, "gw.test"));
    EXPECT(!strcmp(t->keyed.negotiated.alpn, "h2"));
    EXPECT(!strcmp(t->keyed.negotiated.sig_scheme, "ecdsa_secp256r1_sha256"));
    sk_X509_pop_free(chain, X509_free);
    talk_free(t);
}

TEST("keys leave the leg once: what is left behind is wiped")
{
    static const uint8_t zero[sizeof(((struct conn *)0)->secrets.client)];
    struct talk *t = talk(&(struct world_spec){0}, &(struct peer_spec){0});

    EXPECT(talk_keyed(t));
    EXPECT(!memcmp(t->conn->secrets.client, zero, sizeof zero));
    EXPECT(!memcmp(t->conn->secrets.server, zero, sizeof zero));
    EXPECT(memcmp(t->keyed.rx.secret, zero, sizeof zero));
    talk_free(t);
}

/* The peer's data rides behind its Finished, in the same feed. */
static size_t add_data(struct talk *t, uint8_t *wire, size_t n)
{
    int more;

    if (!SSL_is_init_finished(t->peer))
        return n;
    check(SSL_write(t->peer, "at once", 7) == 7);
    more = BIO_read(SSL_get_wbio(t->peer), wire + n, (int)(WORLD_WIRE - n));
    check(more > 0);
    *(size_t *)t->arg = (size_t)more;
    return n + (size_t)more;
}

static void data_behind(const struct world_spec *w, const struct peer_spec *p)
{
    struct revision *r = (world_start(), world_revision(w));
    struct talk *t = talk_new(r, p, p->side == LEG_OUTER ? WORLD_IN : WORLD_OUT, 0);
    struct seal rx = {0};
    size_t added = 0;

    revision_put(r);
    t->mangle = add_data;
    t->arg = &added;
    talk_run(t);
    EXPECT(talk_keyed(t) && added > 0 && t->behind == added);
    EXPECT(t->keyed.rx.seq == (t->keyed.rx.suite->version == TLS12));
    EXPECT(seal_init(&rx, &t->keyed.rx, NULL) == 0);
    EXPECT(opens(&rx, t->wire + t->n_wire - added, added, "at once"));
    seal_fini(&rx);
    talk_free(t);
}

TEST("data right behind Finished is left alone and opens with the keys")
{
    data_behind(&(struct world_spec){0}, &(struct peer_spec){0});
    data_behind(&(struct world_spec){.tls12 = true}, &(struct peer_spec){.side = LEG_INNER});
}

TEST("we send no tickets, and a client that comes back is a stranger again")
{
    struct revision *r = (world_start(),
                          world_revision(&(struct world_spec){.tls12 = true, .tls13 = true}));

    for (int version = TLS1_2_VERSION; version <= TLS1_3_VERSION; version++) {
        struct peer_spec p = {.version = version};
        struct talk *first = talk_new(r, &p, WORLD_IN, 0), *again;

        talk_run(first);
        EXPECT(talk_keyed(first));
        EXPECT(version == TLS1_2_VERSION || first->keyed.n_send == 0);
        EXPECT(!SSL_SESSION_has_ticket(SSL_get0_session(first->peer)));
        again = talk_new(r, &p, WORLD_IN, 0);
        SSL_set_session(again->peer, SSL_get0_session(first->peer));
        talk_run(again);
        EXPECT(talk_keyed(again) && !SSL_session_reused(again->peer));
        EXPECT(again->conn->judged && again->conn->verdict.allow);
        talk_free(first);
        talk_free(again);
    }
    revision_put(r);
}

TEST("a server's tickets are the data plane's to read: they open with sequence numbers from 0")
{
    struct talk *t = talk(&(struct world_spec){0},
                          &(struct peer_spec){.side = LEG_INNER, .tickets = 2});

    EXPECT(talk_keyed(t) && t->keyed.rx.seq == 0);
    prove_keys(t); /* two tickets first, then the data */
    talk_free(t);
}

/* A session that promises early data, from a server that is not ours. */
static SSL_SESSION *borrowed_session(void)
{
    SSL_CTX *ctx = peer_context(&(struct peer_spec){.side = LEG_INNER, .tickets = 1}),
            *client_ctx = peer_context(&(struct peer_spec){0});
    SSL *server, *client;
    SSL_SESSION *out;

    SSL_CTX_set_max_early_data(ctx, 4096);
    SSL_CTX_set_session_id_context(ctx, (const uint8_t *)"x", 1);
    server = SSL_new(ctx);
    client = SSL_new(client_ctx);
    SSL_set_bio(server, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_up_ref(SSL_get_wbio(server));
    BIO_up_ref(SSL_get_rbio(server));
    SSL_set_bio(client, SSL_get_wbio(server), SSL_get_rbio(server));
    SSL_set_tlsext_host_name(client, (char *)(uintptr_t) "gw.test");
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < 4; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    SSL_peek(client, &(char){0}, 1);
    out = SSL_get1_session(client);
    check(SSL_SESSION_get_max_early_data(out) == 4096);
    SSL_set_shutdown(client, SSL_SENT_SHUTDOWN); /* else the session dies with it */
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(ctx);
    SSL_CTX_free(client_ctx);
    return out;
}

static void write_early(struct talk *t)
{
    size_t n;

    if (t->flight == 0)
        check(SSL_write_early_data(t->peer, "too early", 9, &n) == 1);
}

TEST("early data is passed over, and the handshake is a full one")
{
    struct revision *r = (world_start(), world_revision(&(struct world_spec){0}));
    struct talk *t = talk_new(r, &(struct peer_spec){0}, WORLD_IN, 0);
    SSL_SESSION *session = borrowed_session();

    SSL_set_session(t->peer, session);
    t->before = write_early;
    talk_run(t);
    EXPECT(talk_keyed(t) && t->conn->judged);
    EXPECT(SSL_get_early_data_status(t->peer) == SSL_EARLY_DATA_REJECTED);
    EXPECT(t->keyed.rx.seq == 0);
    prove_keys(t);
    SSL_SESSION_free(session);
    talk_free(t);
    revision_put(r);
}

TEST("a server that asks for no certificate is still judged")
{
    struct talk *t = talk(&(struct world_spec){0},
                          &(struct peer_spec){.side = LEG_INNER, .asks_none = true});

    EXPECT(talk_keyed(t) && t->conn->verdict.allow);
    talk_free(t);
}

TEST("a server known by its address gets no SNI, one known by name does")
{
    for (int ip = 0; ip <= 1; ip++) {
        struct talk *t = talk(&(struct world_spec){.server_name = ip ? "192.0.2.7" : NULL},
                              &(struct peer_spec){.side = LEG_INNER});
        const char *sni = SSL_get_servername(t->peer, TLSEXT_NAMETYPE_host_name);

        EXPECT(talk_keyed(t));
        EXPECT(ip ? !sni : sni && !strcmp(sni, "gw.test"));
        talk_free(t);
    }
}

int main(void)
{
    return test_run();
}
