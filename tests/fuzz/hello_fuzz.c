/* Goal: no ClientHello, however broken, gets a server name past the reader that is not one. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/hello.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int on_hello(SSL *ssl, int *alert, void *arg)
{
    char name[256];

    (void)arg;
    if (hello_server_name(ssl, name) == 0)
        check(strlen(name) <= 253 &&
              strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") == strlen(name));
    hello_lacks_ems(ssl, true, true);
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return SSL_CLIENT_HELLO_ERROR;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static SSL_CTX *ctx;
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    struct hello_length announced = {0};
    SSL *ssl;

    hello_server_lacks_ems(data, n);
    if (n >= 5)
        hello_fits(&announced, data, n);

    if (!ctx) {
        ctx = SSL_CTX_new(TLS_server_method());
        SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
    }
    ssl = SSL_new(ctx);
    BIO_set_mem_eof_return(in, -1);
    BIO_write(in, data, (int)n);
    SSL_set_bio(ssl, in, out);
    SSL_set_accept_state(ssl);
    SSL_do_handshake(ssl);
    SSL_free(ssl);
    ERR_clear_error();
    return 0;
}
