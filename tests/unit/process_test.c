/* process: does it answer a worker and the judge's askers as the contract says, whatever they do?
 */
#include <string.h>
#include <unistd.h>
#include "tests/unit/worker.h"

TEST("OPEN, GO and FEED have exactly one answer each: LINK, STEP, KEYED")
{
    struct handoff_keyed k;
    struct handoff_link l;
    struct chan_msg m;
    struct process *p;
    struct talk *t;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    send_open(fd, 7, 1, HANDOFF_LINK_ANY, 1, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0);
    EXPECT(answer(fd, &m) == HANDOFF_LINK && handoff_get_link(&m.body, &l) == 0);
    EXPECT(l.link == WORLD_A && l.id.session == 7);
    EXPECT(answer(fd, &m) == 0);
    send_id(fd, HANDOFF_GO, 7);
    EXPECT(process_handoff(p) == 0 && stepped(fd, t) && answer(fd, &m) == 0);
    send_feed(fd, 7, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0);
    EXPECT(answer(fd, &m) == HANDOFF_KEYED && handoff_get_keyed(&m.body, &k) == 0);
    EXPECT(!strcmp(k.facts.name, "spiffe://p.test/c") && answer(fd, &m) == 0);
    EXPECT(p->n_conns == 0);
    talk_free(t);
    close(fd);
}

TEST("no key stays in the process's message buffer after KEYED")
{
    static uint8_t copy[CHAN_HEADER + CHAN_BODY_MAX];
    struct handoff_keyed k;
    struct chan_msg m;
    struct process *p;
    struct talk *t;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    send_open(fd, 8, 1, WORLD_IN, 0, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && stepped(fd, t));
    send_feed(fd, 8, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && answer(fd, &m) == HANDOFF_KEYED);
    memcpy(copy, p->out, sizeof p->out);
    EXPECT(handoff_get_keyed(&m.body, &k) == 0);
    EXPECT(!memmem(copy, sizeof copy, k.rx.secret, k.rx.suite->hash_len));
    EXPECT(!memmem(copy, sizeof copy, k.tx.secret, k.tx.suite->hash_len));
    talk_free(t);
    close(fd);
}

TEST("GO where none is due, and records where GO is due, end the leg")
{
    struct chan_msg m;
    struct process *p;
    struct talk *t;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    t->n_wire = flight(t);
    send_open(fd, 1, 1, WORLD_IN, 0, t->wire, t->n_wire);
    send_id(fd, HANDOFF_GO, 1);
    EXPECT(process_handoff(p) == 0);
    EXPECT(answer(fd, &m) == HANDOFF_STEP && failed(fd, 1, REASON_INTERNAL));
    send_open(fd, 2, 1, HANDOFF_LINK_ANY, 1, t->wire, t->n_wire);
    send_feed(fd, 2, t->wire, t->n_wire);
    EXPECT(process_handoff(p) == 0);
    EXPECT(answer(fd, &m) == HANDOFF_LINK && failed(fd, 2, REASON_INTERNAL));
    EXPECT(p->n_conns == 0 && answer(fd, &m) == 0);
    talk_free(t);
    close(fd);
}

TEST("messages for a leg that is not known are dropped, and NO and CLOSE have no answer")
{
    struct chan_msg m;
    struct process *p;
    struct talk *t;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    t->n_wire = flight(t);
    send_feed(fd, 5, t->wire, t->n_wire);
    send_id(fd, HANDOFF_GO, 5);
    send_id(fd, HANDOFF_CLOSE, 5);
    EXPECT(process_handoff(p) == 0 && answer(fd, &m) == 0);
    send_open(fd, 5, 1, HANDOFF_LINK_ANY, 1, t->wire, t->n_wire);
    send_id(fd, HANDOFF_NO, 5);
    send_feed(fd, 5, t->wire, t->n_wire);
    EXPECT(process_handoff(p) == 0 && answer(fd, &m) == HANDOFF_LINK && answer(fd, &m) == 0);
    EXPECT(p->n_conns == 0);
    talk_free(t);
    close(fd);
}

TEST("a revision or link that does not exist, and one leg too many, are refused by FAILED")
{
    struct process *p;
    struct talk *t;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    t->n_wire = flight(t);
    send_open(fd, 1, 99, WORLD_IN, 0, t->wire, t->n_wire);
    send_open(fd, 2, 1, WORLD_LINKS, 0, t->wire, t->n_wire);
    send_open(fd, 3, 1, WORLD_OUT, 0, t->wire, t->n_wire); /* plain on its listen side */
    send_open(fd, 4, 1, HANDOFF_LINK_ANY, 2, t->wire, t->n_wire);
    EXPECT(process_handoff(p) == 0);
    for (uint64_t i = 1; i <= 4; i++)
        EXPECT(failed(fd, i, REASON_INTERNAL));
    p->n_conns += PROCESS_CONNS_MAX;
    send_open(fd, 6, 1, WORLD_IN, 0, t->wire, t->n_wire);
    EXPECT(process_handoff(p) == 0 && failed(fd, 6, REASON_BOX_LIMIT));
    p->n_conns -= PROCESS_CONNS_MAX;
    EXPECT(p->n_conns == 0);
    talk_free(t);
    close(fd);
}

TEST("memory is given back after a second without a message, not after each leg")
{
    struct process *p;
    struct talk *t;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    process_rest(p);
    EXPECT(process_patience_ms(p) == -1);
    t = peer_of(p);
    send_open(fd, 1, 1, HANDOFF_LINK_ANY, 1, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && p->n_conns == 1);
    EXPECT(process_patience_ms(p) == -1);
    send_id(fd, HANDOFF_CLOSE, 1);
    EXPECT(process_handoff(p) == 0 && p->n_conns == 0);
    EXPECT(process_patience_ms(p) > 0);
    process_rest(p);
    EXPECT(process_patience_ms(p) == -1);
    talk_free(t);
    close(fd);
}

TEST("a message that breaks the rules costs the worker its channel")
{
    struct process *p;
    struct buf b;
    int fd;

    p = begin(&fd, &(struct world_spec){0});
    buf_init(&b, out_mem, sizeof out_mem);
    buf_put_u8(&b, 1);
    send_body(fd, HANDOFF_OPEN, &b);
    EXPECT(process_handoff(p) == -EPROTO);
    buf_init(&b, out_mem, sizeof out_mem);
    send_body(fd, 200, &b);
    EXPECT(process_handoff(p) == -EPROTO);
    close(fd);
}

TEST("a new worker finds none of the old one's legs")
{
    struct chan_msg m;
    struct process *p;
    struct talk *t;
    int fd, fresh;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    send_open(fd, 1, 1, HANDOFF_LINK_ANY, 1, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && p->n_conns == 1);
    fresh = channel(CHANNEL_HANDOFF);
    EXPECT(process_control(p) == 0 && p->n_conns == 0);
    send_id(fresh, HANDOFF_GO, 1);
    EXPECT(process_handoff(p) == 0 && answer(fresh, &m) == 0);
    talk_free(t);
    close(fd);
    close(fresh);
}

/* ---- the judge ---- */

static struct handoff_judged judged(struct process *p, int fd, int mine, X509 *leaf,
                                    uint64_t revision, uint16_t link)
{
    struct handoff_judge q = {.token = 9, .revision = revision, .link = link, .side = LEG_OUTER};
    struct handoff_judged a = {.reason = REASON_COUNT};
    uint8_t chain[8192];
    X509 *list[2] = {leaf, world_start()->inter.x};
    struct chan_msg m;
    struct buf b;

    buf_init(&b, chain, sizeof chain);
    for (int i = 0; leaf && i < 2; i++) {
        unsigned char *der = NULL;
        int n = i2d_X509(list[i], &der);

        buf_put_blob(&b, der, (size_t)n);
        OPENSSL_free(der);
    }
    if (!leaf)
        buf_put_blob(&b, "no certificate", 14);
    q.chain = chain;
    q.n_chain = b.len;
    buf_init(&b, out_mem, sizeof out_mem);
    handoff_put_judge(&b, &q);
    send_body(mine, HANDOFF_JUDGE, &b);
    EXPECT(process_judge(p, fd) == 0);
    EXPECT(answer(mine, &m) == HANDOFF_JUDGED && handoff_get_judged(&m.body, &a) == 0);
    EXPECT(a.token == 9 && a.revision == revision);
    return a;
}

TEST("the judge says what a handshake would have said")
{
    struct world *w = world_start();
    struct pki_cert stranger = world_leaf(&w->other_root, KEY_P256, "clientAuth", "dns:c.test");
    struct handoff_judged a;
    struct process *p;
    int fd, pair[2];

    p = begin(&fd, &(struct world_spec){0});
    check(chan_pair(pair) == 0);
    a = judged(p, pair[0], pair[1], w->client.x, 1, WORLD_IN);
    EXPECT(a.allow && a.reason == REASON_NONE && a.until > world_now());
    a = judged(p, pair[0], pair[1], stranger.x, 1, WORLD_IN);
    EXPECT(!a.allow && a.reason == REASON_UNKNOWN_CA && a.text[0]);
    a = judged(p, pair[0], pair[1], w->server.x, 1, WORLD_IN);
    EXPECT(!a.allow && a.reason == REASON_EKU);
    a = judged(p, pair[0], pair[1], w->client.x, 77, WORLD_IN);
    EXPECT(!a.allow && a.reason == REASON_INTERNAL);
    a = judged(p, pair[0], pair[1], w->client.x, 1, WORLD_OUT);
    EXPECT(!a.allow && a.reason == REASON_INTERNAL);
    a = judged(p, pair[0], pair[1], NULL, 1, WORLD_IN);
    EXPECT(!a.allow && a.reason != REASON_NONE);
    close(pair[0]);
    close(pair[1]);
    close(fd);
}

int main(void)
{
    return test_run();
}
