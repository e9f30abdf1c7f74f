/* A worker's messages: legs to begin, to feed, to go on with, to forget. */
#include <errno.h>
#include <malloc.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/slice.h"
#include "dataplane/base/secret.h"
#include "dataplane/base/clock.h"
#include "handshake/fibre.h"
#include "handshake/kdf.h"
#include "handshake/process.h"
#include "handshake/sign_wait.h"

#define SEND_MS         5000
#define MESSAGES_A_TURN 64
#define STORM_LEGS      256 /* live at once; when that many have ended their memory is given back */
#define HEAP_KEPT       (256 * 1024)
#define REST_MS         1000 /* without a message, and the rest of the heap is given back too */

static struct list *bucket_of(struct process *p, const struct handoff_id *id)
{
    uint8_t mem[9];

    memcpy(mem, &id->session, 8);
    mem[8] = id->leg;
    return &p->buckets[hash_bytes(&p->key, mem, sizeof mem) % PROCESS_BUCKETS];
}

static struct process_conn *find(struct process *p, const struct handoff_id *id)
{
    struct list *pos, *bucket = bucket_of(p, id);

    list_for_each(pos, bucket)
    {
        struct process_conn *e = list_entry(pos, struct process_conn, node);
        if (e->conn->id.session == id->session && e->conn->id.leg == id->leg)
            return e;
    }
    return NULL;
}

int process_patience_ms(const struct process *p)
{
    return p->most_conns && !p->n_conns ? REST_MS : -1;
}

/* Pages given back after every leg would be faulted in again by the next one: a third of what a
 * handshake costs. */
void process_rest(struct process *p)
{
    p->most_conns = 0;
    malloc_trim(HEAP_KEPT);
}

/* A step that waits can only be ended by letting it go on to its end. */
static void call_off(struct process *p, struct process_conn *e)
{
    if (!e->fibre)
        return;
    sign_cancel(&p->signer, e);
    p->signer.fibre = e->fibre;
    p->signer.leg = e;
    check(fibre_run(e->fibre));
    p->signer.fibre = NULL;
    e->fibre = NULL;
    free(e->records);
}

static void forget(struct process *p, struct process_conn *e)
{
    call_off(p, e);
    list_remove(&e->node);
    conn_free(e->conn);
    free(e);
    if (--p->n_conns == 0 && p->most_conns >= STORM_LEGS)
        process_rest(p);
}

void process_drop_conns(struct process *p)
{
    for (unsigned i = 0; i < PROCESS_BUCKETS; i++)
        while (!list_empty(&p->buckets[i]))
            forget(p, list_entry(p->buckets[i].next, struct process_conn, node));
}

/* Whoever looks for the reason sees what was presented, and all that is wrong with it. */
static void add_evidence(struct process *p, const struct conn *c, struct handoff_failed *m)
{
    long n = c->judged && !c->verdict.allow ? conn_chain(c, p->chain) : 0;

    if (!c->judged || c->verdict.allow)
        return;
    m->chain = p->chain;
    m->n_chain = n > 0 ? (size_t)n : 0;
    for (; m->n_reasons < c->verdict.n_reasons && m->n_reasons < HANDOFF_REASONS; m->n_reasons++) {
        struct handoff_reason *r = &m->reasons[m->n_reasons];

        r->reason = c->verdict.reasons[m->n_reasons].reason;
        memcpy(r->text, c->verdict.reasons[m->n_reasons].text, sizeof r->text);
    }
}

static int send_failed(struct process *p, struct conn *c, const struct conn_failure *f)
{
    struct handoff_failed m = {.id = c->id, .reason = f->reason, .link = HANDOFF_LINK_ANY};
    struct buf b;

    m.n_send = conn_output(c, &m.send);
    if (m.n_send > HANDOFF_SEND_MAX)
        m.n_send = 0;
    if (c->link)
        m.link = c->link_index;
    snprintf(m.text, sizeof m.text, "%s", f->text);
    snprintf(m.peer, sizeof m.peer, "%s", c->peer);
    add_evidence(p, c, &m);
    buf_init(&b, p->out, sizeof p->out);
    handoff_put_failed(&b, &m);
    return chan_send_wait(p->handoff, HANDOFF_FAILED, &b, NULL, 0, SEND_MS);
}

/* A leg that could not even begin. */
static int send_refused(struct process *p, const struct handoff_id *id, enum reason reason,
                        const char *text)
{
    struct handoff_failed m = {.id = *id, .reason = reason, .link = HANDOFF_LINK_ANY};
    struct buf b;

    snprintf(m.text, sizeof m.text, "%s", text);
    buf_init(&b, p->out, sizeof p->out);
    handoff_put_failed(&b, &m);
    return chan_send_wait(p->handoff, HANDOFF_FAILED, &b, NULL, 0, SEND_MS);
}

static int send_keyed(struct process *p, struct conn *c)
{
    struct conn_failure f;
    struct handoff_keyed m;
    struct buf b;
    int rc;

    if (conn_keyed(c, &m, p->chain, &f))
        return send_failed(p, c, &f);
    buf_init(&b, p->out, sizeof p->out);
    handoff_put_keyed(&b, &m);
    rc = chan_send_wait(p->handoff, HANDOFF_KEYED, &b, NULL, 0, SEND_MS);
    traffic_keys_wipe(&m.rx);
    traffic_keys_wipe(&m.tx);
    secret_wipe(p->out, b.len);
    return rc;
}

static int send_step(struct process *p, struct conn *c)
{
    struct handoff_step m = {.id = c->id};
    struct buf b;
    int rc;

    m.n_send = conn_output(c, &m.send);
    buf_init(&b, p->out, sizeof p->out);
    handoff_put_step(&b, &m);
    rc = chan_send_wait(p->handoff, HANDOFF_STEP, &b, NULL, 0, SEND_MS);
    conn_sent(c);
    return rc;
}

static int send_link(struct process *p, struct conn *c)
{
    struct handoff_link m = {.id = c->id, .link = c->link_index};
    struct buf b;

    buf_init(&b, p->out, sizeof p->out);
    handoff_put_link(&b, &m);
    return chan_send_wait(p->handoff, HANDOFF_LINK, &b, NULL, 0, SEND_MS);
}

/* Exactly one answer; KEYED and FAILED end the leg here. If the worker changed meanwhile, nobody is
 * left to be answered. */
static int settle(struct process *p, struct process_conn *e)
{
    enum conn_result r = e->result;
    int rc;

    if (p->drop_later)
        return 0;
    if (r == CONN_MORE)
        return send_step(p, e->conn);
    if (r == CONN_LINK)
        return send_link(p, e->conn);
    rc = r == CONN_KEYED ? send_keyed(p, e->conn) : send_failed(p, e->conn, &e->failure);
    forget(p, e);
    return rc;
}

static void run_step(void *leg)
{
    struct process_conn *e = leg;

    e->result = conn_step(e->conn, e->records, e->n_records, &e->failure);
}

/* Go on with a step that is in a fibre; it may pause once more. */
static int resume(struct process *p, struct process_conn *e)
{
    bool ended;

    p->signer.fibre = e->fibre;
    p->signer.leg = e;
    ended = fibre_run(e->fibre);
    p->signer.fibre = NULL;
    kdf_listen(NULL); /* who waits derives nothing */
    if (!ended)
        return 0; /* the worker has its answer later */
    e->fibre = NULL;
    free(e->records);
    e->records = NULL;
    return settle(p, e);
}

/* The message that the records lie in is used again before the step ends. */
static bool set_apart(struct process_conn *e, const uint8_t *records, size_t n)
{
    e->records = records ? malloc(n ? n : 1) : NULL;
    if (records && !e->records)
        return false;
    if (n)
        memcpy(e->records, records, n);
    e->n_records = n;
    e->fibre = fibre_new(run_step, e);
    if (e->fibre)
        return true;
    free(e->records);
    e->records = NULL;
    return false;
}

static int step(struct process *p, struct process_conn *e, const uint8_t *records, size_t n)
{
    e->failure = (struct conn_failure){0};
    if (conn_may_wait(e->conn, &p->signer) && set_apart(e, records, n))
        return resume(p, e);
    e->result = conn_step(e->conn, records, n, &e->failure);
    return settle(p, e);
}

/* Legs whose worker is gone: the new one was not heard yet. */
static bool drop_now(struct process *p)
{
    if (!p->drop_later)
        return false;
    p->drop_later = false;
    process_drop_conns(p);
    return true;
}

int process_signed(struct process *p)
{
    struct process_conn *e;

    if (!sign_waits(&p->signer))
        return 0;
    sign_collect(&p->signer);
    while ((e = sign_next(&p->signer, clock_mono_ms()))) {
        int rc = resume(p, e);

        if (drop_now(p))
            return 0;
        if (rc)
            return rc;
    }
    return 0;
}

/* The worker lost its place: the leg ends. */
static int end(struct process *p, struct process_conn *e, const char *text)
{
    struct conn_failure f = {.reason = REASON_INTERNAL};
    int rc;

    snprintf(f.text, sizeof f.text, "%s", text);
    rc = send_failed(p, e->conn, &f);
    forget(p, e);
    return rc;
}

static int take_open(struct process *p, struct buf *b)
{
    struct handoff_open m;
    struct process_conn *e;
    struct revision *r;

    if (handoff_get_open(b, &m))
        return -EPROTO;
    e = find(p, &m.id);
    if (e)
        forget(p, e);
    r = process_revision(p, m.revision);
    if (!r)
        return send_refused(p, &m.id, REASON_INTERNAL, "the revision is not known here");
    if (p->n_conns >= PROCESS_CONNS_MAX)
        return send_refused(p, &m.id, REASON_BOX_LIMIT, "too many handshakes at once");
    e = calloc(1, sizeof *e);
    if (e)
        e->conn = conn_new(&m, r, p->bootstrap);
    if (!e || !e->conn) {
        free(e);
        return send_refused(p, &m.id, REASON_INTERNAL, "the leg could not be begun");
    }
    list_push(bucket_of(p, &m.id), &e->node);
    if (++p->n_conns > p->most_conns)
        p->most_conns = p->n_conns;
    return step(p, e, m.records, m.n_records);
}

static int take_feed(struct process *p, struct buf *b)
{
    struct handoff_feed m;
    struct process_conn *e;

    if (handoff_get_feed(b, &m))
        return -EPROTO;
    e = find(p, &m.id);
    if (e && e->fibre)
        return end(p, e, "records before the last ones were answered");
    return e ? step(p, e, m.records, m.n_records) : 0;
}

static int take_go(struct process *p, struct buf *b)
{
    struct handoff_id id;
    struct process_conn *e;

    if (handoff_get_id(b, &id))
        return -EPROTO;
    e = find(p, &id);
    if (!e)
        return 0;
    return e->conn->state == CONN_WAITING_GO && !e->fibre
               ? step(p, e, NULL, 0)
               : end(p, e, "GO for a leg that waits for none");
}

static int take_close(struct process *p, struct buf *b)
{
    struct handoff_id id;
    struct process_conn *e;

    if (handoff_get_id(b, &id))
        return -EPROTO;
    e = find(p, &id);
    if (e)
        forget(p, e);
    return 0;
}

static const struct {
    uint8_t type;
    int (*take)(struct process *p, struct buf *b);
} messages[] = {
    {HANDOFF_OPEN, take_open}, {HANDOFF_FEED, take_feed},   {HANDOFF_GO, take_go},
    {HANDOFF_NO, take_close},  {HANDOFF_CLOSE, take_close},
};

int process_handoff(struct process *p)
{
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        struct chan_msg m;
        int rc = chan_recv(p->handoff, p->in, sizeof p->in, &m);

        if (rc == -EAGAIN)
            return 0;
        if (rc != 1)
            return rc ? rc : -EPIPE;
        chan_msg_close_fds(&m);
        rc = -EPROTO;
        for (size_t k = 0; k < ARRAY_LEN(messages); k++)
            if (messages[k].type == m.type)
                rc = messages[k].take(p, &m.body);
        slice_give_way();
        if (drop_now(p))
            return 0;
        if (rc)
            return rc;
    }
    return 0;
}
