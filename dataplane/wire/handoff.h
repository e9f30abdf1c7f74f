/*
 * handoff: the contract between a worker (W) and its handshake process (H).
 *
 * Why: a handshake is bytes in, bytes out. W owns sockets and never parses a handshake; H parses
 * and owns neither socket nor traffic. One leg's conversation:
 *
 *   W: OPEN    (role, link or listener, and for a server leg its first record)
 *   H: LINK    server legs opened on a listener with several links: which link the SNI chose
 *   W: GO | NO                                  ... after the per-link limits
 *   H: STEP    bytes to send (maybe none); then W feeds the next record(s)
 *   W: FEED    one or more whole TLS records
 *   H: KEYED   last bytes to send, keys, facts, how many of the fed bytes were used   (end)
 *      FAILED  alert to send, reason, text                                            (end)
 *   W: CLOSE   at any time: the connection is gone                                    (end)
 *
 * After LINK, H waits for GO before anything is signed. H answers every OPEN, GO and FEED with
 * exactly one of LINK, STEP, KEYED, FAILED. A message for a leg that H does not know is dropped
 * (CLOSE may cross); one that is illegal in the leg's state ends the leg with FAILED(INTERNAL). The
 * judge (a further instance of H) answers JUDGE with JUDGED on the same kind of channel. Bytes that
 * follow the record which ended the handshake stay unconsumed and are the data plane's.
 */
#ifndef PENSTOCK_WIRE_HANDOFF_H
#define PENSTOCK_WIRE_HANDOFF_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/wire/facts.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/reason.h"

#define RECORD_HEADER    5
#define RECORD_BODY_MAX  (16384 + 256) /* TLS 1.3; before KEYED nothing larger is accepted */
#define HANDOFF_FEED_MAX (48 * 1024)   /* bytes of records in one OPEN or FEED */
#define HANDOFF_SEND_MAX (64 * 1024)   /* bytes to send in one answer */
#define HANDOFF_LINK_ANY 0xffff
#define HANDOFF_TEXT_MAX 256

enum handoff_type {
    HANDOFF_OPEN = 1, /* W to H */
    HANDOFF_FEED,
    HANDOFF_GO,
    HANDOFF_NO,
    HANDOFF_CLOSE,
    HANDOFF_JUDGE,
    HANDOFF_LINK = 16, /* H to W */
    HANDOFF_STEP,
    HANDOFF_KEYED,
    HANDOFF_FAILED,
    HANDOFF_JUDGED,
};

enum leg_side {
    LEG_OUTER, /* accepted: the TLS server role */
    LEG_INNER, /* dialled: the TLS client role */
};

/* Every message but JUDGE/JUDGED begins with these. */
struct handoff_id {
    uint64_t session;
    uint8_t leg; /* enum leg_side */
};

struct handoff_open {
    struct handoff_id id;
    uint64_t revision;
    uint16_t listener; /* outer legs: index into policy listeners */
    uint16_t link; /* index into policy links; outer legs: HANDOFF_LINK_ANY lets the SNI choose */
    char alpn[64]; /* inner leg of a bridge with alpn "same": the outer choice, else "" */
    const uint8_t *records; /* outer: the first record(s); inner: empty */
    size_t n_records;
};

struct handoff_feed {
    struct handoff_id id;
    const uint8_t *records; /* whole records, header included */
    size_t n_records;
};

struct handoff_link {
    struct handoff_id id;
    uint16_t link;
};

struct handoff_step {
    struct handoff_id id;
    const uint8_t *send;
    size_t n_send;
};

struct handoff_keyed {
    struct handoff_id id;
    const uint8_t *send; /* to be sent before the first protected application record */
    size_t n_send;
    uint32_t consumed; /* of the bytes in the last OPEN or FEED */
    struct traffic_keys rx, tx;
    struct negotiated negotiated;
    struct peer_facts facts;
    const uint8_t *chain; /* the verified path's certificates as presented, DER, leaf first, each
                             with a u32 length before it */
    size_t n_chain;
};

#define HANDOFF_REASONS 8

struct handoff_reason {
    enum reason reason;
    char text[HANDOFF_TEXT_MAX];
};

struct handoff_failed {
    struct handoff_id id;
    const uint8_t *send; /* the alert record, maybe encrypted; may be empty */
    size_t n_send;
    uint16_t link; /* HANDOFF_LINK_ANY when none was chosen yet */
    enum reason reason;
    char text[HANDOFF_TEXT_MAX]; /* detail for the log: which certificate, what is wrong */
    char peer[256];              /* the presented leaf's name, "" if none */
    uint8_t n_reasons;           /* every check that failed, when it was the chain's */
    struct handoff_reason reasons[HANDOFF_REASONS];
    const uint8_t
        *chain; /* what was presented, in the form of KEYED; empty: nothing, or too much */
    size_t n_chain;
};

struct handoff_judge {
    uint64_t token; /* the data plane's, returned as it is */
    uint64_t revision;
    uint16_t link;
    uint8_t side; /* enum leg_side */
    const uint8_t *chain;
    size_t n_chain;
};

struct handoff_judged {
    uint64_t token;
    uint64_t revision;
    bool allow;
    enum reason reason;
    int64_t until;
    uint16_t rule;
    char text[HANDOFF_TEXT_MAX];
};

/* Shared with notice.h: a reason; a list of them. */
enum reason handoff_get_reason(struct buf *b);
void handoff_put_reasons(struct buf *b, const struct handoff_reason *list, uint8_t n);
uint8_t handoff_get_reasons(struct buf *b, struct handoff_reason list[HANDOFF_REASONS]);

/* Each pair: put writes the body; get reads it, borrowing byte fields from b's memory. Get returns
 * 0, or -EPROTO on anything malformed, out of range or left over (outputs then undefined, keys
 * wiped). */
void handoff_put_open(struct buf *b, const struct handoff_open *m);
int handoff_get_open(struct buf *b, struct handoff_open *m);
void handoff_put_feed(struct buf *b, const struct handoff_feed *m);
int handoff_get_feed(struct buf *b, struct handoff_feed *m);
void handoff_put_id(struct buf *b, const struct handoff_id *m); /* GO, NO, CLOSE */
int handoff_get_id(struct buf *b, struct handoff_id *m);
void handoff_put_link(struct buf *b, const struct handoff_link *m);
int handoff_get_link(struct buf *b, struct handoff_link *m);
void handoff_put_step(struct buf *b, const struct handoff_step *m);
int handoff_get_step(struct buf *b, struct handoff_step *m);
void handoff_put_keyed(struct buf *b, const struct handoff_keyed *m);
int handoff_get_keyed(struct buf *b, struct handoff_keyed *m);
void handoff_put_failed(struct buf *b, const struct handoff_failed *m);
int handoff_get_failed(struct buf *b, struct handoff_failed *m);
void handoff_put_judge(struct buf *b, const struct handoff_judge *m);
int handoff_get_judge(struct buf *b, struct handoff_judge *m);
void handoff_put_judged(struct buf *b, const struct handoff_judged *m);
int handoff_get_judged(struct buf *b, struct handoff_judged *m);

#endif
