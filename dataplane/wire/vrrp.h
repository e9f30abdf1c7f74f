/*
 * vrrp: the contract between mgmt (M) and the helper that speaks VRRP for it (V), penstock-vrrp.
 *   M: SET (with a pidfd of the launcher)    V: STATE, now and whenever it changes
 *   M: HEALTH, again and again
 *
 * Why: to answer for an address and to speak VRRP takes rights on the network that M, which hears
 * strangers over HTTP, must not have. V takes no text from M but the name of an interface; what it
 * writes for keepalived is its own. Owner: pure over the caller's memory.
 */
#ifndef PENSTOCK_WIRE_VRRP_H
#define PENSTOCK_WIRE_VRRP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/buf.h"

#define VRRP_ADDRESSES_MAX 16
#define VRRP_INTERFACE_MAX 16 /* IFNAMSIZ */
#define VRRP_TEXT_MAX      64
#define VRRP_WHY_MAX       256
#define VRRP_INTERVAL_MIN  100
#define VRRP_INTERVAL_MAX  40000 /* ms; twelve bits of centiseconds (RFC 9568 5.2.7) */
#define VRRP_PRIORITY_MAX  254   /* 255 is the owner of an address (RFC 9568 5.2.4) */

enum vrrp_type { VRRP_SET = 1, VRRP_HEALTH, VRRP_STATE = 16 };

/* As the API spells them: vrrp_states[]. */
enum vrrp_state {
    VRRP_OFF,      /* nothing is wanted */
    VRRP_STARTING, /* it has not been heard yet */
    VRRP_PASSIVE,
    VRRP_ACTIVE, /* the addresses are here */
    VRRP_FAULT,  /* the gateway or the interface is not well */
    VRRP_FAILED, /* keepalived does not run; why */
    VRRP_STATES
};
extern const char *const vrrp_states[VRRP_STATES];

struct vrrp_address {
    uint8_t family; /* AF_INET or AF_INET6; 0: none */
    uint8_t bits;   /* of its network */
    uint8_t ip[16];
};

struct vrrp_set {
    bool on; /* false: the rest is empty */
    char interface[VRRP_INTERFACE_MAX];
    uint8_t router, priority;
    bool preempt;
    uint32_t interval_ms;
    struct vrrp_address source, peer; /* both: unicast; neither: multicast */
    uint8_t n_addresses;
    struct vrrp_address addresses[VRRP_ADDRESSES_MAX];
};

struct vrrp_status {
    uint8_t state;
    int64_t since_s;        /* seconds since 1970 */
    uint32_t changes;       /* of the state, since V started */
    char why[VRRP_WHY_MAX]; /* of FAULT and FAILED */
};

/* put writes the body; get reads it and returns 0 or -EPROTO. */
void vrrp_put_set(struct buf *b, const struct vrrp_set *m);
int vrrp_get_set(struct buf *b, struct vrrp_set *m);
void vrrp_put_health(struct buf *b, const bool *good);
int vrrp_get_health(struct buf *b, bool *good);
void vrrp_put_status(struct buf *b, const struct vrrp_status *m);
int vrrp_get_status(struct buf *b, struct vrrp_status *m);

/* What an interface may be called: no text of it can mean anything to whoever reads it. */
bool vrrp_is_interface(const char *name);
/* "192.0.2.1/24", "2001:db8::1"; bits 0 where no network is said. 0 or -EINVAL. */
int vrrp_address_parse(const char *text, struct vrrp_address *a);
/* The address without its network. */
const char *vrrp_address_text(const struct vrrp_address *a, char out[VRRP_TEXT_MAX]);

#endif
