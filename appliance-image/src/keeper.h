/*
 * keeper: keepalived as a child of penstock-vrrp: what it is told, and what it says it is.
 *
 *   OFF --set--> STARTING --word on the FIFO--> PASSIVE | ACTIVE | FAULT      set off: OFF
 *                    ^--- a second after it ended: FAILED --'
 *   STARTING without a word: FAILED, until one comes
 *
 * Why: whoever speaks VRRP must end with whoever judges the gateway, and be told at once when that
 * is not well: a file that keepalived watches, and no program that it runs.
 * Owner: main; single-threaded. Never: leaves keepalived running when it ends itself.
 */
#ifndef PENSTOCK_IMAGE_KEEPER_H
#define PENSTOCK_IMAGE_KEEPER_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "dataplane/base/err.h"
#include "dataplane/wire/vrrp.h"

#define KEEPER_POLL 2

struct keeper {
    const char *folder, *program; /* borrowed */
    struct vrrp_set set;
    struct vrrp_status status;
    bool good;            /* the gateway is well */
    pid_t pid;            /* 0: it does not run */
    int watch;            /* pidfd of it, -1 */
    int fifo;             /* what it says */
    uint64_t next_ms;     /* when it is started again; 0: not */
    uint64_t fault_ms;    /* when to see why it is still in FAULT; 0: not */
    unsigned patience_ms; /* with one that does not say what it is */
    uint64_t mute_ms;     /* when one that is still STARTING has failed; 0: not */
    char line[128];       /* of the FIFO, so far */
    unsigned n_line;
    bool changed; /* the status, since the caller looked */
};

/* Make the files. 0 or -errno with *e. */
int keeper_open(struct keeper *k, const char *folder, const char *program, struct err *e);
/* End keepalived, which gives the addresses up, and wait for it. */
void keeper_close(struct keeper *k);
/* What is wanted from now on; the same again changes nothing. */
void keeper_set(struct keeper *k, const struct vrrp_set *set);
void keeper_health(struct keeper *k, bool good);
/* KEEPER_POLL rows to wait on; and what came of it. */
void keeper_poll(const struct keeper *k, struct pollfd *p);
void keeper_run(struct keeper *k);

#endif
