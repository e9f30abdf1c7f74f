/*
 * stream: one TLS session of the generator: connect, handshake, records both ways, end.
 *
 * Why: OpenSSL does the handshake and no more; the records after it go through dataplane/record,
 * whose ciphers cost a third of OpenSSL's, so that the generator needs less CPU for a byte than the
 * gateway does. An established session at rest holds no buffer and no SSL object. Owner: one
 * process's crew; its memory is a slot of the crew's. Never: blocks; calls back after it failed.
 * A plain one has no handshake and no records, and is otherwise the same.
 *
 *   FREE -> CONNECTING -> SHAKING -> GREETING -> OPEN -> ENDING -> (EOF) FREE
 */
#ifndef PENSTOCK_LOAD_STREAM_H
#define PENSTOCK_LOAD_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/list.h"
#include "dataplane/base/timer.h"
#include "dataplane/record/post.h"
#include "dataplane/record/seal.h"
#include "handshake/secrets.h"
#include "perf/load/tally.h"

enum stream_state {
    STREAM_FREE,
    STREAM_CONNECTING,
    STREAM_SHAKING,
    STREAM_GREETING, /* the handshake is done; the backend has not greeted yet */
    STREAM_OPEN,
    STREAM_ENDING, /* our close_notify, or FIN, is out or on its way */
    STREAM_PAUSED, /* failed, holds its slot for a moment */
};

struct stream {
    int fd;
    enum stream_state state;
    bool plain;       /* no TLS: bytes are content */
    bool eager;       /* wants to hear whenever it may write, and keeps its buffer */
    bool peer_closed; /* close_notify came */
    bool eof;
    uint32_t interest; /* EPOLLIN, EPOLLOUT */
    SSL *ssl;          /* until the handshake is done */
    struct secrets *secrets;
    struct seal tx, rx;
    struct post post;
    uint8_t *rest; /* the beginning of a record that is not whole yet */
    size_t n_rest;
    uint8_t *out; /* sealed records on their way: [from, to) of cap */
    size_t from, to, cap;
    uint64_t due_ns;         /* when the attempt, then the request, was meant to begin */
    uint64_t sent, received; /* bytes of content since the greeting */
    uint32_t wanted;         /* bytes of the answer still to come; 0: no request is out */
    uint8_t receipt[8];
    uint8_t n_receipt;
    struct timer timer;
    struct list node; /* in one of its crew's queues */
};

/* What all streams of a process share. */
struct stream_env {
    int wire;
    bool plain;
    struct counts *counts;
    uint8_t *in; /* for one read */
    size_t n_in;
    /* n bytes of content came; may call stream_put() and stream_end(). */
    void (*content)(void *arg, struct stream *s, const uint8_t *data, size_t n);
    void *arg;
};

/* Begin to connect; takes ssl over, also on failure (NULL if plain). `source` may be NULL. */
enum fault stream_start(struct stream_env *env, struct stream *s, SSL *ssl, const struct addr *to,
                        const struct addr *source);
/*
 * Act on events. FAULT_NONE, or why the stream failed; the caller then ends it with
 * stream_fini(). A finished handshake moves the state to GREETING, the end of the connection in
 * ENDING sets eof.
 */
enum fault stream_work(struct stream_env *env, struct stream *s, uint32_t events);
/*
 * Seal n bytes as records and send what goes. data NULL: any bytes (what lay in the buffer). What
 * the socket does not take is sent as it becomes writable. A failure shows at the next event.
 */
void stream_put(struct stream_env *env, struct stream *s, const void *data, size_t n);
/* close_notify, or FIN if plain; state ENDING. */
void stream_end(struct stream_env *env, struct stream *s);
bool stream_drained(const struct stream *s); /* nothing sealed waits to be sent */
void stream_eager(struct stream_env *env, struct stream *s, bool eager);
/*
 * Wake us for this many bytes, not fewer, until stream_end(). The side that sends pays for waking
 * a sleeper, and that must not be the gateway's cost in bulk.
 */
void stream_patient(struct stream *s, int bytes);
/* The fault that running out of time means in the state it is in. */
enum fault stream_late(const struct stream *s);
/* Close and free; state FREE. hard: with RST, so that no port stays behind. */
void stream_fini(struct stream *s, bool hard);

#endif
