/*
 * shake [--json]: what the cryptography of one full mTLS handshake costs on this machine, in CPU
 * microseconds: TLS 1.3 with X25519 and P-256 certificates, chains of leaf and one intermediate.
 *
 * Why: a gateway can not do with less than this, so its CPU per handshake is also given as a
 * multiple of it. Every key and algorithm is ready before the clock starts: what an ordinary
 * program pays to look them up is overhead, not floor. Each figure is the best of several rounds.
 */
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"

#define ROUNDS     7
#define CALLS      300
#define TRANSCRIPT 3500 /* bytes of one handshake: hellos, two certificate messages, the rest */
#define HASHINGS                                                                                   \
    24 /* HMACs of the key schedule: 3 extracts, 8 secrets, 8 keys and IVs, 4 for Finished */
#define EXPAND 60 /* bytes that one of them takes */

struct bench {
    EVP_PKEY *x25519, *x25519_peer, *p256;
    EVP_MD *sha256, *sha384;
    EVP_MAC_CTX *hmac;
    uint8_t message[146]; /* what CertificateVerify signs: 64 spaces, 33 + 1, a SHA-384 */
    uint8_t signature[80];
    size_t n_signature;
};

static double cpu_s(void)
{
    struct timespec t;

    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void exchange(struct bench *b)
{
    EVP_PKEY_CTX *make = EVP_PKEY_CTX_new(b->x25519, NULL), *derive;
    EVP_PKEY *own = NULL;
    uint8_t secret[32];
    size_t n = sizeof(secret);

    check(make && EVP_PKEY_keygen_init(make) == 1 && EVP_PKEY_generate(make, &own) == 1);
    derive = EVP_PKEY_CTX_new(own, NULL);
    check(derive && EVP_PKEY_derive_init(derive) == 1 &&
          EVP_PKEY_derive_set_peer(derive, b->x25519_peer) == 1 &&
          EVP_PKEY_derive(derive, secret, &n) == 1);
    EVP_PKEY_CTX_free(derive);
    EVP_PKEY_CTX_free(make);
    EVP_PKEY_free(own);
}

static void sign(struct bench *b)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    b->n_signature = sizeof(b->signature);
    check(ctx && EVP_DigestSignInit(ctx, NULL, b->sha256, NULL, b->p256) == 1 &&
          EVP_DigestSign(ctx, b->signature, &b->n_signature, b->message, sizeof(b->message)) == 1);
    EVP_MD_CTX_free(ctx);
}

static void verify(struct bench *b)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    check(ctx && EVP_DigestVerifyInit(ctx, NULL, b->sha256, NULL, b->p256) == 1 &&
          EVP_DigestVerify(ctx, b->signature, b->n_signature, b->message, sizeof(b->message)) == 1);
    EVP_MD_CTX_free(ctx);
}

/* The transcript once, and the key schedule (RFC 8446 7.1). */
static void schedule(struct bench *b)
{
    uint8_t bytes[TRANSCRIPT] = {0}, out[EVP_MAX_MD_SIZE];
    size_t n;

    check(EVP_Digest(bytes, sizeof(bytes), out, NULL, b->sha384, NULL) == 1);
    for (int i = 0; i < HASHINGS; i++)
        check(EVP_MAC_init(b->hmac, out, 48, NULL) == 1 &&
              EVP_MAC_update(b->hmac, bytes, EXPAND) == 1 &&
              EVP_MAC_final(b->hmac, out, &n, sizeof(out)) == 1);
}

static const struct step {
    const char *name, *what;
    void (*run)(struct bench *b);
    unsigned known, fresh; /* times in a handshake with a peer that is known; that is new */
} steps[] = {
    {"exchange", "X25519: make a key, agree on a secret", exchange, 1, 1},
    {"sign", "P-256: sign our CertificateVerify", sign, 1, 1},
    {"verify", "P-256: verify the peer's (new: and two certificates)", verify, 1, 3},
    {"schedule", "SHA-384 of the transcript, 24 HMACs of the key schedule", schedule, 1, 1},
};

static double best_us(struct bench *b, const struct step *s)
{
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_s(), us;

        for (int i = 0; i < CALLS; i++)
            s->run(b);
        us = (cpu_s() - start) * 1e6 / CALLS;
        best = us < best ? us : best;
    }
    return best;
}

static void init(struct bench *b)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    char digest[] = "SHA384";
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                           OSSL_PARAM_END};

    *b = (struct bench){.x25519 = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
                        .x25519_peer = EVP_PKEY_Q_keygen(NULL, NULL, "X25519"),
                        .p256 = EVP_EC_gen("P-256"),
                        .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
                        .sha384 = EVP_MD_fetch(NULL, "SHA384", NULL),
                        .hmac = EVP_MAC_CTX_new(hmac)};
    EVP_MAC_free(hmac);
    check(b->x25519 && b->x25519_peer && b->p256 && b->sha256 && b->sha384 && b->hmac);
    check(EVP_MAC_CTX_set_params(b->hmac, params) == 1);
    memset(b->message, ' ', sizeof(b->message));
    sign(b);
}

static void fini(struct bench *b)
{
    EVP_PKEY_free(b->x25519);
    EVP_PKEY_free(b->x25519_peer);
    EVP_PKEY_free(b->p256);
    EVP_MD_free(b->sha256);
    EVP_MD_free(b->sha384);
    EVP_MAC_CTX_free(b->hmac);
}

int main(int argc, char *argv[])
{
    bool json = argc == 2 && !strcmp(argv[1], "--json");
    double known = 0, fresh = 0;
    struct bench b;

    init(&b);
    printf(json ? "{" : "CPU microseconds of one mTLS handshake's cryptography\n");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        double us = best_us(&b, &steps[i]);

        known += us * steps[i].known;
        fresh += us * steps[i].fresh;
        if (json)
            printf("\"%s_us\": %.2f, ", steps[i].name, us);
        else
            printf("%8.1f  %s\n", us, steps[i].what);
    }
    if (json)
        printf("\"known_us\": %.2f, \"new_us\": %.2f}\n", known, fresh);
    else
        printf("%8.1f  in all, with a peer that is known\n%8.1f  with one that is new\n", known,
               fresh);
    fini(&b);
    return 0;
}
