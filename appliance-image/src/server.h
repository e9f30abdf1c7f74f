/*
 * server: penstock-system's side of the contract with mgmt (dataplane/wire/system.h).
 *
 * Why: one place decides what a caller may have done: callers are the gateway's user or root, by
 * the kernel's word; verbs are few; an update has one caller at a time. Owner: main; a single
 * thread. Never: runs a word of a caller's; keeps an update of a caller who is gone.
 */
#ifndef PENSTOCK_IMAGE_SERVER_H
#define PENSTOCK_IMAGE_SERVER_H

#include <sys/types.h>

#include "appliance-image/src/bundle.h"
#include "appliance-image/src/slots.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/system.h"

#define SERVER_CALLERS 8

struct install;
struct settings;

struct server {
    /* filled by whoever opens it, and theirs */
    uid_t user; /* who may call, besides root */
    struct slots *slots;
    struct settings *settings;
    const char *state;   /* path of the state partition */
    const char *manager; /* path of systemctl */
    const char *journal; /* path of journalctl */
    uint64_t version;    /* that runs */
    uint8_t key[BUNDLE_KEY];
    /* the server's own */
    int listener;            /* SOCK_SEQPACKET */
    struct install *install; /* NULL: none comes in */
    int installer;           /* index of its caller */
    int power;               /* enum system_power that was asked for, -1: none; main's to do */
    struct {
        int fd;       /* -1: free */
        bool root;    /* by the kernel's word; else it is the user */
        bool refused; /* its update: what still comes of it is passed over */
    } callers[SERVER_CALLERS];
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];
};

/* Listen at path, which is made anew. 0 or -errno with *e. */
int server_open(struct server *s, const char *path, struct err *e);
void server_close(struct server *s);
/* Wait at most ms, and do what there is to do. */
void server_run(struct server *s, int ms);

#endif
