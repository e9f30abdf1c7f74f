/*
 * legs: the kinds of leg that every net below can carry.
 *
 * Why: plain and soft legs see a byte stream through struct net_ops, so sockets and DPDK share
 * them to the last rule about records. Owner: the leg's worker.
 */
#ifndef PENSTOCK_CORE_LEGS_H
#define PENSTOCK_CORE_LEGS_H

#include "dataplane/core/leg.h"

extern const struct leg_ops leg_plain_ops, leg_soft_ops;
/* soft, under the name that says what carries its bytes. */
extern const struct leg_ops leg_dpdk_ops;

/* Put the keys in leg->rx/tx to work under ops (soft or dpdk), by that library. 0 or -errno. */
int leg_soft_install(struct leg *leg, const struct leg_ops *ops,
                     const struct seal_ops *(*library)(enum aead aead));

/* Are records sealed and counted here? */
static inline bool leg_seals(const struct leg *leg)
{
    return leg->ops && (leg->ops->engine == LEG_SOFT || leg->ops->engine == LEG_DPDK);
}

#endif
