/*
 * system: the contract between mgmt (M) and the appliance's own helper (S), penstock-system: the
 * version that runs, an update, the next start.
 *   M: STATE                          S: STATUS
 *   M: INSTALL, DATA ..., END         S: DONE    at the end, or at the first DATA that is refused
 *   M: ACTIVATE, POWER                S: DONE
 *   M: NETWORK, LINKS, TIME           S: NETWORK_IS, LINKS_ARE, TIME_IS
 *   M: NETWORK_SET, NETWORK_CONFIRM   S: DONE
 *   M: TIME_SET                       S: DONE
 *   M: CHECKUP                        S: CHECKUP_IS
 *   M: JOURNAL                        S: JOURNAL_IS
 *   M: DEVICES                        S: DEVICES_ARE
 *   GIVE                              S: DONE    from the DPDK engine only, before its sandbox
 *   RESET                             S: DONE    from the console only
 *
 * Why: writing partitions and starting the machine again take rights that M, which hears strangers
 * over HTTP, must not have. S takes nothing on M's word: it verifies an update itself, and its few
 * verbs have no paths, commands or names in them. One connection has one request after the other;
 * a connection that ends in the middle of an update ends the update.
 * Owner: pure over the caller's memory.
 */
#ifndef PENSTOCK_WIRE_SYSTEM_H
#define PENSTOCK_WIRE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"

#define SYSTEM_SLOTS       2
#define SYSTEM_DATA_MAX    (32 * 1024) /* bytes of an update in one message */
#define SYSTEM_RELEASE_MAX 65
#define SYSTEM_LEFT_MAX    99
#define SYSTEM_LIVE_MAX    64 /* interfaces that are there */
#define SYSTEM_LIVE_IPS    16 /* addresses of one that are told */
#define SYSTEM_LIVE_ROUTES 128
#define SYSTEM_CONFIRM_MAX 86400
#define SYSTEM_UNITS       128 /* of the service manager, that are told */
#define SYSTEM_UNIT_NAME   96
#define SYSTEM_WORD        32
#define SYSTEM_COUNTERS    16 /* of the packet filter */
#define SYSTEM_LISTENERS   255
#define SYSTEM_DEVICES_MAX 64 /* network devices on a PCI bus, that are told */
#define SYSTEM_GIVEN_MAX   8  /* of them, for the DPDK engine */
#define SYSTEM_PCI         13 /* "0000:03:00.0" */
#define SYSTEM_WHY         256

enum system_type {
    SYSTEM_STATE = 1,
    SYSTEM_INSTALL,
    SYSTEM_DATA,
    SYSTEM_END,
    SYSTEM_ACTIVATE,
    SYSTEM_POWER,
    SYSTEM_NETWORK,
    SYSTEM_NETWORK_SET,
    SYSTEM_NETWORK_CONFIRM,
    SYSTEM_LINKS,
    SYSTEM_TIME,
    SYSTEM_TIME_SET,
    SYSTEM_RESET,
    SYSTEM_CHECKUP,
    SYSTEM_DEVICES,
    SYSTEM_STATUS = 16,
    SYSTEM_DONE,
    SYSTEM_NETWORK_IS,
    SYSTEM_LINKS_ARE,
    SYSTEM_TIME_IS,
    SYSTEM_CHECKUP_IS,
    SYSTEM_DEVICES_ARE,
    SYSTEM_GIVE = 32,
    SYSTEM_JOURNAL = 48,
    SYSTEM_JOURNAL_IS,
};

/* How a version in a slot stands; in the order of the words, as the API spells them. */
enum system_slot_state {
    SYSTEM_SLOT_EMPTY,
    SYSTEM_SLOT_INCOMPLETE,
    SYSTEM_SLOT_INSTALLED,
    SYSTEM_SLOT_TRIAL,
    SYSTEM_SLOT_GOOD,
    SYSTEM_SLOT_FAILED,
    SYSTEM_SLOT_ASIDE,
    SYSTEM_SLOT_STATES
};
extern const char *const system_slot_states[SYSTEM_SLOT_STATES];

enum system_power { SYSTEM_REBOOT, SYSTEM_SHUTDOWN, SYSTEM_POWERS };

struct system_slot {
    uint64_t version; /* 0: EMPTY */
    uint8_t state;    /* enum system_slot_state */
    uint8_t left;     /* starts, of TRIAL */
};

struct system_status {
    uint64_t version; /* that runs */
    uint8_t running;  /* its slot */
    bool installing;  /* an update is coming in */
    uint64_t uptime_s;
    char kernel[SYSTEM_RELEASE_MAX];
    struct system_slot slots[SYSTEM_SLOTS];
};

struct system_done {
    int32_t error;    /* 0, or an errno: then why */
    uint64_t version; /* of INSTALL and ACTIVATE; 0 else */
    struct err why;
};

/*
 * NETWORK_IS: what runs, which version of the settings it is, and how long it still waits for
 * NETWORK_CONFIRM. NETWORK_SET: what shall run, of which version it is a change (another:
 * -ESTALE), and after how many seconds the settings before come back (0: it stays).
 */
struct system_network {
    uint64_t version;
    uint32_t confirm_s;
    struct network network;
};

/* An interface as the kernel has it. */
struct system_live {
    char name[NETWORK_NAME];
    uint8_t mac[6];
    bool up, carrier;
    uint16_t mtu;
    uint32_t speed; /* Mbit/s; 0: not known */
    uint8_t n_addresses;
    struct network_prefix addresses[SYSTEM_LIVE_IPS];
};

/* A route as the kernel has it. */
struct system_route {
    struct network_prefix to, via; /* via: all bits; family 0: it is on the link */
    char on[NETWORK_NAME];
    uint32_t metric;
};

struct system_links {
    uint8_t n, n_routes;
    struct system_live links[SYSTEM_LIVE_MAX];
    struct system_route routes[SYSTEM_LIVE_ROUTES];
};

/* TIME_SET carries version and servers of it, the rest is 0. */
struct system_time {
    uint64_t version;  /* as of the network */
    bool synchronised; /* by the kernel's word */
    int64_t offset_us; /* that the kernel is still to take away */
    int64_t max_error_us;
    int64_t built_s; /* when the version that runs was made: it can not be earlier */
    struct network_time time;
};

/* A unit in the service manager's own words, which are printable ASCII. */
struct system_unit {
    char name[SYSTEM_UNIT_NAME];
    char active[SYSTEM_WORD], sub[SYSTEM_WORD], result[SYSTEM_WORD];
    uint32_t restarts;
    uint64_t memory; /* bytes; 0: not known */
};

struct system_counter {
    char name[SYSTEM_WORD];
    uint64_t packets, bytes;
};

enum system_protocol { SYSTEM_TCP, SYSTEM_UDP, SYSTEM_RAW_IP, SYSTEM_PROTOCOLS };
extern const char *const system_protocols[SYSTEM_PROTOCOLS];

/* A socket that can be spoken to. */
struct system_listener {
    uint8_t protocol;              /* enum system_protocol */
    struct network_prefix address; /* all bits */
    uint16_t port;                 /* of RAW_IP: the protocol's number */
    uint32_t user;                 /* its owner */
};

struct system_checkup {
    uint8_t n_units, n_counters, n_listeners;
    struct system_unit units[SYSTEM_UNITS];
    struct system_counter counters[SYSTEM_COUNTERS];
    struct system_listener listeners[SYSTEM_LISTENERS];
};

/* A network device on a PCI bus. */
struct system_device {
    char address[SYSTEM_PCI];
    uint16_t vendor, device;
    char driver[SYSTEM_WORD];     /* the kernel's; "": none */
    char interface[NETWORK_NAME]; /* the kernel's name for it; "": it has none */
    bool grouped;                 /* has an IOMMU group: this one */
    uint32_t group;
    bool given;           /* to the DPDK engine */
    char why[SYSTEM_WHY]; /* it can not be given; "": it can */
};

struct system_devices {
    uint8_t n;
    uint32_t huge_mb; /* of memory in huge pages */
    struct system_device devices[SYSTEM_DEVICES_MAX];
};

/* What the DPDK engine is to have: these devices and no other, and so much memory in huge pages. */
struct system_give {
    uint8_t n;
    uint32_t huge_mb;
    char devices[SYSTEM_GIVEN_MAX][SYSTEM_PCI];
};

/*
 * put writes the body; get reads it and returns 0 or -EPROTO. STATE, INSTALL, END, RESET, NETWORK,
 * NETWORK_CONFIRM, LINKS, TIME, CHECKUP, DEVICES and JOURNAL have no body (system_get_empty); DATA
 * is bytes of the update and nothing else, 1 to SYSTEM_DATA_MAX; JOURNAL_IS as many of text, in
 * lines.
 */
int system_get_empty(struct buf *b);
const uint8_t *system_get_data(struct buf *b, size_t *n); /* NULL: -EPROTO */
void system_put_version(struct buf *b, uint64_t version);
int system_get_version(struct buf *b, uint64_t *version);
void system_put_power(struct buf *b, enum system_power what);
int system_get_power(struct buf *b, enum system_power *what);
void system_put_status(struct buf *b, const struct system_status *m);
int system_get_status(struct buf *b, struct system_status *m);
void system_put_done(struct buf *b, const struct system_done *m);
int system_get_done(struct buf *b, struct system_done *m);
void system_put_network(struct buf *b, const struct system_network *m);
int system_get_network(struct buf *b, struct system_network *m);
void system_put_links(struct buf *b, const struct system_links *m);
int system_get_links(struct buf *b, struct system_links *m);
void system_put_time(struct buf *b, const struct system_time *m);
int system_get_time(struct buf *b, struct system_time *m);
void system_put_checkup(struct buf *b, const struct system_checkup *m);
int system_get_checkup(struct buf *b, struct system_checkup *m);
void system_put_devices(struct buf *b, const struct system_devices *m);
int system_get_devices(struct buf *b, struct system_devices *m);
void system_put_give(struct buf *b, const struct system_give *m);
int system_get_give(struct buf *b, struct system_give *m);

#endif
