/*
 * vrrpline: mgmt's connection to penstock-vrrp (dataplane/wire/vrrp.h), which speaks VRRP for it.
 *
 * Why: the helper has to hear again and again that the gateway is well, and tells when the
 * addresses come or go; so the connection stays, and is made anew when it ended. With it goes a
 * pidfd of the launcher: its end is seen by the helper at once, while the end of this process is
 * not the gateway's. Owner: the manager. Never: waits for the helper.
 */
#ifndef PENSTOCK_MGMT_PAIR_VRRPLINE_H
#define PENSTOCK_MGMT_PAIR_VRRPLINE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/wire/vrrp.h"

#define VRRPLINE_PATH 100

struct manager;

struct vrrpline {
    char path[VRRPLINE_PATH]; /* of the helper's socket; "": there is none */
    int launcher;             /* pidfd */
    int fd;                   /* -1: not connected */
    bool told;                /* it has had the set */
    struct vrrp_set set;      /* that is wanted */
    struct vrrp_status status;
    bool heard; /* status is the helper's word */
    uint64_t next_ms;
};

/* path NULL: there is no helper. Before the sandbox. 0, -ENAMETOOLONG, or -errno. */
int vrrpline_init(struct vrrpline *v, const char *path);
/* What is wanted from now on. */
void vrrpline_set(struct vrrpline *v, const struct vrrp_set *set);
/* Once in a while: connect, tell how the gateway is. */
void vrrpline_tick(struct manager *m, uint64_t now_ms);
/* One row to wait on; and what came of it: true if the status is another. */
void vrrpline_poll(const struct vrrpline *v, struct pollfd *p);
bool vrrpline_run(struct manager *m);

#endif
