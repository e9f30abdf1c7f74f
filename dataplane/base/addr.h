/*
 * addr: socket addresses and CIDR networks as text and bytes.
 *
 * Why: the configuration, the log, PROXY headers and the limits all speak of addresses; this is the
 * only parser and printer. Grammar: "1.2.3.4:443", "[2001:db8::1]:443", "unix:/path".
 * Never: resolves names, opens sockets.
 */
#ifndef PENSTOCK_BASE_ADDR_H
#define PENSTOCK_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

struct addr {
    socklen_t len; /* 0: unspecified */
    union {
        struct sockaddr sa;
        struct sockaddr_in in4;
        struct sockaddr_in6 in6;
        struct sockaddr_un un;
    };
};

struct cidr {
    uint8_t family; /* AF_INET or AF_INET6 */
    uint8_t bits;
    uint8_t ip[16]; /* host bits zero */
};

#define ADDR_TEXT_MAX 128

/*
 * Parse a numeric address with port (or unix:/absolute/path, at most 107 bytes). Port 0 is taken
 * (any port); interface scopes ("fe80::1%eth0") are not. -EINVAL if not in the grammar.
 */
int addr_parse(struct addr *a, const char *text);
/*
 * Split "host:port" (host a DNS name, port not 0) for a resolver. -EINVAL when malformed or too
 * long, and for a last label of digits: a mistyped IPv4 address is no name.
 */
int addr_split(const char *text, char *host, size_t n_host, uint16_t *port);
/* Print in the same grammar into out[ADDR_TEXT_MAX]; "-" when unspecified. Returns out. */
const char *addr_text(const struct addr *a, char *out);
bool addr_equal(const struct addr *a, const struct addr *b);
/* IPv4-mapped IPv6 becomes IPv4, in place (RFC 4291 2.5.5.2). */
void addr_unmap(struct addr *a);
bool addr_is_ip(const struct addr *a);
/* 127.0.0.0/8 or ::1: whoever is at the other end is on this machine. False for unix. */
bool addr_is_loopback(const struct addr *a);
/* 0.0.0.0 or ::, as a listener has that takes whatever address was called. False for unix. */
bool addr_is_any(const struct addr *a);
uint16_t addr_port(const struct addr *a);
/* The source's network for limits: /24 or /64 as 16 bytes (IPv4 mapped); zeros for unix. */
void addr_source_net(const struct addr *a, uint8_t net[16]);

/*
 * "10.0.0.0/8", "2001:db8::/32", or an address alone (/32, /128). Host bits set are -EINVAL. A
 * network of IPv4-mapped addresses (::ffff:0:0/96 and below) becomes the IPv4 network.
 */
int cidr_parse(struct cidr *c, const char *text);
/* True if the address lies in the network; an IPv4-mapped one counts as IPv4. False for unix. */
bool cidr_match(const struct cidr *c, const struct addr *a);
/* The same for bare bytes, 4 or 16 of them. Exact: 16 bytes never match an IPv4 network. */
bool cidr_match_ip(const struct cidr *c, const uint8_t *ip, size_t n_ip);

#endif
