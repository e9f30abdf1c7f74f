/* token: do both ends make the same of it, and nothing else? */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509v3.h>

#include "mgmt/model/token.h"
#include "tests/unit/test.h"

static struct token sample(uint8_t fill)
{
    struct token t;

    for (size_t i = 0; i < TOKEN_SEED; i++)
        t.seed[i] = (uint8_t)(fill + 7 * i);
    for (size_t i = 0; i < TOKEN_PIN; i++)
        t.pin[i] = (uint8_t)(fill - 11 * i);
    return t;
}

TEST("a token comes back from its text, in any case and with any grouping")
{
    for (unsigned fill = 0; fill < 256; fill++) {
        struct token t = sample((uint8_t)fill), got;
        char text[TOKEN_TEXT], other[2 * TOKEN_TEXT];
        size_t n = 0;

        token_text(&t, text);
        EXPECT(strlen(text) == 64 && strspn(text, "abcdefghijklmnopqrstuvwxyz234567-") == 64);
        EXPECT(!token_parse(text, &got) && !memcmp(&got, &t, sizeof t));
        for (const char *p = text; *p; p++) {
            if (*p != '-')
                other[n++] = (char)(*p >= 'a' ? *p - 32 : *p);
            if (n % 3 == 0)
                other[n++] = ' ';
        }
        other[n] = '\0';
        EXPECT(!token_parse(other, &got) && !memcmp(&got, &t, sizeof t));
    }
}

TEST("known bytes have a known text")
{
    struct token t = {{0}, {0}};
    char text[TOKEN_TEXT];

    token_text(&t, text);
    EXPECT(!strncmp(text, "aaaa-aaaa", 9));
    memcpy(t.seed, "foobar", 6); /* RFC 4648: MZXW6YTBOI */
    token_text(&t, text);
    EXPECT(!strncmp(text, "mzxw-6ytb-oi", 12));
}

TEST("a text that is too short, too long, or of other letters is no token")
{
    struct token t = sample(9), got;
    char text[TOKEN_TEXT], more[TOKEN_TEXT + 8];

    token_text(&t, text);
    EXPECT(token_parse("", &got) == -EINVAL);
    snprintf(more, sizeof more, "%sa", text);
    EXPECT(token_parse(more, &got) == -EINVAL);
    snprintf(more, sizeof more, "%.63s", text);
    EXPECT(token_parse(more, &got) == -EINVAL);
    text[0] = '1';
    EXPECT(token_parse(text, &got) == -EINVAL);
    token_text(&t, text);
    text[63] = 'b'; /* a bit that no byte has */
    EXPECT(token_parse(text, &got) == -EINVAL);
}

TEST("one seed gives one pair of certificates, byte by byte, and another seed another")
{
    struct token t = sample(1), u = sample(2);
    struct token_identity a, b, c;

    EXPECT(!token_identity(&t, &a) && !token_identity(&t, &b) && !token_identity(&u, &c));
    EXPECT(!X509_cmp(a.ca, b.ca) && !X509_cmp(a.leaf, b.leaf));
    EXPECT(EVP_PKEY_eq(a.key, b.key) == 1 && EVP_PKEY_eq(a.key, c.key) != 1);
    EXPECT(X509_cmp(a.ca, c.ca) && X509_cmp(a.leaf, c.leaf));
    EXPECT(X509_verify(a.leaf, X509_get0_pubkey(a.ca)) == 1);
    EXPECT(X509_verify(c.leaf, X509_get0_pubkey(a.ca)) != 1);
    EXPECT(X509_check_private_key(a.leaf, a.key) == 1);
    EXPECT(X509_check_ca(a.leaf) == 0 && X509_check_ca(a.ca) == 1);
    u = t;
    u.pin[0] ^= 1; /* the server's half is no secret and changes nothing */
    token_identity_fini(&c);
    EXPECT(!token_identity(&u, &c) && !X509_cmp(a.leaf, c.leaf));
    token_identity_fini(&a);
    token_identity_fini(&b);
    token_identity_fini(&c);
}

int main(void)
{
    return test_run();
}
