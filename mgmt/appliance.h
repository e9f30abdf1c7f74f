/*
 * appliance: mgmt's requests to the appliance's own helper (dataplane/wire/system.h), and its
 * answers.
 *
 * Why: an update takes a minute and the disk may be slow, while requests are served; so each
 * request has a connection of its own, that is looked at when it has something to say. Owner: the
 * manager. Never: gives the helper anything but the verbs of the contract; waits for it.
 */
#ifndef PENSTOCK_MGMT_APPLIANCE_H
#define PENSTOCK_MGMT_APPLIANCE_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/wire/system.h"

#define APPLIANCE_LINES    8
#define APPLIANCE_WAIT_MS  300000 /* from the last byte to the answer: a disk that syncs */
#define APPLIANCE_PATH     100
#define APPLIANCE_CLOCK_MS 30000

struct manager;

/* rc 0 and the one that the request has, the others NULL; or -errno with *e. */
struct appliance_answer {
    const struct system_status *status;
    const struct system_network *network;
    const struct system_links *links;
    const struct system_time *time;
    const struct system_checkup *checkup;
    const char *journal;
    const struct system_devices *devices;
    uint64_t version;
};
typedef void appliance_done(void *arg, int rc, const struct appliance_answer *a,
                            const struct err *e);

struct appliance_line {
    int fd;              /* -1: free */
    bool waits_for_room; /* somebody has bytes of an update to send */
    uint64_t until_ms;   /* 0: no answer is due yet */
    appliance_done *done;
    void (*room)(void *arg);
    void *arg;
};

/* Large, and of use only while one answer is told. */
struct appliance_heard {
    struct system_status status;
    struct system_network network;
    struct system_links links;
    struct system_time time;
    struct system_checkup checkup;
    char journal[SYSTEM_DATA_MAX + 1];
    struct system_devices devices;
};

struct appliance {
    char path[APPLIANCE_PATH]; /* of the helper's socket; "": this is no appliance */
    struct appliance_line lines[APPLIANCE_LINES];
    struct appliance_heard heard;
    struct system_time clock; /* as it was when last looked at */
    bool clock_known, clock_asked;
    uint64_t clock_at_ms; /* when to look again */
    uint64_t trial_ms;    /* a network that nobody has confirmed by then went back; 0: none waits */
};

/* path NULL: this is no appliance. 0, or -ENAMETOOLONG. */
int appliance_init(struct appliance *a, const char *path);
/*
 * Ask. type: any but DATA and END, with its body; body NULL: none. The number of
 * its line, and done will be called once; or -errno with *e, and it will not: -ENOTSUP (this is no
 * appliance), -EAGAIN (the helper is not there, or has too much to do).
 */
int appliance_ask(struct manager *m, uint8_t type, const struct buf *body, appliance_done *done,
                  void *arg, struct err *e);
/*
 * Bytes of an update, as many as there is room for. How many were taken; 0: room(arg) will be
 * called once when there is some; or -EPIPE: the helper has said why, or is gone: done comes.
 */
long appliance_feed(struct manager *m, int line, const void *data, size_t n, void (*room)(void *));
/* The update has ended: the answer is due from now on. 0, -EAGAIN (as feed's 0), or -EPIPE. */
int appliance_end(struct manager *m, int line, void (*room)(void *));
/* Nobody waits for it any more: done will not be called. An update that is under way ends. */
void appliance_drop(struct manager *m, int line);

/* The network waits to be confirmed from now on (0: no more); if it goes back, the audit says so.
 */
void appliance_trial(struct manager *m, unsigned confirm_s);
/* What is wrong with a clock for whoever judges certificates by it. NULL: nothing. */
const char *appliance_clock_wrong(const struct system_time *t, int64_t now_s);
/* Look at the clock now and then, and at what nobody has confirmed. */
void appliance_tick(struct manager *m);

/* APPLIANCE_LINES rows to wait on; and what came of it. */
unsigned appliance_poll(const struct manager *m, struct pollfd *p);
void appliance_run(struct manager *m);

#endif
