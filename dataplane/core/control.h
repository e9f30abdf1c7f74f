/*
 * control: the data plane's main thread: the launcher's messages, two-phase changes, judge and
 * dials.
 *
 * Why: workers carry traffic; what changes their world arrives here, is checked whole, and is then
 * told to them in one note each. Owner: main. Never: touches a session.
 */
#ifndef PENSTOCK_CORE_CONTROL_H
#define PENSTOCK_CORE_CONTROL_H

#include <pthread.h>
#include "dataplane/core/health.h"
#include "dataplane/core/inbox.h"
#include "dataplane/core/judge.h"
#include "dataplane/core/worker.h"
#include "dataplane/wire/control.h"

#define DIALS_MAX 1024 /* unix: targets being dialled at once */

struct staged { /* a revision between ATTACH and COMMIT */
    uint64_t revision;
    int image_fd;
    int *listener_fds; /* [listener * workers + worker], -1: missing */
    unsigned n_fds;
    struct gate *gate; /* once prepared */
};

struct control {
    int fd; /* to the launcher */
    struct shared *shared;
    struct inbox inbox;   /* from the workers */
    struct inbox *worker; /* to each of n_workers */
    struct gate *gate;    /* running */
    struct staged staged;
    unsigned swaps_left; /* workers that have not yet taken the new revision */
    struct judge judge;
    struct health health;
    struct {
        bool used;
        unsigned worker;
        uint64_t session;
    } dials[DIALS_MAX];
    int clock_fd;      /* readable when the wall clock was set */
    uint64_t drain_ms; /* draining until then; 0: no */
    bool draining, cutting, done;
    uint8_t message[CHAN_HEADER + 16384];
};

/* fd: the control channel; workers' inboxes as made by main. 0 or -errno. */
int control_init(struct control *c, int fd, struct shared *shared, struct inbox *workers);
void control_fini(struct control *c);
/* Run until drained or the launcher is gone. 0: drained, 1: the launcher is gone. */
int control_run(struct control *c);

#endif
