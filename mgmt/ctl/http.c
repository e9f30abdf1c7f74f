#include "mgmt/ctl/http.h"

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX  (256u * 1024 * 1024)
#define TIMEOUT_S 60L

struct body {
    char *data;
    size_t n;
    const struct http_ask *ask;
    CURL *c;
};

static bool is_good(const struct body *b)
{
    long status = 0;

    curl_easy_getinfo(b->c, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
    struct body *b = arg;
    size_t add = size * n;
    char *more;

    if (b->ask->file && is_good(b))
        return fwrite(data, 1, add, b->ask->file);
    more = b->n + add <= BODY_MAX ? realloc(b->data, b->n + add + 1) : NULL;
    if (!more)
        return 0;
    if (b->ask->stream && is_good(b)) {
        b->ask->stream(data, add);
        b->data = more;
        return add;
    }
    memcpy(more + b->n, data, add);
    b->data = more;
    b->n += add;
    b->data[b->n] = '\0';
    return add;
}

static size_t take_header(char *data, size_t size, size_t n, void *arg)
{
    static const char name[] = "etag:", retry[] = "retry-after:";
    struct http_answer *a = arg;
    size_t all = size * n, at = sizeof name - 1;

    if (all > sizeof retry && !strncasecmp(data, retry, sizeof retry - 1))
        a->again = true;

    if (all > at && !strncasecmp(data, name, at)) {
        at += strspn(data + at, " ");
        snprintf(a->tag, sizeof a->tag, "%.*s", (int)strcspn(data + at, "\r\n"), data + at);
    }
    return all;
}

static struct curl_slist *add(struct curl_slist *list, const char *key, const char *value)
{
    char line[2048];

    if (!value)
        return list;
    snprintf(line, sizeof line, "%s: %s", key, value);
    return curl_slist_append(list, line);
}

/* The chain does not matter, nor the name: it is this key or nobody. */
static int check_pin(X509_STORE_CTX *ctx, void *arg)
{
    const struct http_gateway *g = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(ctx);
    unsigned char *spki = NULL, hash[EVP_MAX_MD_SIZE];
    int n = leaf ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf), &spki) : -1;
    bool same = n > 0 && EVP_Digest(spki, (size_t)n, hash, NULL, EVP_sha256(), NULL) == 1 &&
                !memcmp(hash, g->pin, g->n_pin);

    OPENSSL_free(spki);
    X509_STORE_CTX_set_error(ctx, same ? X509_V_OK : X509_V_ERR_CERT_REJECTED);
    return same;
}

static CURLcode pin_server(CURL *c, void *ssl_ctx, void *arg)
{
    (void)c;
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, check_pin, arg);
    return CURLE_OK;
}

static void show_text(CURL *c, const char *cert_pem, const char *key_pem)
{
    struct curl_blob cert = {(void *)(uintptr_t)cert_pem, strlen(cert_pem), CURL_BLOB_COPY};
    struct curl_blob key = {(void *)(uintptr_t)key_pem, strlen(key_pem), CURL_BLOB_COPY};

    curl_easy_setopt(c, CURLOPT_SSLCERT_BLOB, &cert);
    curl_easy_setopt(c, CURLOPT_SSLKEY_BLOB, &key);
}

static void aim_pinned(CURL *c, const struct http_gateway *g)
{
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
    curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, pin_server);
    curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, (void *)(uintptr_t)g);
}

static void aim(CURL *c, const struct http_gateway *g, const char *path)
{
    char url[2048];

    snprintf(url, sizeof url, "%s%s", g->url ? g->url : "http://penstock", path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    if (!g->url) {
        curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, g->socket);
        return;
    }
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    if (g->pin)
        aim_pinned(c, g);
    else
        curl_easy_setopt(c, CURLOPT_CAINFO, g->ca);
    if (g->cert_pem) {
        show_text(c, g->cert_pem, g->key_pem);
        return;
    }
    curl_easy_setopt(c, CURLOPT_SSLCERT, g->cert);
    curl_easy_setopt(c, CURLOPT_SSLKEY, g->key);
}

int http_request(const struct http_gateway *g, const struct http_ask *ask, struct http_answer *out)
{
    CURL *c = curl_easy_init();
    char *text = ask->body ? json_dumps(ask->body, JSON_COMPACT) : NULL;
    struct curl_slist *headers = NULL;
    struct body b = {.ask = ask, .c = c};
    CURLcode rc = CURLE_OUT_OF_MEMORY;

    memset(out, 0, sizeof *out);
    if (c) {
        headers = add(headers, "If-Match", ask->if_match);
        headers = add(headers, "If-None-Match", ask->none_match);
        headers = add(headers, "Penstock-Passphrase", ask->passphrase);
        headers = add(headers, "Content-Type", text ? "application/json" : ask->type);
        aim(c, g, ask->path);
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, ask->method);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        if (ask->raw)
            curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)ask->n_raw);
        if (text || ask->raw)
            curl_easy_setopt(c, CURLOPT_POSTFIELDS, text ? text : (const char *)ask->raw);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, &b);
        curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(c, CURLOPT_HEADERDATA, out);
        curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(c, CURLOPT_TIMEOUT,
                         ask->stream   ? 0L
                         : ask->wait_s ? ask->wait_s
                                       : TIMEOUT_S);
        rc = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &out->status);
        curl_easy_cleanup(c);
    }
    curl_slist_free_all(headers);
    free(text);
    if (rc != CURLE_OK) {
        snprintf(out->why, sizeof out->why, "%s: %s", g->url ? g->url : g->socket,
                 curl_easy_strerror(rc));
        free(b.data);
        return -1;
    }
    out->text = b.data;
    out->json = b.n ? json_loadb(b.data, b.n, 0, NULL) : NULL;
    return 0;
}

void http_free(struct http_answer *a)
{
    json_decref(a->json);
    free(a->text);
    memset(a, 0, sizeof *a);
}
