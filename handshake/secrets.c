#include "handshake/secrets.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <string.h>
#include "dataplane/base/secret.h"

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "LABEL <client random> <secret>": the last word, or nothing usable. */
static uint8_t take_hex(const char *line, uint8_t *out)
{
    const char *p = strrchr(line, ' ');
    uint8_t n = 0;

    for (p = p ? p + 1 : ""; p[0] && p[1] && n < SUITE_SECRET_MAX; p += 2) {
        int high = hex_value(p[0]), low = hex_value(p[1]);
        if (high < 0 || low < 0)
            return 0;
        out[n++] = (uint8_t)(high << 4 | low);
    }
    return n;
}

void secrets_line(struct secrets *s, const char *line)
{
    static const char client[] = "CLIENT_TRAFFIC_SECRET_0 ", server[] = "SERVER_TRAFFIC_SECRET_0 ";

    if (!strncmp(line, client, sizeof client - 1))
        s->n_client = take_hex(line, s->client);
    else if (!strncmp(line, server, sizeof server - 1))
        s->n_server = take_hex(line, s->server);
}

void secrets_derived(struct secrets *s, const uint8_t *label, size_t n_label, const uint8_t *secret,
                     size_t n)
{
    static const char client[] = "c ap traffic", server[] = "s ap traffic";

    if (n_label != sizeof client - 1 || n > SUITE_SECRET_MAX)
        return;
    if (!memcmp(label, client, n_label)) {
        memcpy(s->client, secret, n);
        s->n_client = (uint8_t)n;
    } else if (!memcmp(label, server, n_label)) {
        memcpy(s->server, secret, n);
        s->n_server = (uint8_t)n;
    }
}

static int keys13(struct secrets *s, const struct suite *suite, struct traffic_keys *client,
                  struct traffic_keys *server)
{
    if (s->n_client != suite->hash_len || s->n_server != suite->hash_len)
        return -EIO;
    secret_move(client->secret, s->client, suite->hash_len);
    secret_move(server->secret, s->server, suite->hash_len);
    return 0;
}

/* RFC 5246 6.3: key_block = PRF(master, "key expansion", server_random + client_random). */
static int key_block(SSL *ssl, const struct suite *suite, uint8_t *out, size_t n)
{
    uint8_t master[48], seed[13 + 64] = "key expansion";
    size_t n_master = SSL_SESSION_get_master_key(SSL_get0_session(ssl), master, sizeof master);
    char digest[16];
    OSSL_PARAM params[4];
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "TLS1-PRF", NULL);
    EVP_KDF_CTX *ctx = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    int ok;

    SSL_get_server_random(ssl, seed + 13, 32);
    SSL_get_client_random(ssl, seed + 45, 32);
    memcpy(digest, suite->hash_len == 48 ? "SHA384" : "SHA256", 7);
    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master, n_master);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, seed, sizeof seed);
    params[3] = OSSL_PARAM_construct_end();
    ok = ctx && n_master == sizeof master && EVP_KDF_derive(ctx, out, n, params) == 1;
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
    secret_wipe(master, sizeof master);
    return ok ? 0 : -EIO;
}

static int keys12(SSL *ssl, const struct suite *suite, struct traffic_keys *client,
                  struct traffic_keys *server)
{
    uint8_t block[2 * (SUITE_KEY_MAX + SUITE_IV_MAX)], *p = block;
    int rc = key_block(ssl, suite, block, 2u * (suite->key_len + suite->iv_len));

    if (!rc) {
        memcpy(client->key, p, suite->key_len);
        memcpy(server->key, p + suite->key_len, suite->key_len);
        p += 2 * suite->key_len;
        memcpy(client->iv, p, suite->iv_len);
        memcpy(server->iv, p + suite->iv_len, suite->iv_len);
    }
    secret_wipe(block, sizeof block);
    return rc;
}

int secrets_keys(struct secrets *s, SSL *ssl, enum leg_side side, struct traffic_keys *rx,
                 struct traffic_keys *tx)
{
    const SSL_CIPHER *cipher = SSL_get_current_cipher(ssl);
    const struct suite *suite = cipher ? suite_by_id((uint16_t)SSL_CIPHER_get_protocol_id(cipher))
                                       : NULL;
    struct traffic_keys *client = side == LEG_OUTER ? rx : tx,
                        *server = side == LEG_OUTER ? tx : rx;
    int rc;

    memset(rx, 0, sizeof *rx);
    memset(tx, 0, sizeof *tx);
    if (!suite)
        return -EIO;
    rx->suite = tx->suite = suite;
    rc = suite->version == TLS13 ? keys13(s, suite, client, server)
                                 : keys12(ssl, suite, client, server);
    if (rc) {
        traffic_keys_wipe(rx);
        traffic_keys_wipe(tx);
    }
    return rc;
}

void secrets_wipe(struct secrets *s)
{
    secret_wipe(s, sizeof *s);
}
