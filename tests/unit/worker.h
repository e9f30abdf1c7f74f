/*
 * worker: a handshake process in a test's world (world.h), and a worker of the data plane that
 * speaks to it: what it sends, and how the answers are read.
 */
#ifndef PENSTOCK_TEST_WORKER_H
#define PENSTOCK_TEST_WORKER_H

#include "tests/unit/test.h"

#include <stdio.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "tests/unit/world.h"

static uint8_t mem[CHAN_HEADER + CHAN_BODY_MAX], out_mem[CHAN_BODY_MAX];

/* The launcher's order to take a channel; our end of it. */
static inline int channel(enum channel_kind kind)
{
    struct control_channel c = {.kind = (uint8_t)kind};
    uint8_t body[16];
    struct buf b;
    int pair[2];

    check(chan_pair(pair) == 0);
    buf_init(&b, body, sizeof body);
    control_put_channel(&b, &c);
    check(chan_send(world_start()->launcher, CONTROL_CHANNEL, &b, &pair[1], 1) == 0);
    close(pair[1]);
    return pair[0];
}

/* A process with a revision and a worker at our end of *fd. */
static inline struct process *begin(int *fd, const struct world_spec *s)
{
    struct process *p = &world_start()->process;

    process_drop_conns(p);
    revision_put(p->current);
    p->current = world_revision(s);
    *fd = channel(CHANNEL_HANDOFF);
    check(process_control(p) == 0);
    return p;
}

static inline void send_body(int fd, uint8_t type, const struct buf *b)
{
    check(buf_ok(b) && chan_send(fd, type, b, NULL, 0) == 0);
}

static inline void send_open(int fd, uint64_t session, uint64_t revision, uint16_t link,
                             uint16_t listener, const uint8_t *records, size_t n)
{
    struct handoff_open m = {.id = {.session = session, .leg = LEG_OUTER},
                             .revision = revision,
                             .listener = listener,
                             .link = link,
                             .records = records,
                             .n_records = n};
    struct buf b;

    buf_init(&b, out_mem, sizeof out_mem);
    handoff_put_open(&b, &m);
    send_body(fd, HANDOFF_OPEN, &b);
}

static inline void send_feed(int fd, uint64_t session, const uint8_t *records, size_t n)
{
    struct handoff_feed m = {
        .id = {.session = session, .leg = LEG_OUTER}, .records = records, .n_records = n};
    struct buf b;

    buf_init(&b, out_mem, sizeof out_mem);
    handoff_put_feed(&b, &m);
    send_body(fd, HANDOFF_FEED, &b);
}

static inline void send_id(int fd, uint8_t type, uint64_t session)
{
    struct handoff_id id = {.session = session, .leg = LEG_OUTER};
    struct buf b;

    buf_init(&b, out_mem, sizeof out_mem);
    handoff_put_id(&b, &id);
    send_body(fd, type, &b);
}

/* The next answer; 0 when there is none. */
static inline int answer(int fd, struct chan_msg *m)
{
    int rc = chan_recv(fd, mem, sizeof mem, m);

    return rc == 1 ? m->type : 0;
}

static inline bool failed(int fd, uint64_t session, enum reason reason)
{
    struct handoff_failed f = {0};
    struct chan_msg m;
    int type = answer(fd, &m);
    bool good = type == HANDOFF_FAILED && handoff_get_failed(&m.body, &f) == 0 &&
                f.id.session == session && f.reason == reason;

    if (!good)
        printf("    answer %d, %s (%s)\n", type, reason_name(f.reason), f.text);
    return good;
}

/* What a peer says now. */
static inline size_t flight(struct talk *t)
{
    int n;

    SSL_do_handshake(t->peer);
    n = BIO_read(SSL_get_wbio(t->peer), t->wire, sizeof t->wire);
    return n > 0 ? (size_t)n : 0;
}

static inline struct talk *peer_of(struct process *p)
{
    return talk_new(p->current, &(struct peer_spec){0}, WORLD_IN, 0);
}

/* STEP's bytes go to the peer. */
static inline bool stepped(int fd, struct talk *t)
{
    struct handoff_step s;
    struct chan_msg m;

    if (answer(fd, &m) != HANDOFF_STEP || handoff_get_step(&m.body, &s))
        return false;
    return s.n_send == 0 ||
           BIO_write(SSL_get_rbio(t->peer), s.send, (int)s.n_send) == (int)s.n_send;
}

#endif
