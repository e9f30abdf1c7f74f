/*
 * leg: one side of a session, and the seam between kinds of leg (plain, soft, ktls).
 *
 * Why: the pump moves bytes between two legs without knowing what they are; what a kind must do is
 * one const table of functions. Owner: its session's worker. Never: two blocks of bytes waiting: a
 * leg that can not send stops its partner from reading.
 */
#ifndef PENSTOCK_CORE_LEG_H
#define PENSTOCK_CORE_LEG_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/core/bucket.h"
#include "dataplane/core/iobuf.h"
#include "dataplane/core/peers.h"
#include "dataplane/record/post.h"
#include "dataplane/record/seal.h"
#include "dataplane/wire/query.h"

struct worker;
struct session;
struct leg;

/* What a leg's recv found besides bytes. */
enum leg_event {
    LEG_DATA,   /* bytes (maybe none: control records only); there may be more */
    LEG_AGAIN,  /* nothing waiting */
    LEG_EOF,    /* a clean end: FIN on plain, close_notify on TLS; bytes may come with it */
    LEG_FAILED, /* leg->fault says why */
};

enum leg_owed {                    /* control records to send once nothing is waiting in `out` */
                OWE_KEYUPDATE = 1, /* answer, or our own before 2^24 records */
                OWE_CLOSE = 2,     /* close_notify (TLS), then FIN */
};

struct leg_ops {
    enum leg_engine engine;
    /*
     * Read once into io (empty) and leave plaintext pieces in it. *more: false when the socket is
     * known to be empty.
     */
    enum leg_event (*recv)(struct worker *w, struct leg *leg, struct iobuf *io, bool *more);
    /*
     * Protect io's pieces in place where their gaps allow it and send them. The block is taken:
     * freed when all went out, else kept in leg->out. 0 or -errno.
     */
    int (*send)(struct worker *w, struct leg *leg, struct iobuf *io);
    /* Go on with leg->out. 0 (maybe still waiting) or -errno. */
    int (*flush)(struct worker *w, struct leg *leg);
    /* Send one control record; nothing is waiting in out. 0 or -errno. NULL on plain. */
    int (*control)(struct worker *w, struct leg *leg, uint8_t type, const uint8_t *data, size_t n);
    /* Next generation of our sending keys (TLS 1.3), after the KeyUpdate record went out. 0 or
     * -errno. */
    int (*rekey_tx)(struct worker *w, struct leg *leg);
};

struct stash { /* bytes read and not yet used */
    uint8_t *data;
    uint32_t n, cap;
};

struct leg {
    const struct leg_ops *ops; /* NULL until it can carry data */
    int fd;                    /* -1: none */
    struct addr addr;          /* the other end */
    uint8_t side;              /* enum leg_side */
    bool tls;
    bool keyed;
    bool armed_in, armed_out; /* a poll is in flight */
    uint8_t epoch;            /* of the descriptor: tells a late event of an earlier one */
    bool retry_control;       /* a control record found the socket full */
    bool rx_closed, tx_closed, fin_sent;
    bool fin_next;      /* what is sent now is the last before the FIN: one segment does for both */
    bool seen_data;     /* application data was received */
    bool bulk;          /* the last read was a whole record at least */
    bool control_next;  /* ktls: splice says that a control record is next */
    bool exact;         /* before KEYED: read one record at a time */
    bool opened;        /* OPEN was sent: the handshake process knows this leg */
    bool feeding;       /* it has our records and owes an answer */
    bool waiting;       /* records could not be given to it yet */
    uint32_t fed;       /* bytes at the stash's start that it has */
    bool keyed_wait;    /* keys are here; installed once the last handshake bytes left */
    bool turn;          /* it stopped for fairness with more to read */
    bool linger;        /* last words were said: discard input until the peer closes */
    uint32_t discarded; /* bytes read while lingering */
    uint8_t owed;
    struct stash in;    /* partial record, or records not yet fed */
    struct iobuf *out;  /* what the socket did not take */
    struct seal rx, tx; /* keys; for ktls only the secrets */
    struct post post;
    struct bucket keyupdates; /* received KeyUpdates allowed */
    uint64_t keyupdate_bytes; /* received since the last allowance for volume */
    uint32_t keyupdates_rx, keyupdates_tx;
    uint64_t tx_records; /* ktls: since the last rekey */
    uint16_t version, suite;
    uint16_t rule; /* that let the peer in, */
    uint64_t
        opened_under; /* in the revision of its handshake: the session may be under another now */
    char group[32];
    const char *why; /* why not ktls; static text */
    struct peer *peer;
    enum reason fault;
    const char *fault_text; /* static */
    uint8_t alert;          /* TLS alert we owe for fault, 0: none */
    uint8_t peer_alert;     /* fatal alert received */
};

/* Keep n bytes as the leg's stash, replacing what was there (src may lie inside it). 0 or -ENOMEM.
 */
int stash_set(struct stash *s, const uint8_t *src, size_t n);
/* Room for `cap` bytes in all, keeping the content. 0 or -ENOMEM. */
int stash_reserve(struct stash *s, size_t cap);
void stash_free(struct stash *s); /* wipes */

void leg_init(struct leg *leg, uint8_t side);
/* Free what it holds (not its descriptor); keys are wiped. */
void leg_fini(struct worker *w, struct leg *leg);

/* Note why the leg fails; the first fault stays. Returns LEG_FAILED. */
enum leg_event leg_fail(struct leg *leg, enum reason reason, uint8_t alert, const char *text);

/*
 * Judge one opened record that is not application data: alerts, post-handshake messages. Shared by
 * soft and ktls. rekey_rx installs the next receiving keys. Returns LEG_DATA to go on, LEG_EOF
 * after close_notify, LEG_FAILED.
 */
enum leg_event leg_control_record(struct worker *w, struct leg *leg, uint8_t type,
                                  const uint8_t *data, size_t n,
                                  int (*rekey_rx)(struct worker *w, struct leg *leg));

/* n bytes of data went through this leg, in either direction: they pay for KeyUpdates, up to a
 * store. */
void leg_volume(struct leg *leg, size_t n);

/* Send what is owed, if nothing waits in out. 0 or -errno. */
int leg_settle(struct worker *w, struct leg *leg);

#endif
