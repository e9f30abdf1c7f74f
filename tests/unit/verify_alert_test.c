/* Each reason for a refusal, as the peer hears of it (RFC 8446 6.2). */
#include <openssl/ssl.h>
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

static int refuse(X509_STORE_CTX *store, void *arg)
{
    X509_STORE_CTX_set_error(store, reason_x509_error(*(enum reason *)arg));
    return 0;
}

static void on_alert(const SSL *ssl, int where, int value)
{
    int *alert = SSL_get_app_data(ssl);

    if (where & SSL_CB_ALERT && where & SSL_CB_WRITE)
        *alert = value & 0xff;
}

static SSL *end(SSL_CTX *ctx, BIO *in, BIO *out, int *alert)
{
    SSL *ssl = SSL_new(ctx);

    BIO_up_ref(in);
    BIO_up_ref(out);
    SSL_set_bio(ssl, in, out);
    SSL_set_app_data(ssl, alert);
    SSL_set_info_callback(ssl, on_alert);
    return ssl;
}

/* The alert that a server sends when it refuses the client's chain for this reason. */
static int alert_of(enum reason reason, int version)
{
    struct pki_cert own = pki_issue(NULL, &(struct pki_spec){.cn = "x", .purpose = "serverAuth"});
    SSL_CTX *server_ctx = SSL_CTX_new(TLS_server_method()),
            *client_ctx = SSL_CTX_new(TLS_client_method());
    BIO *up = BIO_new(BIO_s_mem()), *down = BIO_new(BIO_s_mem());
    int alert = -1, other = -1;
    SSL *server, *client;

    SSL_CTX_set_max_proto_version(client_ctx, version);
    SSL_CTX_set_min_proto_version(client_ctx, version);
    for (int i = 0; i < 2; i++) {
        SSL_CTX_use_certificate(i ? client_ctx : server_ctx, own.x);
        SSL_CTX_use_PrivateKey(i ? client_ctx : server_ctx, own.key);
    }
    SSL_CTX_set_verify(server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(server_ctx, refuse, &reason);
    server = end(server_ctx, up, down, &alert);
    client = end(client_ctx, down, up, &other);
    SSL_set_accept_state(server);
    SSL_set_connect_state(client);
    for (int i = 0; i < 4; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    EXPECT(!SSL_is_init_finished(server));
    SSL_free(server);
    SSL_free(client);
    BIO_free(up);
    BIO_free(down);
    SSL_CTX_free(server_ctx);
    SSL_CTX_free(client_ctx);
    return alert;
}

TEST("each reason is sent as the alert that RFC 8446 6.2 has for it")
{
    static const struct {
        enum reason reason;
        int alert;
    } table[] = {
        {REASON_NO_CERTIFICATE, 40}, {REASON_CHAIN_LIMIT, 42},
        {REASON_UNKNOWN_CA, 48},     {REASON_SIGNATURE, 42},
        {REASON_CHAIN, 42},          {REASON_KEY_TYPE, 43},
        {REASON_EXPIRED, 45},        {REASON_NOT_YET_VALID, 45},
        {REASON_LEAF_IS_CA, 42},     {REASON_EKU, 43},
        {REASON_NAME_INVALID, 42},   {REASON_NAME_MISMATCH, 42},
        {REASON_REVOKED, 44},        {REASON_CRL_MISSING, 46},
        {REASON_CRL_STALE, 46},      {REASON_CRL_INVALID, 46},
        {REASON_NO_RULE, 46},        {REASON_INTERNAL, 80},
    };

    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        EXPECT(alert_of(table[i].reason, TLS1_3_VERSION) == table[i].alert);
        EXPECT(alert_of(table[i].reason, TLS1_2_VERSION) == table[i].alert);
    }
}

int main(void)
{
    return test_run();
}
