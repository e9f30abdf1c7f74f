/*
 * settings: the appliance's network and time as an administrator gave them: kept, tried, gone back.
 *
 * Why: a change of the network can cut off whoever made it. So one that is to be confirmed is only
 * in memory, and what is kept on the disk comes back when the time is over, when the helper dies
 * and when the machine starts again: nothing but a confirmation keeps it. Owner: the helper's
 * single thread, and penstock-network before it. Never: runs half of a change; keeps what was not
 * judged.
 */
#ifndef PENSTOCK_IMAGE_SETTINGS_H
#define PENSTOCK_IMAGE_SETTINGS_H

#include "dataplane/base/err.h"
#include "dataplane/wire/network.h"
#include "dataplane/wire/system.h"

struct settings {
    const char *kept;                       /* folder on the state partition */
    const char *network_units, *time_units; /* folders of units, in memory */
    uint64_t version;                       /* of the network's; another with each change */
    uint64_t time_version;
    uint64_t until_ms; /* what runs goes back then; 0: it is kept */
    struct network running, saved;
    struct network_time time;
    bool network_changed, time_changed; /* who reads the units has to hear of it; main's to do */
};

/*
 * Read what is kept and write the units of it. Settings that can not be read are as none: the
 * image's own network is better than no way in; 1 and *e says so. 0, 1, or -errno with *e.
 */
int settings_open(struct settings *s, const char *kept, const char *network_units,
                  const char *time_units, struct err *e);

/*
 * Keep these (NULL: leave what is there) for the next settings_open(). 0, or -errno with *e.
 */
int settings_first(const char *kept, const struct network *network, const struct network_time *time,
                   struct err *e);

/* As the messages of system.h say. 0, or -ESTALE, -EINVAL, -ENOENT, -errno with *e. */
int settings_network(struct settings *s, const struct system_network *want, struct err *e);
int settings_confirm(struct settings *s, struct err *e);
int settings_time(struct settings *s, const struct system_time *want, struct err *e);
/* How long what runs still waits to be confirmed. */
uint32_t settings_left_s(const struct settings *s);
/* Go back if the time is over. Call every second. */
void settings_tick(struct settings *s);

/* The devices of `before` that `after` does not have, or has otherwise: to be removed. */
unsigned settings_gone(const struct network *before, const struct network *after,
                       const char *names[NETWORK_LINKS]);

#endif
