/* Do we and OpenSSL understand each other's records, from the last handshake message to the end? */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include "dataplane/base/check.h"
#include "dataplane/record/frame.h"
#include "dataplane/record/post.h"
#include "dataplane/record/record.h"
#include "dataplane/record/seal.h"
#include "tests/unit/test.h"

#define WIRE (256 * 1024)

/* The secrets of one handshake, out of the key log. */
struct secrets {
    uint8_t client[SUITE_SECRET_MAX], server[SUITE_SECRET_MAX]; /* TLS 1.3 */
    uint8_t master[SUITE_SECRET_MAX];                           /* TLS 1.2 */
};

/* Two SSL objects in memory; what one writes is carried to the other by carry(). */
struct pair {
    SSL_CTX *client_ctx, *server_ctx;
    SSL *client, *server;
    struct secrets secrets;
};

/* One of the two ends stays OpenSSL, the other is played by these two directions and their keys. */
struct us {
    SSL *peer;
    struct seal rx, tx;
    struct post post;
    uint8_t wire[WIRE]; /* what the peer sent */
    size_t n, at;
};

static void take_secret(const char *line, const char *label, uint8_t *out)
{
    size_t n_label = strlen(label);
    const char *hex = strrchr(line, ' ');

    if (strncmp(line, label, n_label) || line[n_label] != ' ')
        return;
    for (size_t i = 0; i < SUITE_SECRET_MAX && sscanf(hex + 1 + 2 * i, "%2hhx", &out[i]) == 1; i++)
        ;
}

static void keylog(const SSL *ssl, const char *line)
{
    struct secrets *s = SSL_get_app_data(ssl);

    take_secret(line, "CLIENT_TRAFFIC_SECRET_0", s->client);
    take_secret(line, "SERVER_TRAFFIC_SECRET_0", s->server);
    take_secret(line, "CLIENT_RANDOM", s->master);
}

/* A key and a certificate signed by itself, made once for each kind. */
static void use_identity(SSL_CTX *ctx, EVP_PKEY *key)
{
    X509 *x = X509_new();

    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 3600);
    X509_set_pubkey(x, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)"peer.test", -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    check(X509_sign(x, key, EVP_sha256()) > 0);
    check(SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_free(x);
}

static SSL_CTX *new_ctx(const SSL_METHOD *method, const struct suite *suite)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    check(SSL_CTX_set_min_proto_version(ctx, suite->version) == 1);
    check(SSL_CTX_set_max_proto_version(ctx, suite->version) == 1);
    if (suite->version == TLS13)
        check(SSL_CTX_set_ciphersuites(ctx, suite->openssl_name) == 1);
    else
        check(SSL_CTX_set_cipher_list(ctx, suite->openssl_name) == 1);
    return ctx;
}

static SSL *new_ssl(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);

    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return ssl;
}

static void carry(SSL *from, SSL *to)
{
    static uint8_t mem[WIRE];
    int n = BIO_read(SSL_get_wbio(from), mem, sizeof mem);

    if (n > 0)
        check(BIO_write(SSL_get_rbio(to), mem, n) == n);
}

/* A finished handshake; what the server sent after the client's Finished is still in its wbio. */
static void shake(struct pair *p, const struct suite *suite, size_t tickets)
{
    static EVP_PKEY *ecdsa, *rsa;

    memset(p, 0, sizeof *p);
    if (!ecdsa) {
        ecdsa = EVP_EC_gen("P-256");
        rsa = EVP_RSA_gen(2048);
    }
    p->server_ctx = new_ctx(TLS_server_method(), suite);
    p->client_ctx = new_ctx(TLS_client_method(), suite);
    use_identity(p->server_ctx, ecdsa);
    use_identity(p->server_ctx, rsa);
    SSL_CTX_set_num_tickets(p->server_ctx, tickets);
    SSL_CTX_set_options(p->server_ctx, SSL_OP_NO_TICKET * (tickets == 0));
    SSL_CTX_set_keylog_callback(p->server_ctx, keylog);
    p->server = new_ssl(p->server_ctx);
    p->client = new_ssl(p->client_ctx);
    SSL_set_app_data(p->server, &p->secrets);
    SSL_set_accept_state(p->server);
    SSL_set_connect_state(p->client);
    for (int i = 0; i < 10 && SSL_do_handshake(p->client) != 1; i++) {
        carry(p->client, p->server);
        SSL_do_handshake(p->server);
        carry(p->server, p->client);
    }
    carry(p->client, p->server);
    check(SSL_do_handshake(p->server) == 1 && SSL_is_init_finished(p->client));
    check((uint16_t)SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(p->client)) == suite->id);
}

static void unshake(struct pair *p)
{
    SSL_free(p->client);
    SSL_free(p->server);
    SSL_CTX_free(p->client_ctx);
    SSL_CTX_free(p->server_ctx);
}

/* RFC 5246 6.3: the key block, by OpenSSL's TLS1-PRF. */
static void key_block(struct pair *p, const struct suite *suite, uint8_t *out, size_t n)
{
    char sha256[] = "SHA256", sha384[] = "SHA384", label[] = "key expansion";
    char *digest = suite->hash_len == 48 ? sha384 : sha256;
    uint8_t seed[13 + 64];
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, p->secrets.master, 48),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed),
        OSSL_PARAM_construct_end()};
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

    memcpy(seed, label, 13);
    SSL_get_server_random(p->server, seed + 13, 32);
    SSL_get_client_random(p->server, seed + 45, 32);
    check(EVP_KDF_derive(ctx, out, n, params) == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void both_keys(struct pair *p, const struct suite *s, struct traffic_keys *client,
                      struct traffic_keys *server)
{
    uint8_t block[2 * (SUITE_KEY_MAX + SUITE_IV_MAX)], *at = block;

    *client = (struct traffic_keys){.suite = s, .seq = s->version == TLS12};
    *server = *client;
    if (s->version == TLS13) {
        memcpy(client->secret, p->secrets.client, s->hash_len);
        memcpy(server->secret, p->secrets.server, s->hash_len);
        return;
    }
    key_block(p, s, block, 2 * ((size_t)s->key_len + s->iv_len));
    memcpy(client->key, at, s->key_len);
    memcpy(server->key, at += s->key_len, s->key_len);
    memcpy(client->iv, at += s->key_len, s->iv_len);
    memcpy(server->iv, at + s->iv_len, s->iv_len);
}

static struct us *take_over(struct pair *p, const struct suite *s, const struct seal_ops *ops,
                            bool as_client)
{
    static struct us u;
    struct traffic_keys client, server;

    u = (struct us){.peer = as_client ? p->server : p->client,
                    .post = {.we_are_client = as_client}};
    both_keys(p, s, &client, &server);
    check(seal_init(&u.rx, as_client ? &server : &client, ops) == 0);
    check(seal_init(&u.tx, as_client ? &client : &server, ops) == 0);
    return &u;
}

static void let_go(struct us *u)
{
    seal_fini(&u->rx);
    seal_fini(&u->tx);
}

/* Open the next record the peer wrote. */
static bool next_record(struct us *u, struct opened *o)
{
    long size;

    if (u->at == u->n) {
        int n = BIO_read(SSL_get_wbio(u->peer), u->wire, sizeof u->wire);

        u->at = 0;
        u->n = n > 0 ? (size_t)n : 0;
    }
    size = frame_size(u->wire + u->at, u->n - u->at, RECORD_PLAIN_MAX + 256);
    if (size <= 0 || (size_t)size > u->n - u->at)
        return false;
    u->at += (size_t)size;
    return open_record(&u->rx, u->wire + u->at - size, (size_t)size, o) == 0;
}

static void send_record(struct us *u, uint8_t type, const uint8_t *data, size_t n)
{
    static uint8_t record[RECORD_PLAIN_MAX + SEAL_PREFIX_MAX + SEAL_SUFFIX_MAX];
    size_t n_record = 0;

    EXPECT(seal_record(&u->tx, type, data, n, record, &n_record) == 0);
    EXPECT(BIO_write(SSL_get_rbio(u->peer), record, (int)n_record) == (int)n_record);
}

/* n bytes from the peer to us and back, in records of any size it likes and of ours. */
static void echo(struct us *u, size_t n)
{
    static uint8_t sent[64 * 1024], got[64 * 1024];
    size_t n_got = 0;

    for (size_t i = 0; i < n; i++)
        sent[i] = (uint8_t)(i * 13 + n);
    EXPECT(SSL_write(u->peer, sent, (int)n) == (int)n);
    while (n_got < n) {
        struct opened o;

        EXPECT(next_record(u, &o) && o.type == CONTENT_DATA && o.n <= n - n_got);
        if (test_case_failed)
            return;
        memcpy(got + n_got, o.data, o.n);
        n_got += o.n;
    }
    EXPECT(!memcmp(sent, got, n));
    for (size_t at = 0; at < n; at += RECORD_PLAIN_MAX)
        send_record(u, CONTENT_DATA, sent + at,
                    n - at < RECORD_PLAIN_MAX ? n - at : RECORD_PLAIN_MAX);
    memset(got, 0, n);
    for (n_got = 0; n_got < n;) {
        int rc = SSL_read(u->peer, got + n_got, (int)(n - n_got));

        EXPECT(rc > 0);
        if (rc <= 0)
            return;
        n_got += (size_t)rc;
    }
    EXPECT(!memcmp(sent, got, n));
}

static void say_goodbye(struct us *u)
{
    struct opened o = {0};
    uint8_t byte;

    EXPECT(SSL_shutdown(u->peer) == 0 && next_record(u, &o));
    EXPECT(o.type == CONTENT_ALERT && o.n == 2 && !memcmp(o.data, "\1\0", 2));
    send_record(u, CONTENT_ALERT, (const uint8_t *)"\1\0", 2);
    EXPECT(SSL_read(u->peer, &byte, 1) == 0);
    EXPECT(SSL_get_error(u->peer, 0) == SSL_ERROR_ZERO_RETURN);
}

static void converse(const struct suite *suite, const struct seal_ops *ops, bool as_client)
{
    static const size_t sizes[] = {1, 16, 100, 1400, RECORD_PLAIN_MAX, 40000};
    struct pair p;
    struct us *u;

    shake(&p, suite, 0);
    u = take_over(&p, suite, ops, as_client);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        echo(u, sizes[i]);
    say_goodbye(u);
    let_go(u);
    unshake(&p);
}

/* Every suite of a version, by every library, as either end. */
static void converse_all(uint16_t version)
{
    for (size_t i = 0; suite_at(i); i++) {
        const struct suite *s = suite_at(i);
        const struct seal_ops *ops[] = {&seal_evp, seal_ipsecmb(s->aead)};

        for (size_t j = 0; j < ARRAY_LEN(ops) && ops[j] && s->version == version; j++) {
            converse(s, ops[j], false);
            converse(s, ops[j], true);
        }
    }
}

TEST("TLS 1.3: data and close_notify go both ways with OpenSSL, every suite, both ends")
{
    converse_all(TLS13);
}

TEST("TLS 1.2: data and close_notify go both ways with OpenSSL, every suite, both ends")
{
    converse_all(TLS12);
}

/* The peer updates its key and asks for ours; both generations are used in both directions. */
static void one_update(struct us *u, bool requested)
{
    static const uint8_t ours[] = {24, 0, 0, 1, 0};
    struct opened o = {0};
    size_t used = 0;

    EXPECT(SSL_key_update(u->peer, requested ? SSL_KEY_UPDATE_REQUESTED
                                             : SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    EXPECT(SSL_do_handshake(u->peer) == 1);
    EXPECT(next_record(u, &o) && o.type == CONTENT_HANDSHAKE);
    EXPECT(post_feed(&u->post, o.data, o.n, &used) ==
           (requested ? POST_KEYUPDATE_REQUESTED : POST_KEYUPDATE));
    EXPECT(used == o.n && seal_update(&u->rx) == 0);
    if (requested) {
        send_record(u, CONTENT_HANDSHAKE, ours, sizeof ours);
        EXPECT(seal_update(&u->tx) == 0);
    }
    echo(u, 3000);
}

TEST("a KeyUpdate by OpenSSL is followed, generation after generation, and answered")
{
    for (size_t i = 0; suite_at(i) && suite_at(i)->version == TLS13; i++) {
        for (int as_client = 0; as_client <= 1; as_client++) {
            struct pair p;
            struct us *u;

            shake(&p, suite_at(i), 0);
            u = take_over(&p, suite_at(i), NULL, as_client);
            for (int round = 0; round < 6; round++)
                one_update(u, round % 3 != 1);
            EXPECT(u->rx.keys.epoch == 6 && u->tx.keys.epoch == 4);
            let_go(u);
            unshake(&p);
        }
    }
}

TEST("OpenSSL follows a KeyUpdate that we begin, and answers it")
{
    static const uint8_t ours[] = {24, 0, 0, 1, 1};
    struct opened o = {0};
    struct pair p;
    struct us *u;
    size_t used = 0;
    uint8_t byte;

    shake(&p, suite_at(0), 0);
    u = take_over(&p, suite_at(0), NULL, false);
    send_record(u, CONTENT_HANDSHAKE, ours, sizeof ours);
    EXPECT(seal_update(&u->tx) == 0);
    send_record(u, CONTENT_DATA, (const uint8_t *)"x", 1);
    EXPECT(SSL_read(u->peer, &byte, 1) == 1 && byte == 'x');
    EXPECT(SSL_write(u->peer, "y", 1) == 1);
    EXPECT(next_record(u, &o) && o.type == CONTENT_HANDSHAKE);
    EXPECT(post_feed(&u->post, o.data, o.n, &used) == POST_KEYUPDATE);
    EXPECT(seal_update(&u->rx) == 0);
    EXPECT(next_record(u, &o) && o.type == CONTENT_DATA && o.n == 1 && o.data[0] == 'y');
    echo(u, 100);
    let_go(u);
    unshake(&p);
}

TEST("OpenSSL's tickets are taken, and the data behind them")
{
    for (size_t tickets = 1; tickets <= 4; tickets++) {
        struct opened o = {0};
        struct pair p;
        struct us *u;

        shake(&p, suite_at(0), tickets);
        u = take_over(&p, suite_at(0), NULL, true);
        for (size_t i = 0; i < tickets; i++) {
            size_t used = 0;

            EXPECT(next_record(u, &o) && o.type == CONTENT_HANDSHAKE);
            EXPECT(post_feed(&u->post, o.data, o.n, &used) == POST_TICKET && used == o.n);
        }
        EXPECT(post_idle(&u->post));
        echo(u, 500);
        let_go(u);
        unshake(&p);
    }
}

TEST("records that OpenSSL pads are opened to their content")
{
    static const size_t blocks[] = {16, 512, 4096, RECORD_PLAIN_MAX};

    for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
        struct pair p;
        struct us *u;

        shake(&p, suite_at(0), 0);
        u = take_over(&p, suite_at(0), NULL, false);
        EXPECT(SSL_set_block_padding(u->peer, blocks[i]) == 1);
        echo(u, 1);
        echo(u, 40000);
        let_go(u);
        unshake(&p);
    }
}

int main(void)
{
    check(record_init() == 0);
    return test_run();
}
