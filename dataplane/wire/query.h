/*
 * query: what mgmt asks a worker over their query channel: live sessions, counters, ending one.
 *
 * Why: a worker answers from its own tables between two events, a bounded page at a time, so that a
 * look at 5,000 sessions never stalls traffic.
 *   mgmt: SESSIONS(cursor)   worker: PAGE(next cursor, rows...)      cursor 0 begins, next 0 ends
 *   mgmt: STATS              worker: STATS_PAGE (counters by link, by reason and by port)
 *   mgmt: END(session)       worker: ENDED(error)
 *   mgmt: PEERS(cursor)      worker: PEERS_PAGE (live peers with their chains; of all workers)
 */
#ifndef PENSTOCK_WIRE_QUERY_H
#define PENSTOCK_WIRE_QUERY_H

#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/buf.h"
#include "dataplane/wire/facts.h"
#include "dataplane/wire/policy.h"
#include "dataplane/wire/reason.h"

#define QUERY_PAGE_ROWS 64

enum query_type {
    QUERY_SESSIONS = 1,
    QUERY_STATS,
    QUERY_END,
    QUERY_PEERS,
    QUERY_PAGE = 16,
    QUERY_STATS_PAGE,
    QUERY_ENDED,
    QUERY_PEERS_PAGE,
};

enum leg_engine { LEG_PLAIN, LEG_SOFT, LEG_KTLS, LEG_DPDK };
const char *leg_engine_name(uint8_t e); /* "plain", "soft", "ktls", "dpdk" */

struct query_leg {                /* one leg as an operator sees it */
    struct addr addr;             /* the other end */
    uint8_t engine_rx, engine_tx; /* enum leg_engine */
    char why[96];                 /* why not ktls, "" where it is or the leg is plain */
    uint16_t version, suite;      /* 0 when plain */
    char group[32];
    char peer[256]; /* facts name, "" when plain */
    uint8_t chain_sha256[32];
    uint32_t keyupdates_rx, keyupdates_tx;
};

struct query_session {
    uint64_t id;
    char link[POLICY_NAME_MAX];
    char state[16];
    uint64_t age_ms, idle_ms;
    uint64_t up_bytes, down_bytes; /* application bytes */
    struct query_leg outer, inner;
};

struct query_page {
    uint64_t next; /* cursor */
    uint16_t n_rows;
    struct query_session rows[QUERY_PAGE_ROWS];
};

#define QUERY_LINKS_MAX   256 /* links in one stats page; the page says the index it begins with */
#define QUERY_TARGETS_MAX 16

struct query_link_stats {
    char link[POLICY_NAME_MAX];
    uint32_t live, shaking;
    uint64_t accepted, keyed, refused, up_bytes, down_bytes;
};

enum query_frames { /* of a port of the dpdk engine */
                    FRAMES_RECEIVED,
                    FRAMES_SENT,
                    FRAMES_MISSED,    /* by the device: nobody took them in time, */
                    FRAMES_NO_MEMORY, /* or there was no packet for them */
                    FRAMES_BAD,       /* errors of the device, */
                    FRAMES_NOT_SENT,  /* either way */
                    FRAMES_FOREIGN,   /* by us: enum port_refusal */
                    FRAMES_SUM,
                    FRAMES_REFUSED,
                    FRAMES_HELD,
                    FRAMES_LANE,
                    FRAMES_COUNTS
};
const char *query_frames_name(unsigned what); /* as a metric's label has it */

struct query_port_stats {
    char name[POLICY_NAME_MAX];
    uint64_t frames[FRAMES_COUNTS];
};

struct query_stats {
    uint32_t first, total; /* links in this page begin at `first` of `total` */
    uint16_t n_links;
    struct query_link_stats links[QUERY_LINKS_MAX];
    uint64_t reasons[REASON_COUNT]; /* ends and refusals by reason */
    uint64_t stale_ids;             /* messages dropped for a stale session id */
    uint16_t n_ports;
    struct query_port_stats ports[POLICY_PORTS_MAX];
};

#define QUERY_PEERS_ROWS  32
#define QUERY_PEERS_BYTES (96 * 1024) /* of all chains in a page together */

struct query_peer {
    char link[POLICY_NAME_MAX];
    uint8_t side; /* enum leg_side */
    struct peer_facts facts;
    const uint8_t *chain; /* as in handoff; of the page's bytes after get */
    size_t n_chain;
};

struct query_peers {
    uint64_t next; /* cursor; 0: that was all */
    uint16_t n;
    struct query_peer rows[QUERY_PEERS_ROWS];
};

/* SESSIONS, PEERS: cursor; STATS: first link; END: session id. */
void query_put_number(struct buf *b, uint64_t v);
int query_get_number(struct buf *b, uint64_t *v);
void query_put_page(struct buf *b, const struct query_page *m);
int query_get_page(struct buf *b, struct query_page *m);
void query_put_stats(struct buf *b, const struct query_stats *m);
int query_get_stats(struct buf *b, struct query_stats *m);
void query_put_peers(struct buf *b, const struct query_peers *m);
int query_get_peers(struct buf *b, struct query_peers *m);
void query_put_ended(struct buf *b, int32_t error);
int query_get_ended(struct buf *b, int32_t *error);

#endif
