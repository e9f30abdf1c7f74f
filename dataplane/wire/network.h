/*
 * network: the appliance's network settings, and its servers of the time, as mgmt and the
 * appliance's helper know them (system.h).
 *
 * Why: an operator who changes the network over the network must hear of a mistake before it is
 * made. So both judge by one function, mgmt to answer and the helper because it believes nothing;
 * and what is judged good can be written as a unit with no further care: names are names, addresses
 * are bytes. Owner: pure over the caller's memory.
 */
#ifndef PENSTOCK_WIRE_NETWORK_H
#define PENSTOCK_WIRE_NETWORK_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"

#define NETWORK_LINKS     32
#define NETWORK_NAME      16 /* IFNAMSIZ */
#define NETWORK_ADDRESSES 8
#define NETWORK_ROUTES    16
#define NETWORK_MEMBERS   8
#define NETWORK_SERVERS   4
#define NETWORK_HOST      254
#define NETWORK_BODY_MAX  (64 * 1024) /* all of it, encoded */
#define NETWORK_MTU_MIN   1280        /* IPv6 wants so much (RFC 8200 5) */
#define NETWORK_MTU_MAX   9216
#define NETWORK_VLAN_MAX  4094

enum network_kind { NETWORK_ETHERNET, NETWORK_VLAN, NETWORK_BOND, NETWORK_KINDS };
enum network_dhcp {
    NETWORK_DHCP_NONE,
    NETWORK_DHCP_4,
    NETWORK_DHCP_6,
    NETWORK_DHCP_BOTH,
    NETWORK_DHCPS
};
enum network_mode { NETWORK_BACKUP, NETWORK_LACP, NETWORK_XOR, NETWORK_MODES };

/* The words of the API, which are systemd's too (bonds) or not (DHCP: "none" and "both"). */
extern const char *const network_dhcp_words[NETWORK_DHCPS];
extern const char *const network_mode_words[NETWORK_MODES];

struct network_prefix {
    uint8_t family; /* AF_INET or AF_INET6 */
    uint8_t bits;
    uint8_t ip[16]; /* of IPv4: the first four */
};

struct network_route {
    struct network_prefix to, via; /* via: all bits */
};

struct network_link {
    char name[NETWORK_NAME];
    uint8_t kind, dhcp, mode; /* mode: of a bond */
    bool adverts;             /* take IPv6 routers' advertisements */
    uint16_t mtu;             /* 0: the device's own */
    uint16_t vlan;            /* of a VLAN: its number */
    char on[NETWORK_NAME];    /* of a VLAN: what it is on */
    uint8_t n_members, n_addresses, n_routes;
    char members[NETWORK_MEMBERS][NETWORK_NAME]; /* of a bond */
    struct network_prefix addresses[NETWORK_ADDRESSES];
    struct network_route routes[NETWORK_ROUTES];
};

/* No link at all: the image's own settings count (DHCP on every wired interface). */
struct network {
    uint8_t n_links, n_dns;
    struct network_link links[NETWORK_LINKS];
    struct network_prefix dns[NETWORK_SERVERS]; /* all bits */
};

struct network_time {
    uint8_t n;
    char servers[NETWORK_SERVERS][NETWORK_HOST]; /* names or addresses */
};

/* "192.0.2.1/24"; without a length: all bits. 0 or -EINVAL. */
int network_parse(struct network_prefix *p, const char *text);
#define NETWORK_TEXT 64
/* With its length where `length`. Returns out. */
const char *network_text(const struct network_prefix *p, bool length, char out[NETWORK_TEXT]);

/* put writes, get reads and leaves what follows; a bad value makes the buffer bad. */
void network_put_prefix(struct buf *b, const struct network_prefix *p);
void network_get_prefix(struct buf *b, struct network_prefix *p);
void network_put(struct buf *b, const struct network *n);
void network_get(struct buf *b, struct network *n);
void network_put_time(struct buf *b, const struct network_time *t);
void network_get_time(struct buf *b, struct network_time *t);

/* Does it hold together? 0, or -EINVAL with *e: the place is a pointer into the API's document. */
int network_judge(const struct network *n, struct err *e);
int network_judge_time(const struct network_time *t, struct err *e);

#endif
