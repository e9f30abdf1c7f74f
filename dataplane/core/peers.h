/*
 * peers: one entry for each distinct verified chain on a link side; sessions point to it.
 *
 * Why: 5,000 sessions of one partner are one chain to keep and one to judge again; a verdict that
 * changes reaches all its sessions at once. Owner: the table is shared by all threads and locks
 * itself; entries are counted. `denied`, `why` and `until` are written by the control thread (under
 * the lock) and read by workers. Never: more chain bytes than distinct live peers.
 */
#ifndef PENSTOCK_CORE_PEERS_H
#define PENSTOCK_CORE_PEERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "dataplane/base/hash.h"
#include "dataplane/base/list.h"
#include "dataplane/wire/handoff.h"

#define PEERS_BUCKETS 4096

struct peer {
    struct list node; /* in its bucket */
    struct peer_facts facts;
    uint32_t link; /* link_live number */
    char link_name[64];
    uint8_t side;              /* enum leg_side */
    _Atomic uint32_t refs;     /* sessions, plus one while it is being judged */
    _Atomic int64_t until;     /* wall clock s */
    _Atomic uint64_t revision; /* under which its present verdict was given */
    _Atomic bool denied;
    enum reason reason; /* valid once denied is set */
    char why[HANDOFF_TEXT_MAX];
    size_t n_chain;
    uint8_t chain[];
};

struct peers {
    pthread_mutex_t lock;
    struct hash_key key;
    struct list buckets[PEERS_BUCKETS];
    uint32_t count;
};

void peers_init(struct peers *p);
void peers_fini(struct peers *p);

/*
 * The entry of this chain on this link side, made if new; counted for the caller. A peer whose
 * verdict was given under an older revision takes this handshake's. NULL when out of memory.
 */
struct peer *peers_intern(struct peers *p, const char *link_name, uint32_t link, uint8_t side,
                          uint64_t revision, const struct peer_facts *facts, const uint8_t *chain,
                          size_t n_chain);
void peers_put(struct peers *p, struct peer *peer); /* NULL is harmless */

/* All entries now, each counted for the caller, as a fresh array (free() it). -ENOMEM or the count.
 */
long peers_list(struct peers *p, struct peer ***out);

/*
 * Some entries from a cursor on (0: the first), each counted for the caller: at most max, their
 * chains not more than `bytes` together. How many; *next: the cursor behind them, 0 at the end.
 * Between two pages another entry of the same bucket may go: then one is missed, or met twice.
 */
unsigned peers_page(struct peers *p, uint64_t cursor, unsigned max, size_t bytes, struct peer **out,
                    uint64_t *next);

/* The control thread's verdict over one peer. */
void peers_deny(struct peers *p, struct peer *peer, enum reason reason, const char *why);
void peers_allow(struct peer *peer, uint64_t revision, int64_t until);

#endif
