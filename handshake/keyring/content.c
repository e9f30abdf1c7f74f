#include "handshake/keyring/content.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"
#include "dataplane/wire/policy.h"

#define PAD_BYTES          64 /* of 0x20, before the context string */
#define RANDOM             32
#define CURVE_NAMED        3 /* ECCurveType named_curve */
#define POINT_UNCOMPRESSED 4

/* Longest message of a handshake that is believed; no certificate chain comes near it. */
#define MESSAGE_MAX (64 * 1024)

static bool skip_pad(struct buf *b)
{
    const uint8_t *pad = buf_get_bytes(b, PAD_BYTES);

    for (size_t i = 0; pad && i < PAD_BYTES; i++) {
        if (pad[i] != 0x20)
            return false;
    }
    return pad != NULL;
}

/* 64 spaces, the role's context string with its zero byte, and a SHA-256 or SHA-384 hash. */
static bool is_tls13(const uint8_t *content, size_t n, const char *context)
{
    size_t n_context = strlen(context) + 1;
    const uint8_t *found;
    struct buf b;
    size_t left;

    buf_init_read(&b, content, n);
    if (!skip_pad(&b))
        return false;
    found = buf_get_bytes(&b, n_context);
    if (!found || memcmp(found, context, n_context))
        return false;
    left = buf_left(&b);
    return left == 32 || left == 48;
}

static bool is_tls13_server(const uint8_t *content, size_t n)
{
    return is_tls13(content, n, "TLS 1.3, server CertificateVerify");
}

static bool is_tls13_client(const uint8_t *content, size_t n)
{
    return is_tls13(content, n, "TLS 1.3, client CertificateVerify");
}

struct group {
    uint16_t id; /* IANA TLS Supported Groups */
    uint8_t n_point;
    bool weierstrass; /* the point has a leading form byte */
};

static const struct group groups[] = {
    {0x0017, 65, true},  /* secp256r1 */
    {0x0018, 97, true},  /* secp384r1 */
    {0x0019, 133, true}, /* secp521r1 */
    {0x001d, 32, false}, /* x25519 */
    {0x001e, 56, false}, /* x448 */
};

static const struct group *find_group(uint16_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (groups[i].id == id)
            return &groups[i];
    }
    return NULL;
}

/* client_random, server_random, ECParameters, ECPoint, and nothing else. */
static bool is_tls12_server(const uint8_t *content, size_t n)
{
    const struct group *g;
    const uint8_t *point;
    struct buf b;

    buf_init_read(&b, content, n);
    buf_get_bytes(&b, 2 * RANDOM);
    if (buf_get_u8(&b) != CURVE_NAMED)
        return false;
    g = find_group(buf_get_u16(&b));
    if (!g || buf_get_u8(&b) != g->n_point)
        return false;
    point = buf_get_bytes(&b, g->n_point);
    return point && buf_done(&b) && (!g->weierstrass || point[0] == POINT_UNCOMPRESSED);
}

/*
 * The messages of a full TLS 1.2 handshake with ECDHE up to a client's CertificateVerify.
 * HelloRequest is not part of a transcript, renegotiation and session tickets do not come before
 * this point.
 */
struct flight_row {
    uint8_t type;
    bool optional;
};

static const struct flight_row flight[] = {
    {1, false},  /* ClientHello */
    {2, false},  /* ServerHello */
    {11, false}, /* Certificate */
    {22, true},  /* CertificateStatus */
    {12, false}, /* ServerKeyExchange */
    {13, false}, /* CertificateRequest */
    {14, false}, /* ServerHelloDone */
    {11, false}, /* Certificate, ours */
    {16, false}, /* ClientKeyExchange */
};

/* Step over one message; false if it does not end inside the content. */
static bool skip_message(struct buf *b, uint8_t *type)
{
    uint32_t n;

    *type = buf_get_u8(b);
    n = (uint32_t)buf_get_u8(b) << 16;
    n |= buf_get_u16(b);
    if (n > MESSAGE_MAX)
        return false;
    buf_get_bytes(b, n);
    return buf_ok(b);
}

static bool is_tls12_client(const uint8_t *content, size_t n)
{
    struct buf b;
    uint8_t type = 0;
    size_t row = 0;

    buf_init_read(&b, content, n);
    while (buf_left(&b)) {
        if (!skip_message(&b, &type))
            return false;
        while (row < ARRAY_LEN(flight) && flight[row].type != type && flight[row].optional)
            row++;
        if (row == ARRAY_LEN(flight) || flight[row].type != type)
            return false;
        row++;
    }
    return buf_done(&b) && row == ARRAY_LEN(flight);
}

struct form_row {
    uint8_t uses; /* all of them must be in the identity's mask */
    enum content_kind kind;
    bool (*is)(const uint8_t *content, size_t n);
};

static const struct form_row forms[] = {
    {POLICY_USE_SERVER | POLICY_USE_TLS13, CONTENT_TLS13, is_tls13_server},
    {POLICY_USE_CLIENT | POLICY_USE_TLS13, CONTENT_TLS13, is_tls13_client},
    {POLICY_USE_SERVER | POLICY_USE_TLS12, CONTENT_TLS12, is_tls12_server},
    {POLICY_USE_CLIENT | POLICY_USE_TLS12, CONTENT_TLS12, is_tls12_client},
};

int content_check(const uint8_t *content, size_t n, uint8_t uses, enum content_kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        if ((uses & forms[i].uses) != forms[i].uses || !forms[i].is(content, n))
            continue;
        *kind = forms[i].kind;
        return 0;
    }
    return -EPERM;
}
