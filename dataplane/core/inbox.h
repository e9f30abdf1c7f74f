/*
 * inbox: messages between the threads of one data plane.
 *
 * Why: workers share nothing they change; the control thread tells them what happened, and they it.
 * Owner: created by main; any thread posts, one thread takes. A note is heap memory that passes
 * from the poster to the taker. Never: blocks for long; its length is bounded by what the control
 * thread and sessions have under way.
 */
#ifndef PENSTOCK_CORE_INBOX_H
#define PENSTOCK_CORE_INBOX_H

#include <pthread.h>
#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/list.h"

struct gate;

enum note_kind {
    NOTE_CHANNEL, /* to a worker: kind, fd */
    NOTE_SWAP,    /* to a worker: gate (counted), fds of its listeners; answered by NOTE_SWAPPED */
    NOTE_PEERS,   /* to a worker: look at every session's peer */
    NOTE_DIALLED, /* to a worker: session, fd or error */
    NOTE_CALL,    /* to a worker: link, fd: a stream for an internal link */
    NOTE_STOP_LISTENING,
    NOTE_DRAIN,   /* to a worker: end what is left */
    NOTE_STOP,    /* to a worker: leave the loop */
    NOTE_SWAPPED, /* to main */
    NOTE_DIAL,    /* to main: session, addr */
    NOTE_REJUDGE, /* to main: a peer was accepted under an old revision */
    NOTE_FAILED,  /* to main: a worker can not go on */
};

struct note {
    struct list node;
    enum note_kind kind;
    unsigned worker;
    uint8_t channel;
    int fd;
    int error;
    uint64_t session;
    struct addr addr;
    char link[64];
    struct gate *gate;
    unsigned n_fds;
    int *fds;
};

struct inbox {
    pthread_mutex_t lock;
    struct list notes;
    int event_fd; /* readable while there may be notes */
};

int inbox_init(struct inbox *b); /* 0 or -errno */
void inbox_fini(struct inbox *b);
/* A zeroed note of a kind; NULL when out of memory. */
struct note *note_new(enum note_kind kind);
void inbox_post(struct inbox *b, struct note *n); /* takes n */
/* The next note (free() it), or NULL; clears the event before it looks. */
struct note *inbox_take(struct inbox *b);

#endif
