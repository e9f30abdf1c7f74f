/*
 * gate: one revision at work, and what outlives revisions: the live state of links and targets.
 *
 * Why: a policy is immutable, counters and health are not. A link keeps its counters, limits in use
 * and target health when its configuration changes; they are found again by name. Owner: struct
 * registry (one in the process, locked) owns the live states; a gate is counted and is freed when
 * the last session that began under it has gone. Never: changes a policy. Live states are only ever
 * added, so that pointers to them stay good; there are at most as many as names ever configured.
 */
#ifndef PENSTOCK_CORE_GATE_H
#define PENSTOCK_CORE_GATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "dataplane/base/list.h"
#include "dataplane/core/bucket.h"
#include "dataplane/wire/policy.h"

struct target_live {
    struct list node;
    struct addr addr;
    _Atomic uint32_t sessions;      /* being dialled or open, over all workers */
    _Atomic uint32_t failures;      /* in a row */
    _Atomic uint32_t successes;     /* periodic checks in a row, while ejected */
    _Atomic uint64_t ejected_until; /* monotonic ms; 0: in use */
};

struct link_live {
    struct list node;
    char name[POLICY_NAME_MAX];
    uint32_t number; /* distinct for each name, for tables */
    _Atomic uint32_t sessions, shaking;
    _Atomic uint64_t accepted, keyed, refused, up_bytes, down_bytes;
    pthread_mutex_t lock; /* of rate and the list of targets */
    struct bucket rate;
    struct list targets;
};

struct registry {
    pthread_mutex_t lock;
    struct list links;
    uint32_t count;
};

struct gate_link {
    const struct policy_link *policy;
    struct link_live *live;
    struct target_live **targets; /* as policy->targets */
};

struct gate {
    struct policy *policy;
    struct gate_link *links;
    _Atomic uint32_t refs;
};

void registry_init(struct registry *r);
void registry_fini(struct registry *r);

/* Take over the policy (also on failure) and pair it with the live states. 0 or -ENOMEM. */
int gate_new(struct registry *r, struct policy *p, struct gate **out);
struct gate *gate_get(struct gate *g);
void gate_put(struct gate *g); /* NULL is harmless; the last one frees */
/* The link of that name, or NULL. */
struct gate_link *gate_find(struct gate *g, const char *name);

#endif
