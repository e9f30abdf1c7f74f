#include "dataplane/base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define UNIX_PREFIX "unix:"
#define UNIX_OFFSET offsetof(struct sockaddr_un, sun_path)
#define PORT_DIGITS 5
#define HOST_MAX    253 /* RFC 1035 2.3.4, as text without the root's dot */
#define LABEL_MAX   63

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff}; /* RFC 4291 2.5.5.2 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

/* Decimal digits only, no needless zero in front, at most max. */
static int parse_number(const char *text, unsigned max, unsigned *out)
{
    unsigned long v = 0;
    size_t n = strlen(text);

    if (n < 1 || n > PORT_DIGITS || (n > 1 && text[0] == '0'))
        return -EINVAL;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(text[i]))
            return -EINVAL;
        v = v * 10 + (unsigned long)(text[i] - '0');
    }
    if (v > max)
        return -EINVAL;
    *out = (unsigned)v;
    return 0;
}

/* Cut "host:port" at its last colon into host[n_host] and a port. */
static int split_port(const char *text, char *host, size_t n_host, uint16_t *port)
{
    const char *colon = strrchr(text, ':');
    size_t n = colon ? (size_t)(colon - text) : 0;
    unsigned v;

    if (!n || n >= n_host || parse_number(colon + 1, UINT16_MAX, &v) < 0)
        return -EINVAL;
    memcpy(host, text, n);
    host[n] = '\0';
    *port = (uint16_t)v;
    return 0;
}

static int parse_unix(struct addr *a, const char *path)
{
    struct addr made = {.un.sun_family = AF_UNIX};
    size_t n = strlen(path);

    if (path[0] != '/' || n >= sizeof(made.un.sun_path))
        return -EINVAL;
    memcpy(made.un.sun_path, path, n + 1);
    made.len = (socklen_t)(UNIX_OFFSET + n + 1);
    *a = made;
    return 0;
}

int addr_parse(struct addr *a, const char *text)
{
    struct addr v4 = {.len = sizeof(v4.in4), .in4.sin_family = AF_INET};
    struct addr v6 = {.len = sizeof(v6.in6), .in6.sin6_family = AF_INET6};
    char host[INET6_ADDRSTRLEN + 2]; /* with its brackets */
    uint16_t port;
    size_t n;

    if (!strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)))
        return parse_unix(a, text + strlen(UNIX_PREFIX));
    if (split_port(text, host, sizeof(host), &port) < 0)
        return -EINVAL;
    if (inet_pton(AF_INET, host, &v4.in4.sin_addr) == 1) {
        v4.in4.sin_port = htons(port);
        *a = v4;
        return 0;
    }
    n = strlen(host);
    if (host[0] != '[' || host[n - 1] != ']')
        return -EINVAL;
    host[n - 1] = '\0';
    if (inet_pton(AF_INET6, host + 1, &v6.in6.sin6_addr) != 1)
        return -EINVAL;
    v6.in6.sin6_port = htons(port);
    *a = v6;
    return 0;
}

/*
 * A DNS name: labels of 1 to 63 letters, digits, '-' and '_', no hyphen at either end. The last one
 * is not all digits (RFC 1123 2.1), so that a mistyped IPv4 address is not looked up as a name.
 */
static bool is_dns_name(const char *host)
{
    bool digits = true;
    size_t label = 0;

    for (const char *p = host;; p++) {
        if (*p && *p != '.') {
            if (!is_name_char(*p) || (label == 0 && *p == '-') || label == LABEL_MAX)
                return false;
            digits = digits && is_digit(*p);
            label++;
            continue;
        }
        if (!label || p[-1] == '-')
            return false;
        if (!*p)
            return !digits;
        label = 0;
        digits = true;
    }
}

int addr_split(const char *text, char *host, size_t n_host, uint16_t *port)
{
    char name[HOST_MAX + 1];
    uint16_t number;

    if (split_port(text, name, sizeof(name), &number) < 0 || !number || !is_dns_name(name) ||
        strlen(name) >= n_host)
        return -EINVAL;
    memcpy(host, name, strlen(name) + 1);
    *port = number;
    return 0;
}

/* Bytes of a unix address's path: the kernel need not terminate it, nor stay within the struct. */
static size_t path_len(const struct addr *a)
{
    size_t n = a->len > UNIX_OFFSET ? a->len - UNIX_OFFSET : 0;

    return strnlen(a->un.sun_path, n < sizeof(a->un.sun_path) ? n : sizeof(a->un.sun_path));
}

const char *addr_text(const struct addr *a, char *out)
{
    sa_family_t family = a->len ? a->sa.sa_family : AF_UNSPEC;
    char ip[INET6_ADDRSTRLEN];

    if (family == AF_INET && inet_ntop(AF_INET, &a->in4.sin_addr, ip, sizeof(ip)))
        snprintf(out, ADDR_TEXT_MAX, "%s:%u", ip, ntohs(a->in4.sin_port));
    else if (family == AF_INET6 && inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof(ip)))
        snprintf(out, ADDR_TEXT_MAX, "[%s]:%u", ip, ntohs(a->in6.sin6_port));
    else if (family == AF_UNIX)
        snprintf(out, ADDR_TEXT_MAX, UNIX_PREFIX "%.*s", (int)path_len(a), a->un.sun_path);
    else
        snprintf(out, ADDR_TEXT_MAX, "-");
    return out;
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
    if (!a->len || !b->len)
        return a->len == b->len;
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    switch (a->sa.sa_family) {
    case AF_INET:
        return a->in4.sin_port == b->in4.sin_port &&
               a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
    case AF_INET6:
        return a->in6.sin6_port == b->in6.sin6_port &&
               a->in6.sin6_scope_id == b->in6.sin6_scope_id &&
               !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 16);
    case AF_UNIX:
        return path_len(a) == path_len(b) && !memcmp(a->un.sun_path, b->un.sun_path, path_len(a));
    default:
        return false;
    }
}

void addr_unmap(struct addr *a)
{
    struct addr v4 = {.len = sizeof(v4.in4), .in4.sin_family = AF_INET};

    if (!a->len || a->sa.sa_family != AF_INET6 || memcmp(&a->in6.sin6_addr, mapped_prefix, 12))
        return;
    v4.in4.sin_port = a->in6.sin6_port;
    memcpy(&v4.in4.sin_addr, a->in6.sin6_addr.s6_addr + 12, 4);
    *a = v4;
}

bool addr_is_ip(const struct addr *a)
{
    return a->len && (a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6);
}

bool addr_is_loopback(const struct addr *a)
{
    struct addr plain = *a;

    addr_unmap(&plain);
    if (!addr_is_ip(&plain))
        return false;
    return plain.sa.sa_family == AF_INET ? ntohl(plain.in4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET
                                         : IN6_IS_ADDR_LOOPBACK(&plain.in6.sin6_addr);
}

bool addr_is_any(const struct addr *a)
{
    struct addr plain = *a;

    addr_unmap(&plain);
    if (!addr_is_ip(&plain))
        return false;
    return plain.sa.sa_family == AF_INET ? plain.in4.sin_addr.s_addr == htonl(INADDR_ANY)
                                         : IN6_IS_ADDR_UNSPECIFIED(&plain.in6.sin6_addr);
}

uint16_t addr_port(const struct addr *a)
{
    if (!addr_is_ip(a))
        return 0;
    return ntohs(a->sa.sa_family == AF_INET ? a->in4.sin_port : a->in6.sin6_port);
}

void addr_source_net(const struct addr *a, uint8_t net[16])
{
    struct addr plain = *a;

    addr_unmap(&plain);
    memset(net, 0, 16);
    if (!addr_is_ip(&plain))
        return;
    if (plain.sa.sa_family == AF_INET) {
        memcpy(net, mapped_prefix, 12);
        memcpy(net + 12, &plain.in4.sin_addr, 3);
    } else {
        memcpy(net, &plain.in6.sin6_addr, 8);
    }
}

/* True if every bit of ip after the first `bits` is zero. */
static bool host_bits_clear(const uint8_t *ip, size_t n_ip, unsigned bits)
{
    for (size_t i = bits / 8; i < n_ip; i++) {
        unsigned keep = i == bits / 8 ? bits % 8 : 0;

        if (ip[i] & (0xff >> keep))
            return false;
    }
    return true;
}

/* A network of IPv4-mapped addresses is the IPv4 network: sources are unmapped before the match. */
static void cidr_unmap(struct cidr *c)
{
    if (c->family != AF_INET6 || c->bits < 96 || memcmp(c->ip, mapped_prefix, 12))
        return;
    c->family = AF_INET;
    c->bits = (uint8_t)(c->bits - 96);
    memmove(c->ip, c->ip + 12, 4);
    memset(c->ip + 4, 0, 12);
}

int cidr_parse(struct cidr *c, const char *text)
{
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    char host[INET6_ADDRSTRLEN];
    struct cidr made = {0};
    unsigned bits;

    if (n >= sizeof(host))
        return -EINVAL;
    memcpy(host, text, n);
    host[n] = '\0';
    if (inet_pton(AF_INET, host, made.ip) == 1)
        made.family = AF_INET;
    else if (inet_pton(AF_INET6, host, made.ip) == 1)
        made.family = AF_INET6;
    else
        return -EINVAL;
    bits = made.family == AF_INET ? 32 : 128;
    if (slash && parse_number(slash + 1, bits, &bits) < 0)
        return -EINVAL;
    if (!host_bits_clear(made.ip, sizeof(made.ip), bits))
        return -EINVAL;
    made.bits = (uint8_t)bits;
    cidr_unmap(&made);
    *c = made;
    return 0;
}

bool cidr_match_ip(const struct cidr *c, const uint8_t *ip, size_t n_ip)
{
    size_t whole = c->bits / 8;
    unsigned rest = c->bits % 8;

    if (n_ip != (c->family == AF_INET ? 4u : 16u) || memcmp(c->ip, ip, whole))
        return false;
    return !rest || !((c->ip[whole] ^ ip[whole]) >> (8 - rest));
}

bool cidr_match(const struct cidr *c, const struct addr *a)
{
    struct addr plain = *a;

    addr_unmap(&plain);
    if (!addr_is_ip(&plain))
        return false;
    if (plain.sa.sa_family == AF_INET)
        return cidr_match_ip(c, (const uint8_t *)&plain.in4.sin_addr, 4);
    return cidr_match_ip(c, plain.in6.sin6_addr.s6_addr, 16);
}
