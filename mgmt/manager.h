/*
 * manager: what penstock-mgmt holds.
 *
 * Why: the running and the coming configuration, the channels, the local API in one place.
 * Owner: main; single-threaded. Never: a private key in clear; traffic.
 */
#ifndef PENSTOCK_MGMT_MANAGER_H
#define PENSTOCK_MGMT_MANAGER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/wire/chan.h"
#include "dataplane/wire/control.h"
#include "mgmt/appliance.h"
#include "mgmt/callers.h"
#include "mgmt/coming.h"
#include "mgmt/events.h"
#include "mgmt/journal.h"
#include "mgmt/model/compile.h"
#include "mgmt/pair/pair.h"
#include "mgmt/renew/web.h"
#include "mgmt/ship/ship.h"
#include "mgmt/store/store.h"
#include "mgmt/tokens.h"
#include "mgmt/vaultline.h"

#define MANAGER_WORKERS_MAX 64
#define ONCE_MAX            64
#define MANAGER_WAITING_MAX 256 /* all channels may come while a file is opened */

struct api;
struct watcher;
struct list_source;
struct renewal;

struct manager {
    int control;
    int workers[MANAGER_WORKERS_MAX]; /* query channels, -1: none */
    /* answers to questions nobody waits for any more; they come first */
    unsigned owed[MANAGER_WORKERS_MAX];
    unsigned n_workers;
    int judge;           /* channel to the judge, -1: none */
    unsigned judge_owes; /* answers to questions nobody waits for any more */
    struct api *api;     /* NULL: not served yet */
    struct store store;
    bool has_state;              /* the working directory is ours */
    struct err store_err;        /* why the store does not open, if it does not */
    uint64_t revision;           /* running; 0: none */
    uint64_t highest;            /* number that was ever given, here or before */
    json_t *document;            /* of the running revision, canonical */
    char name[CONTROL_PATH_MAX]; /* the file's */
    json_t *warnings;
    struct err missing;         /* why an engine of what runs is not there; what "": all are */
    json_t *offered;            /* by profile (offered.h) */
    struct compile_date *dates; /* what runs out, for alarms */
    unsigned n_dates;
    struct coming coming;
    struct callers callers;
    struct vaultline vault;
    struct events events;
    struct tokens tokens;
    struct journal journal; /* log lines of all processes */
    struct ship ship;       /* and where they are sent */
    struct appliance appliance;
    struct pair pair;
    bool backup_busy;             /* one is made or restored: each may hold much */
    struct web web;               /* requests to others */
    struct list_source *lists;    /* that are fetched */
    struct renewal *renewals;     /* of identities */
    char under_way[ONCE_MAX][65]; /* POSTs with an Idempotency-Key; "": free */
    struct watcher *watchers[16]; /* WATCHERS_MAX: streams of events; NULL: free */
    json_t *authority;            /* of the management link's own trust; NULL: it has none yet */
    int64_t authority_at_s;       /* when authority_tick() has to look again */
    int64_t confirm_at_s;         /* when confirm_tick() has to look; 0: nothing is waited for */
    int64_t alarmed_s;            /* alarms up to this moment were logged */
    unsigned owner;               /* uid that may use the local socket, besides root */
    uint64_t start_ms, applied_ms;
    uint32_t next_token;
    bool done;
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];
    /* messages that came while an answer to OPEN was awaited */
    struct {
        uint8_t type;
        int fd;
        struct buf body;
        uint8_t *mem;
    } waiting[MANAGER_WAITING_MAX];
    unsigned n_waiting;
};

/* appliance, vrrp: the sockets of helpers, NULL: there is none. 0 or -errno. */
int manager_init(struct manager *m, int control, const char *appliance, const char *vrrp);
/* Log what has come near its end since the last call. */
void manager_alarm(struct manager *m, int64_t now);
/* One message of the launcher. 0 or -errno. */
int manager_take(struct manager *m, struct chan_msg *msg);
/* Everything that waits on the control channel. 0 or -errno: it is dead. */
int manager_control(struct manager *m);
/*
 * Wait for one message of a type while others are put aside. 0 with *msg (its body in m->message),
 * or -errno.
 */
int manager_await(struct manager *m, uint8_t type, struct chan_msg *msg, int timeout_ms);

#endif
