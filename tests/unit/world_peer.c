/* The stranger's half of the world: OpenSSL over memory, talking to a leg record by record. */
#include <openssl/provider.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "tests/unit/test.h"
#include "tests/unit/world.h"

#define FLIGHTS_MAX 24

static void on_alert(const SSL *ssl, int where, int value)
{
    struct talk *t = SSL_get_app_data(ssl);

    if (where & SSL_CB_ALERT && where & SSL_CB_READ)
        t->alert = value & 0xff;
}

static int take_any(X509_STORE_CTX *store, void *arg)
{
    (void)store;
    (void)arg;
    return 1; /* what the gateway thinks is the question here */
}

static int choose_first(SSL *ssl, const unsigned char **out, unsigned char *n_out,
                        const unsigned char *in, unsigned n_in, void *arg)
{
    (void)ssl;
    (void)arg;
    check(n_in > 0 && in[0] < n_in);
    *out = in + 1;
    *n_out = in[0];
    return SSL_TLSEXT_ERR_OK;
}

static void peer_words(SSL_CTX *ctx, const struct peer_spec *s)
{
    if (s->version) {
        check(SSL_CTX_set_min_proto_version(ctx, s->version) == 1);
        check(SSL_CTX_set_max_proto_version(ctx, s->version) == 1);
    }
    if (s->suites12)
        check(SSL_CTX_set_cipher_list(ctx, s->suites12) == 1);
    if (s->suites13)
        check(SSL_CTX_set_ciphersuites(ctx, s->suites13) == 1);
    if (s->groups)
        check(SSL_CTX_set1_groups_list(ctx, (char *)(uintptr_t)s->groups) == 1);
    if (s->sigalgs)
        check(SSL_CTX_set1_sigalgs_list(ctx, (char *)(uintptr_t)s->sigalgs) == 1);
    if (s->no_ems)
        SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
}

/* A stranger has all of OpenSSL, not only what a handshake process lists (provide.c). */
static OSSL_LIB_CTX *elsewhere(void)
{
    static OSSL_LIB_CTX *ctx;

    if (!ctx) {
        ctx = pki_keep(OSSL_LIB_CTX_new());
        check(OSSL_PROVIDER_load(ctx, "default"));
    }
    return ctx;
}

SSL_CTX *peer_context(const struct peer_spec *s)
{
    bool server = s->side == LEG_INNER;
    struct world *w = world_start();
    const struct pki_cert *own = s->own ? s->own : server ? &w->server : &w->client;
    SSL_CTX *ctx = SSL_CTX_new_ex(elsewhere(), NULL,
                                  server ? TLS_server_method() : TLS_client_method());

    peer_words(ctx, s);
    if (!s->no_certificate) {
        check(SSL_CTX_use_certificate(ctx, own->x) == 1);
        check(SSL_CTX_use_PrivateKey(ctx, own->key) == 1);
        check(SSL_CTX_add1_chain_cert(ctx, w->inter.x) == 1);
    }
    if (!s->asks_none)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, take_any, NULL);
    SSL_CTX_set_num_tickets(ctx, s->tickets);
    if (server && s->alpn)
        SSL_CTX_set_alpn_select_cb(ctx, choose_first, NULL);
    else if (s->alpn)
        check(SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)s->alpn, (unsigned)strlen(s->alpn)) ==
              0);
    return ctx;
}

static SSL *peer_new(struct talk *t, const struct peer_spec *s)
{
    const char *sni = s->sni ? s->sni : "gw.test";
    SSL_CTX *ctx = peer_context(s);
    SSL *ssl = SSL_new(ctx);

    SSL_CTX_free(ctx);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    SSL_set_app_data(ssl, t);
    SSL_set_info_callback(ssl, on_alert);
    if (s->side == LEG_INNER) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
        if (sni[0])
            check(SSL_set_tlsext_host_name(ssl, (char *)(uintptr_t)sni) == 1);
    }
    return ssl;
}

struct talk *talk_new(struct revision *r, const struct peer_spec *peer, uint16_t link,
                      uint16_t listener)
{
    static uint64_t session;
    struct handoff_open open = {.id = {.session = ++session, .leg = peer->side},
                                .revision = r->policy->revision,
                                .listener = listener,
                                .link = link};
    struct talk *t = calloc(1, sizeof *t);

    check(t);
    if (peer->side == LEG_INNER && peer->alpn && r->policy->links[link].inner->alpn_same)
        snprintf(open.alpn, sizeof open.alpn, "%s", peer->alpn + 1);
    t->alert = -1;
    t->peer = peer_new(t, peer);
    t->conn = conn_new(&open, r, world_start()->process.bootstrap);
    check(t->conn);
    return t;
}

/* What the leg wants to be sent goes to the peer. */
static size_t deliver(struct talk *t)
{
    const uint8_t *data;
    size_t n = conn_output(t->conn, &data);

    if (n)
        check(BIO_write(SSL_get_rbio(t->peer), data, (int)n) == (int)n);
    conn_sent(t->conn);
    return n;
}

/* The peer's next flight; 0 when it has nothing to say. */
static size_t peer_flight(struct talk *t)
{
    int n;

    if (t->before)
        t->before(t);
    ERR_clear_error();
    if (SSL_do_handshake(t->peer) == 1)
        SSL_peek(t->peer, &(char){0}, 1); /* reads what came, so that an alert is seen */
    ERR_clear_error();
    n = BIO_read(SSL_get_wbio(t->peer), t->wire, sizeof t->wire);
    t->n_wire = n > 0 ? (size_t)n : 0;
    if (t->mangle && t->n_wire)
        t->n_wire = t->mangle(t, t->wire, t->n_wire);
    t->flight++;
    return t->n_wire;
}

static void feed_leg(struct talk *t)
{
    size_t at = 0;

    while (t->result == CONN_MORE && at < t->n_wire) { /* as the contract bounds one FEED */
        size_t n = 0;

        while (at + n + RECORD_HEADER <= t->n_wire) {
            const uint8_t *record = t->wire + at + n;
            size_t size = RECORD_HEADER + ((size_t)record[3] << 8 | record[4]);

            if (n + size > HANDOFF_FEED_MAX || at + n + size > t->n_wire)
                break;
            n += size;
        }
        check(n > 0);
        t->result = conn_step(t->conn, t->wire + at, n, &t->failure);
        if (t->result == CONN_LINK) {
            t->chosen = t->conn->link_index + 1u;
            t->links++;
            t->result = conn_step(t->conn, NULL, 0, &t->failure);
        }
        t->behind = n - t->conn->consumed;
        at += n;
    }
}

void talk_run(struct talk *t)
{
    if (t->conn->id.leg == LEG_INNER)
        t->result = conn_step(t->conn, NULL, 0, &t->failure);
    while (t->result == CONN_MORE && !t->stuck && t->flight < FLIGHTS_MAX) {
        size_t sent = deliver(t);

        if (peer_flight(t))
            feed_leg(t);
        else
            t->stuck = !sent || t->conn->id.leg == LEG_OUTER;
    }
    if (t->result == CONN_KEYED && conn_keyed(t->conn, &t->keyed, t->chain, &t->failure))
        t->result = CONN_FAILED;
    deliver(t);
    ERR_clear_error();
    SSL_do_handshake(t->peer);
    if (t->result == CONN_FAILED)
        SSL_peek(t->peer, &(char){0}, 1);
    ERR_clear_error();
}

void talk_free(struct talk *t)
{
    conn_free(t->conn);
    SSL_free(t->peer);
    traffic_keys_wipe(&t->keyed.rx);
    traffic_keys_wipe(&t->keyed.tx);
    free(t);
}

struct talk *talk(const struct world_spec *w, const struct peer_spec *p)
{
    struct revision *r = (world_start(), world_revision(w));
    struct talk *t = talk_new(r, p, p->side == LEG_OUTER ? WORLD_IN : WORLD_OUT, 0);

    revision_put(r); /* the leg counts it */
    talk_run(t);
    return t;
}

bool talk_refused(struct talk *t, enum reason reason, int alert)
{
    bool good = t->result == CONN_FAILED && t->failure.reason == reason && t->alert == alert &&
                t->failure.text[0];

    if (!good)
        printf("    result %d, %s (%s), alert %d, stuck %d\n", t->result,
               reason_name(t->failure.reason), t->failure.text, t->alert, t->stuck);
    talk_free(t);
    return good;
}

bool talk_keyed(const struct talk *t)
{
    bool good = t->result == CONN_KEYED && SSL_is_init_finished(t->peer) && t->alert == -1;

    if (!good)
        printf("    result %d, %s (%s), alert %d, stuck %d\n", t->result,
               reason_name(t->failure.reason), t->failure.text, t->alert, t->stuck);
    return good;
}

size_t cut_records(const uint8_t *in, size_t n, size_t size, uint8_t *out, size_t cap)
{
    size_t used = 0;

    for (size_t at = 0; at + RECORD_HEADER <= n;) {
        const uint8_t *header = in + at;
        size_t left = (size_t)header[3] << 8 | header[4];

        at += RECORD_HEADER;
        while (left) {
            size_t take = left < size ? left : size;
            uint8_t cut[RECORD_HEADER] = {header[0], header[1], header[2], (uint8_t)(take >> 8),
                                          (uint8_t)take};

            check(used + RECORD_HEADER + take <= cap);
            memcpy(out + used, cut, sizeof cut);
            memcpy(out + used + RECORD_HEADER, in + at, take);
            used += RECORD_HEADER + take;
            at += take;
            left -= take;
        }
    }
    return used;
}
