/*
 * fleet: all children and the channels between them.
 *
 * Why: which process talks to which is one table; a pair is made when both ends are far enough and
 * made anew when either came back, so that nobody else has to know who died.
 * Owner: the launcher's one thread. Never: restarts anything while the launcher is stopping.
 */
#ifndef PENSTOCK_LAUNCHER_FLEET_H
#define PENSTOCK_LAUNCHER_FLEET_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/wire/control.h"
#include "dataplane/wire/sealed.h"
#include "mgmt/launcher/args.h"
#include "mgmt/launcher/child.h"

#define FLEET_MAX (WORKERS_MAX + 5 + CONTROL_TOKENS_MAX) /* data planes, judge, keyring, mgmt */

struct fleet {
    char programs[PATH_MAX];
    unsigned workers, n;
    unsigned rekey_records; /* passed to the data plane; 0: its own limit */
    struct child children[FLEET_MAX];
    bool linked[CHANNEL_KINDS][WORKERS_MAX]; /* this pair was given to both ends */
    unsigned dpdk; /* workers of the DPDK data plane, behind the others; 0: there is none */
    int ports_fd;  /* its first message: the image that says which ports to open; or -1 */
    const struct modules *modules; /* for token processes; NULL: none */
    const char *appliance;         /* socket of its helper, for mgmt; NULL or "": there is none */
    const char *vrrp;              /* and of the one that speaks VRRP */
    int local_fd;                  /* mgmt's listening local socket, or -1 */
    int state_fd;                  /* mgmt's directory, or -1 */
    int kek_fd;                    /* the keyring's key-encryption key, or -1 */
    enum kek_kept kek_kept;        /* where that is kept, for mgmt */
    int log_write, log_read;       /* the pipe of all log lines: theirs, and mgmt's; 0: none */
    bool stopping;
};

void fleet_init(struct fleet *f, const char *programs, unsigned workers, int local_fd,
                int state_fd);
/* Close every channel. The processes end by that. */
void fleet_fini(struct fleet *f);
struct child *fleet_find(struct fleet *f, enum role role, unsigned index);
/*
 * Start every child that is due. 0, or -errno of the first that could not be started with its
 * program's name in *program (it is tried again after its back-off).
 */
int fleet_start_due(struct fleet *f, uint64_t now_ms, const char **program);
/* A child was reaped: its pairs are no more, it goes DOWN. */
void fleet_child_died(struct fleet *f, struct child *c, uint64_t now_ms);
/* Make and hand out every pair whose two ends are far enough. Call after any change of stage. */
void fleet_link(struct fleet *f);
/*
 * The DPDK data plane with so many workers and a handshake process for each, begun or (0) given up.
 * While it runs their number stays. image_fd stays the caller's. 0, -ENOENT (the program is not
 * installed), -ENOSPC (there are not so many workers' numbers left), or -errno.
 */
int fleet_dpdk(struct fleet *f, unsigned wanted, int image_fd);
/* Is there none, or one that the machine has nothing for: would fleet_dpdk() begin one? */
bool fleet_lacks_dpdk(const struct fleet *f);
/* What was begun for a change that failed is again the one that is missing, of the running image.
 */
void fleet_dpdk_lost(struct fleet *f, unsigned wanted, int image_fd);
/* Send a connection of the management link to mgmt; fd stays the caller's. False: mgmt is not
 * there.
 */
bool fleet_give_caller(struct fleet *f, int fd);
/* The first that the keyring gets: later it would be a change of key. */
void fleet_give_kek(struct fleet *f);
/* Can mgmt talk to the vault, without which it stores no key? */
bool fleet_has_vault(const struct fleet *f);
/* Kill what missed the deadline of its stage. */
void fleet_check_deadlines(struct fleet *f, uint64_t now_ms);
/* The earliest time at which fleet_start_due() or fleet_check_deadlines() has work, or limit_ms. */
uint64_t fleet_next_ms(const struct fleet *f, uint64_t limit_ms);
/* True if every child that takes part in a revision (all but mgmt) serves. */
bool fleet_all_serve(const struct fleet *f);
/*
 * The token process of a module, which is wanted from now on. Its number, or -ENOSPC (all are in
 * use, or one has not ended yet), -ENOMEM.
 */
int fleet_seat(struct fleet *f, const char *module);
/* It is wanted no more: its channel is closed, by which it ends. */
void fleet_unseat(struct child *c);
static inline bool child_votes(const struct child *c)
{
    return c->role != ROLE_MGMT && child_wanted(c);
}

#endif
