/*
 * process: what one handshake process holds.
 *
 * Why: its main loop, its channels, its table of legs and its revisions in one place.
 * Owner: main; single-threaded. Never: a socket, a file, a private key.
 */
#ifndef PENSTOCK_HANDSHAKE_PROCESS_H
#define PENSTOCK_HANDSHAKE_PROCESS_H

#include "dataplane/base/hash.h"
#include "dataplane/base/list.h"
#include "dataplane/wire/chan.h"
#include "handshake/conn.h"
#include "handshake/sign.h"

#define PROCESS_BUCKETS    4096
#define PROCESS_CONNS_MAX  16384 /* legs in mid-handshake */
#define PROCESS_JUDGES_MAX 65    /* a worker's each; the last one is mgmt's */
#define PROCESS_EXPLAIN    64

struct process_conn {
    struct list node;
    struct conn *conn;
    struct fibre *fibre; /* its step waits in it for a token; NULL: it does not */
    uint8_t *records;    /* of that step */
    size_t n_records;
    enum conn_result result;
    struct conn_failure failure;
};

struct process {
    bool judge; /* answers JUDGE instead of handshakes */
    int control;
    int handoff; /* -1: none now */
    int judges[PROCESS_JUDGES_MAX];
    struct signer signer;
    SSL_CTX *bootstrap; /* reads hellos where SNI chooses the link */
    struct revision *current, *previous, *prepared;
    struct revision *trial; /* of the judge: what mgmt thinks about (wire/explain.h) */
    struct revision_parts parts, trial_parts;
    struct hash_key key;
    struct list buckets[PROCESS_BUCKETS];
    unsigned n_conns;
    unsigned most_conns; /* at once, since the heap was last given back */
    bool signing;        /* inside OpenSSL: legs must not be freed now */
    bool drop_later;     /* the worker changed meanwhile */
    bool done;
    uint8_t in[CHAN_HEADER + CHAN_BODY_MAX];
    uint8_t out[CHAN_HEADER + CHAN_BODY_MAX];
    uint8_t chain[CHAIN_DER_MAX];
};

/* The signer that OpenSSL's callbacks use (set by process_init). */
struct signer *process_signer(void);

int process_init(struct process *p, bool judge, int control);
/* Messages of the launcher (control_in.c). 0 or -errno: the channel is dead. */
int process_control(struct process *p);
/* Messages of a worker (handoff_in.c). 0 or -errno: the channel is dead. */
int process_handoff(struct process *p);
/* Signatures of tokens have come, or are late: their legs go on. 0 or -errno: as above. */
int process_signed(struct process *p);
/* How long to wait for a message until process_rest() is due; -1: for ever. */
int process_patience_ms(const struct process *p);
/* Nothing to do: give memory back. */
void process_rest(struct process *p);
/* JUDGE messages on one channel. 0 or -errno. */
int process_judge(struct process *p, int fd);
/* The revision of that number: the current or the one before it, or NULL. */
struct revision *process_revision(struct process *p, uint64_t number);
/* What is known of paths under anchors that both have stays known. */
void process_inherit(struct revision *r, const struct revision *old);
/* Forget every leg (its worker is gone). */
void process_drop_conns(struct process *p);

#endif
