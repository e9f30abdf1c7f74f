/* when, stream, est: are times right, and is nothing believed that a server should not say? */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/renew/est.h"
#include "mgmt/renew/stream.h"
#include "mgmt/renew/when.h"
#include "tests/unit/made_certs.h"
#include "tests/unit/test.h"

#define DAY 86400

TEST("a certificate is renewed when two thirds of its life are over, a little earlier by name")
{
    static const int64_t lives[] = {600, 3600, 90 * DAY, 365 * DAY, 3650 * (int64_t)DAY};

    for (size_t i = 0; i < sizeof lives / sizeof lives[0]; i++) {
        int64_t a = when_renew(1000, 1000 + lives[i], "a"),
                b = when_renew(1000, 1000 + lives[i], "b");

        EXPECT(a <= 1000 + lives[i] * 2 / 3 + 1 && a >= 1000 + lives[i] * 64 / 100);
        EXPECT(when_renew(1000, 1000 + lives[i], "a") == a);
        EXPECT(lives[i] < DAY || a != b);
    }
    EXPECT(when_renew(5, 5, "x") == 5 && when_renew(9, 5, "x") == 5); /* no life at all */
}

TEST("tries become rarer, but some always fit before the end, and the server's wish counts within "
     "bounds")
{
    int64_t ends = 1000 * (int64_t)DAY;

    EXPECT(when_retry(0, 1, ends, -1) == 60 && when_retry(0, 2, ends, -1) == 120);
    EXPECT(when_retry(0, 30, ends, -1) == 21600 && when_retry(0, 0, ends, -1) == 60);
    EXPECT(when_retry(0, 30, 1000, -1) == 200); /* a fifth of what is left */
    EXPECT(when_retry(0, 30, 2, -1) == 1 && when_retry(500, 1, 100, -1) == 560);
    EXPECT(when_retry(0, 1, ends, 7200) == 7200 && when_retry(0, 1, ends, 9999999) == 21600);
    EXPECT(when_retry(0, 1, ends, 1) == 60);
}

TEST(
    "a list is fetched again at half of what is left, at least once an hour, at most once a minute")
{
    EXPECT(when_fetch(0, 1000, 0) == 500 && when_fetch(0, 100000, 0) == 3600);
    EXPECT(when_fetch(0, 100000, 7200) == 7200 && when_fetch(0, 100000, 300) == 300);
    EXPECT(when_fetch(0, 10, 0) == 60 && when_fetch(1000, 10, 0) == 1060); /* it has ended */
}

static int parse(const char *text, bool ended, struct web_answer *a, char *out)
{
    static uint8_t data[4096];
    size_t n = strlen(text), body = 0;
    int rc;

    memset(a, 0, sizeof *a);
    memcpy(data, text, n);
    rc = stream_parse(data, n, ended, a, &body);
    out[0] = '\0';
    if (rc == 1) {
        memcpy(out, data + body, a->n);
        out[a->n] = '\0';
    }
    return rc;
}

TEST("an answer ends where it says, in each of the three ways, and every shorter piece wants more")
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Type: x/y; a=b\r\nContent-Length: 5\r\n\r\nhello",
        ("HTTP/1.1 200 OK\r\ncontent-type:x/y\r\nTransfer-Encoding: chunked\r\n\r\n"
         "2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\n"),
        "HTTP/1.0 200 OK\nContent-Type: x/y\n\nhello"};
    struct web_answer a;
    char out[4096], piece[4096];

    for (int i = 0; i < 3; i++) {
        EXPECT(parse(answers[i], i == 2, &a, out) == 1);
        EXPECT(a.status == 200 && !strcmp(out, "hello") && !strcmp(a.type, "x/y"));
        for (size_t n = 0; n < strlen(answers[i]) - (i == 1); n++) {
            snprintf(piece, sizeof piece, "%.*s", (int)n, answers[i]);
            EXPECT(parse(piece, false, &a, out) == 0);
        }
    }
    EXPECT(parse("HTTP/1.1 503 x\r\nRetry-After: 77\r\nContent-Length: 0\r\n\r\n", false, &a,
                 out) == 1);
    EXPECT(a.status == 503 && a.retry_after_s == 77 && a.n == 0);
}

TEST("what is no answer, or one whose length could be read in two ways, is refused")
{
    static const char *const bad[] = {
        "SSH-2.0-x\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 abc OK\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n"};
    struct web_answer a;
    char out[4096];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(parse(bad[i], false, &a, out) == -EPROTO);
    EXPECT(parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", true, &a, out) == -EPROTO);
    EXPECT(parse("HTTP/1.1 200 OK\r\n", true, &a, out) == -EPROTO);
    EXPECT(parse("", true, &a, out) == -EPROTO);
}

/* ---- EST ---- */

static uint8_t *degenerate(X509 **certs, int n_certs, size_t *n)
{
    PKCS7 *p7 = PKCS7_new();
    unsigned char *der = NULL;
    char *text;
    int size;

    EXPECT(PKCS7_set_type(p7, NID_pkcs7_signed) && PKCS7_content_new(p7, NID_pkcs7_data));
    for (int i = 0; i < n_certs; i++)
        EXPECT(PKCS7_add_certificate(p7, certs[i]));
    size = i2d_PKCS7(p7, &der);
    text = est_request(der, (size_t)size);
    *n = strlen(text);
    OPENSSL_free(der);
    PKCS7_free(p7);
    return (uint8_t *)text;
}

TEST("an answer's certificates become a chain for the key that was asked for, without the root")
{
    struct made root, inter, leaf, other;
    unsigned char *spki = NULL;
    STACK_OF(X509) * issued, *authorities;
    char *chain;
    struct err e;
    size_t n;
    uint8_t *text;
    int n_spki;

    root = made_cert("root", NULL, (struct made_how){.ca = true});
    inter = made_cert("inter", &root, (struct made_how){.ca = true});
    leaf = made_cert("leaf", &inter, (struct made_how){.eku = "serverAuth"});
    other = made_cert("other", &inter, (struct made_how){.eku = "serverAuth"});
    text = degenerate((X509 *[]){other.x, leaf.x}, 2, &n);
    issued = est_certs(text, n, &e);
    free(text);
    text = degenerate((X509 *[]){root.x, inter.x}, 2, &n);
    authorities = est_certs(text, n, &e);
    EXPECT(sk_X509_num(issued) == 2 && sk_X509_num(authorities) == 2);
    n_spki = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(leaf.x), &spki);
    chain = est_chain(issued, authorities, spki, (size_t)n_spki, &e);
    EXPECT(chain && strstr(strstr(chain, "BEGIN CERT") + 1, "BEGIN CERT"));
    EXPECT(!strstr(strstr(strstr(chain, "BEGIN CERT") + 1, "BEGIN CERT") + 1, "BEGIN CERT"));
    free(chain);
    spki[n_spki - 1] ^= 1;
    EXPECT(!est_chain(issued, authorities, spki, (size_t)n_spki, &e));
    EXPECT(strstr(e.what, "another key") != NULL);
    OPENSSL_free(spki);
    for (size_t cut = 0; cut < n; cut += 97) /* never more than what is there */
        sk_X509_pop_free(est_certs(text, cut, &e), X509_free);
    free(text);
    sk_X509_pop_free(issued, X509_free);
    sk_X509_pop_free(authorities, X509_free);
    made_free(&root);
    made_free(&inter);
    made_free(&leaf);
    made_free(&other);
}

int main(void)
{
    return test_run();
}
