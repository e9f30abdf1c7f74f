#include "dataplane/core/proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/wire/policy.h"
#include "dataplane/wire/suite.h"

static const uint8_t v2_signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum { /* TLV types of version 2 */
       TLV_ALPN = 0x01,
       TLV_AUTHORITY = 0x02,
       TLV_UNIQUE_ID = 0x05,
       TLV_SSL = 0x20,
       SSL_VERSION = 0x21,
       SSL_CN = 0x22,
       SSL_CIPHER = 0x23,
       SSL_SIG_ALG = 0x24,
       SSL_KEY_ALG = 0x25,
       SSL_GROUP = 0x26,
       SSL_SIG_SCHEME = 0x27,
       SSL_CLIENT_CERT = 0x28,
       TLV_RULE = 0xe0, /* our own: revision (u64), rule (u16) */
};

enum { CLIENT_SSL = 1, CLIENT_CERT_CONN = 2, CLIENT_CERT_SESS = 4 };

#define V1_MAX 107

static long write_v1(const struct proxy_facts *f, uint8_t *out, size_t cap)
{
    char src[INET6_ADDRSTRLEN], dst[INET6_ADDRSTRLEN];
    bool v4 = f->src.len && f->src.sa.sa_family == AF_INET;
    const void *s = v4 ? (const void *)&f->src.in4.sin_addr : &f->src.in6.sin6_addr;
    const void *d = v4 ? (const void *)&f->dst.in4.sin_addr : &f->dst.in6.sin6_addr;
    int n;

    if (!addr_is_ip(&f->src) || !addr_is_ip(&f->dst) ||
        f->src.sa.sa_family != f->dst.sa.sa_family) {
        n = snprintf((char *)out, cap, "PROXY UNKNOWN\r\n");
    } else {
        inet_ntop(f->src.sa.sa_family, s, src, sizeof src);
        inet_ntop(f->src.sa.sa_family, d, dst, sizeof dst);
        n = snprintf((char *)out, cap, "PROXY %s %s %s %u %u\r\n", v4 ? "TCP4" : "TCP6", src, dst,
                     addr_port(&f->src), addr_port(&f->dst));
    }
    return n < 0 || (size_t)n >= cap ? -ENOSPC : n;
}

static void put_addresses(struct buf *b, const struct proxy_facts *f)
{
    if (f->src.sa.sa_family == AF_INET) {
        buf_put_bytes(b, &f->src.in4.sin_addr, 4);
        buf_put_bytes(b, &f->dst.in4.sin_addr, 4);
    } else {
        buf_put_bytes(b, &f->src.in6.sin6_addr, 16);
        buf_put_bytes(b, &f->dst.in6.sin6_addr, 16);
    }
    buf_put_u16(b, addr_port(&f->src));
    buf_put_u16(b, addr_port(&f->dst));
}

static void put_tlv(struct buf *b, uint8_t type, const void *data, size_t n)
{
    if (n == 0)
        return;
    buf_put_u8(b, type);
    buf_put_u16(b, (uint16_t)n);
    buf_put_bytes(b, data, n);
}

static void put_text(struct buf *b, uint8_t type, const char *s)
{
    put_tlv(b, type, s, strlen(s));
}

/* The leaf: the first certificate of the chain, behind its u32 length. */
static void put_leaf(struct buf *b, const struct peer *p)
{
    struct buf chain;
    const uint8_t *der;
    size_t n;

    buf_init_read(&chain, p->chain, p->n_chain);
    der = buf_get_blob(&chain, CHAIN_DER_MAX, &n);
    if (der && n <= PROXY_MAX - 2048)
        put_tlv(b, SSL_CLIENT_CERT, der, n);
}

static void put_ssl(struct buf *b, const struct proxy_facts *f)
{
    const struct negotiated *n = f->negotiated;
    const struct suite *suite = suite_by_id(n->suite);
    size_t at = b->len;

    buf_put_u8(b, TLV_SSL);
    buf_put_u16(b, 0); /* its length, known below */
    buf_put_u8(b, CLIENT_SSL | CLIENT_CERT_CONN | CLIENT_CERT_SESS);
    buf_put_u32(b, 0); /* verified */
    put_text(b, SSL_VERSION, n->version == TLS13 ? "TLSv1.3" : "TLSv1.2");
    put_text(b, SSL_CN, f->peer->facts.common_name);
    put_text(b, SSL_CIPHER, suite ? suite->openssl_name : "");
    put_text(b, SSL_SIG_ALG, f->peer->facts.sig_alg);
    put_text(b, SSL_KEY_ALG, f->peer->facts.key_alg);
    put_text(b, SSL_GROUP, n->group);
    put_text(b, SSL_SIG_SCHEME, n->sig_scheme);
    put_leaf(b, f->peer);
    if (buf_ok(b)) {
        size_t len = b->len - at - 3;
        b->data[at + 1] = (uint8_t)(len >> 8);
        b->data[at + 2] = (uint8_t)len;
    }
}

static void put_tlvs(struct buf *b, const struct proxy_facts *f)
{
    char id[17];

    put_text(b, TLV_ALPN, f->negotiated->alpn);
    put_text(b, TLV_AUTHORITY, f->negotiated->server_name);
    snprintf(id, sizeof id, "%016llx", (unsigned long long)f->session);
    put_text(b, TLV_UNIQUE_ID, id);
    if (f->management) {
        buf_put_u8(b, TLV_RULE);
        buf_put_u16(b, 10);
        buf_put_u64(b, f->revision);
        buf_put_u16(b, f->rule);
    }
    put_ssl(b, f);
}

static long write_v2(const struct proxy_facts *f, bool tlvs, uint8_t *out, size_t cap)
{
    bool known = addr_is_ip(&f->src) && addr_is_ip(&f->dst) &&
                 f->src.sa.sa_family == f->dst.sa.sa_family;
    struct buf b;

    buf_init(&b, out, cap);
    buf_put_bytes(&b, v2_signature, sizeof v2_signature);
    buf_put_u8(&b, 0x21); /* version 2, PROXY */
    buf_put_u8(&b, !known ? 0x00 : f->src.sa.sa_family == AF_INET ? 0x11 : 0x21);
    buf_put_u16(&b, 0);
    if (known)
        put_addresses(&b, f);
    if (tlvs && f->tls)
        put_tlvs(&b, f);
    if (!buf_ok(&b))
        return -ENOSPC;
    out[14] = (uint8_t)((b.len - 16) >> 8);
    out[15] = (uint8_t)(b.len - 16);
    return (long)b.len;
}

long proxy_write(uint8_t kind, const struct proxy_facts *f, uint8_t *out, size_t cap)
{
    switch (kind) {
    case PROXY_NONE:
        return 0;
    case PROXY_V1:
        return write_v1(f, out, cap);
    default:
        return write_v2(f, kind == PROXY_V2_TLS, out, cap);
    }
}

static void set_ip(struct addr *a, const uint8_t *ip, size_t n_ip, uint16_t port)
{
    memset(a, 0, sizeof *a);
    if (n_ip == 4) {
        a->len = sizeof a->in4;
        a->in4.sin_family = AF_INET;
        memcpy(&a->in4.sin_addr, ip, 4);
        a->in4.sin_port = htons(port);
    } else {
        a->len = sizeof a->in6;
        a->in6.sin6_family = AF_INET6;
        memcpy(&a->in6.sin6_addr, ip, 16);
        a->in6.sin6_port = htons(port);
    }
}

/* The body of a version 2 header: addresses, then TLVs, which are skipped. */
static long read_v2(const uint8_t *p, size_t n, struct addr *src, struct addr *dst)
{
    size_t len, ip;
    struct buf b;

    if (n < 16)
        return (long)(16 - n);
    len = (size_t)p[14] << 8 | p[15];
    if ((p[12] & 0xf0) != 0x20 || (p[12] & 0x0f) > 1 || 16 + len > PROXY_IN_MAX)
        return -EPROTO;
    if (n < 16 + len)
        return (long)(16 + len - n);
    src->len = dst->len = 0;
    if ((p[12] & 0x0f) == 0 || p[13] == 0) /* LOCAL, or UNSPEC: the connection speaks for itself */
        return 0;
    if (p[13] != 0x11 && p[13] != 0x21)
        return -EPROTO;
    ip = p[13] == 0x11 ? 4 : 16;
    buf_init_read(&b, p + 16, len);
    const uint8_t *s = buf_get_bytes(&b, ip), *d = buf_get_bytes(&b, ip);
    uint16_t sport = buf_get_u16(&b), dport = buf_get_u16(&b);
    if (!buf_ok(&b))
        return -EPROTO;
    set_ip(src, s, ip, sport);
    set_ip(dst, d, ip, dport);
    return 0;
}

static bool parse_port(const char *s, uint16_t *port)
{
    unsigned v = 0;

    if (!*s || strlen(s) > 5)
        return false;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (unsigned)(*s - '0');
    }
    *port = (uint16_t)v;
    return v <= 65535;
}

static bool parse_ip(int family, const char *ip, const char *port, struct addr *a)
{
    uint8_t bytes[16];
    uint16_t p;

    if (inet_pton(family, ip, bytes) != 1 || !parse_port(port, &p))
        return false;
    set_ip(a, bytes, family == AF_INET ? 4 : 16, p);
    return true;
}

/* "PROXY TCP4 src dst sport dport\r\n"; line is terminated and without the CRLF. */
static long parse_v1(char *line, struct addr *src, struct addr *dst)
{
    char *word[7], *save = NULL;
    int n = 0, family;

    for (char *t = strtok_r(line, " ", &save); t && n < 7; t = strtok_r(NULL, " ", &save))
        word[n++] = t;
    src->len = dst->len = 0;
    if (n >= 2 && !strcmp(word[1], "UNKNOWN"))
        return 0;
    if (n != 6 || (strcmp(word[1], "TCP4") && strcmp(word[1], "TCP6")))
        return -EPROTO;
    family = word[1][3] == '4' ? AF_INET : AF_INET6;
    if (!parse_ip(family, word[2], word[4], src) || !parse_ip(family, word[3], word[5], dst))
        return -EPROTO;
    return 0;
}

static long read_v1(const uint8_t *p, size_t n, struct addr *src, struct addr *dst)
{
    char line[V1_MAX + 1];

    if (n > V1_MAX || memchr(p, 0, n))
        return -EPROTO;
    if (p[n - 1] != '\n')
        return n == V1_MAX ? -EPROTO : 1;
    if (p[n - 2] != '\r')
        return -EPROTO;
    memcpy(line, p, n - 2);
    line[n - 2] = '\0';
    return parse_v1(line, src, dst);
}

long proxy_read(const uint8_t *p, size_t n, struct addr *src, struct addr *dst)
{
    if (n < PROXY_FIRST)
        return (long)(PROXY_FIRST - n);
    if (!memcmp(p, v2_signature, sizeof v2_signature))
        return read_v2(p, n, src, dst);
    if (!memcmp(p, "PROXY ", 6))
        return read_v1(p, n, src, dst);
    return -EPROTO;
}
