/* Does the process answer a worker as the contract says, whatever the worker or the keyring does?
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "handshake/sign_wait.h"
#include "tests/unit/keyring_thread.h"
#include "tests/unit/test.h"
#include "tests/unit/world.h"

static uint8_t mem[CHAN_HEADER + CHAN_BODY_MAX], out_mem[CHAN_BODY_MAX];

/* The launcher's order to take a channel; our end of it. */
static int channel(enum channel_kind kind)
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

/* A channel to the key store, handed over by the launcher. */
static void give_keys(int fd)
{
    struct control_channel c = {.kind = CHANNEL_KEYS};
    uint8_t body[16];
    struct buf b;

    buf_init(&b, body, sizeof body);
    control_put_channel(&b, &c);
    check(chan_send(world_start()->launcher, CONTROL_CHANNEL, &b, &fd, 1) == 0);
}

/* A process with a revision and a worker at our end of *fd. */
static struct process *begin(int *fd, const struct world_spec *s)
{
    struct process *p = &world_start()->process;

    process_drop_conns(p);
    revision_put(p->current);
    p->current = world_revision(s);
    *fd = channel(CHANNEL_HANDOFF);
    check(process_control(p) == 0);
    return p;
}

static void send_body(int fd, uint8_t type, const struct buf *b)
{
    check(buf_ok(b) && chan_send(fd, type, b, NULL, 0) == 0);
}

static void send_open(int fd, uint64_t session, uint64_t revision, uint16_t link, uint16_t listener,
                      const uint8_t *records, size_t n)
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

static void send_feed(int fd, uint64_t session, const uint8_t *records, size_t n)
{
    struct handoff_feed m = {
        .id = {.session = session, .leg = LEG_OUTER}, .records = records, .n_records = n};
    struct buf b;

    buf_init(&b, out_mem, sizeof out_mem);
    handoff_put_feed(&b, &m);
    send_body(fd, HANDOFF_FEED, &b);
}

static void send_id(int fd, uint8_t type, uint64_t session)
{
    struct handoff_id id = {.session = session, .leg = LEG_OUTER};
    struct buf b;

    buf_init(&b, out_mem, sizeof out_mem);
    handoff_put_id(&b, &id);
    send_body(fd, type, &b);
}

/* The next answer; 0 when there is none. */
static int answer(int fd, struct chan_msg *m)
{
    int rc = chan_recv(fd, mem, sizeof mem, m);

    return rc == 1 ? m->type : 0;
}

static bool failed(int fd, uint64_t session, enum reason reason)
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
static size_t flight(struct talk *t)
{
    int n;

    SSL_do_handshake(t->peer);
    n = BIO_read(SSL_get_wbio(t->peer), t->wire, sizeof t->wire);
    return n > 0 ? (size_t)n : 0;
}

static struct talk *peer_of(struct process *p)
{
    return talk_new(p->current, &(struct peer_spec){0}, WORLD_IN, 0);
}

/* STEP's bytes go to the peer. */
static bool stepped(int fd, struct talk *t)
{
    struct handoff_step s;
    struct chan_msg m;

    if (answer(fd, &m) != HANDOFF_STEP || handoff_get_step(&m.body, &s))
        return false;
    return s.n_send == 0 ||
           BIO_write(SSL_get_rbio(t->peer), s.send, (int)s.n_send) == (int)s.n_send;
}

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

/* A keyring of this world, by a channel of its own. */
static int another_keyring(void)
{
    struct world *w = world_start();
    struct policy_identity ids[WORLD_IDENTITIES] = {{.name = "ec"}, {.name = "rsa"}};
    struct policy policy = {.revision = 1, .identities = ids, .n_identities = 2};
    EVP_PKEY *keys[2] = {w->gateway[WORLD_EC].key, w->gateway[WORLD_RSA].key};
    int fd;

    policy.n_attachments = 2;
    for (unsigned i = 0; i < 2; i++) {
        unsigned char *der = NULL;

        ids[i].spki.n = (uint32_t)i2d_PUBKEY(keys[i], &der);
        ids[i].spki.data = der;
        ids[i].uses = POLICY_USE_SERVER | POLICY_USE_CLIENT | POLICY_USE_TLS13;
        ids[i].key_attachment = (uint16_t)i;
    }
    fd = keyring_thread(&policy, keys);
    for (unsigned i = 0; i < 2; i++)
        OPENSSL_free((void *)(uintptr_t)ids[i].spki.data);
    return fd;
}

/* Take the keyring away: *end gets the other end, or the channel is dead. */
static void lose_keys(struct process *p, int *end)
{
    int pair[2];

    check(chan_pair(pair) == 0);
    sign_attach(&p->signer, pair[1]);
    if (end)
        *end = pair[0];
    else
        close(pair[0]);
}

TEST("a keyring that died is waited for: the launcher's new channel is used in the same handshake")
{
    struct process *p;
    struct talk *t;
    int fd, keys;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    lose_keys(p, NULL);
    keys = another_keyring();
    give_keys(keys); /* waits in the control channel */
    close(keys);
    send_open(fd, 1, 1, WORLD_IN, 0, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && stepped(fd, t));
    EXPECT(flight(t) > 0 && SSL_is_init_finished(t->peer));
    talk_free(t);
    close(fd);
}

TEST("without a keyring a handshake ends with key_lost, and the peer hears internal_error")
{
    struct handoff_failed f;
    struct chan_msg m;
    struct process *p;
    struct talk *t;
    int fd, keys;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    lose_keys(p, NULL);
    send_open(fd, 1, 1, WORLD_IN, 0, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0);
    EXPECT(answer(fd, &m) == HANDOFF_FAILED && handoff_get_failed(&m.body, &f) == 0);
    EXPECT(f.reason == REASON_KEY_LOST && f.link == WORLD_IN);
    BIO_write(SSL_get_rbio(t->peer), f.send, (int)f.n_send);
    flight(t);
    EXPECT(t->alert == 80 && p->n_conns == 0);
    keys = another_keyring();
    sign_attach(&p->signer, keys);
    talk_free(t);
    close(fd);
}

TEST("a keyring that does not answer is waited for no longer than a bound")
{
    struct process *p;
    struct talk *t;
    int fd, mute;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    lose_keys(p, &mute);
    send_open(fd, 1, 1, WORLD_IN, 0, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && failed(fd, 1, REASON_KEY_LOST));
    sign_attach(&p->signer, another_keyring());
    close(mute);
    talk_free(t);
    close(fd);
}

TEST("a worker that changes while a signature is waited for neither loses nor inherits a leg")
{
    struct chan_msg m;
    struct process *p;
    struct talk *t, *u;
    int fd, fresh, keys;

    p = begin(&fd, &(struct world_spec){0});
    t = peer_of(p);
    u = peer_of(p);
    lose_keys(p, NULL);
    fresh = channel(CHANNEL_HANDOFF); /* both wait in the control channel */
    keys = another_keyring();
    give_keys(keys);
    close(keys);
    send_open(fresh, 2, 1, WORLD_IN, 0, u->wire, flight(u));
    send_open(fd, 1, 1, WORLD_IN, 0, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0); /* the old worker's OPEN */
    EXPECT(process_handoff(p) == 0); /* whatever the new one sent */
    EXPECT(stepped(fresh, u));       /* not the old leg's answer */
    EXPECT(p->n_conns == 1 && !p->drop_later);
    send_feed(fresh, 2, u->wire, flight(u));
    EXPECT(process_handoff(p) == 0 && answer(fresh, &m) == HANDOFF_KEYED);
    talk_free(t);
    talk_free(u);
    close(fd);
    close(fresh);
}

/* ---- keys in tokens ---- */

/* Our end of the keys channel of a process that knows that its identities are in a token. */
static int token_keys(struct process *p)
{
    int mine;

    lose_keys(p, &mine);
    for (unsigned i = 0; i < WORLD_IDENTITIES; i++)
        sign_note_remote(&p->signer, 1 << 16 | i);
    return mine;
}

static void say_signed(int keys, const struct keywire_signed *m)
{
    uint8_t body[1024];
    struct buf b;

    buf_init(&b, body, sizeof body);
    keywire_put_signed(&b, m);
    check(chan_send(keys, KEYWIRE_SIGNED, &b, NULL, 0) == 0);
}

/* The keyring's first answer to the request that is asked next. */
static void say_it_takes_time(struct process *p, int keys)
{
    say_signed(keys, &(struct keywire_signed){.request = p->signer.next, .error = EINPROGRESS});
}

/* What was asked goes to a keyring that signs; its answer, which the token makes wait. */
static struct keywire_signed have_signed(int keys, int real, uint8_t signature[1024])
{
    struct keywire_signed m = {0};
    struct pollfd ready = {.fd = real, .events = POLLIN};
    struct chan_msg msg;

    check(chan_recv(keys, mem, sizeof mem, &msg) == 1 && msg.type == KEYWIRE_SIGN);
    check(chan_send(real, KEYWIRE_SIGN, &msg.body, NULL, 0) == 0 && poll(&ready, 1, 10000) == 1);
    check(chan_recv(real, mem, sizeof mem, &msg) == 1 && !keywire_get_signed(&msg.body, &m));
    check(m.n_signature > 0 && m.n_signature <= 1024);
    memcpy(signature, m.signature, m.n_signature);
    m.signature = signature;
    return m;
}

TEST("legs that wait for a token are answered when it has signed, the later one first if need be")
{
    uint8_t signatures[2][1024];
    struct keywire_signed m[2];
    struct chan_msg msg;
    struct process *p;
    struct talk *t[2];
    int fd, keys, real = another_keyring();

    p = begin(&fd, &(struct world_spec){0});
    keys = token_keys(p);
    for (unsigned i = 0; i < 2; i++) {
        t[i] = peer_of(p);
        say_it_takes_time(p, keys);
        send_open(fd, i + 1, 1, WORLD_IN, 0, t[i]->wire, flight(t[i]));
        EXPECT(process_handoff(p) == 0 && answer(fd, &msg) == 0 && p->n_conns == i + 1);
    }
    EXPECT(sign_waits(&p->signer) && process_signed(p) == 0 && answer(fd, &msg) == 0);
    for (unsigned i = 0; i < 2; i++)
        m[i] = have_signed(keys, real, signatures[i]);
    for (unsigned i = 2; i-- > 0;) {
        say_signed(keys, &m[i]);
        EXPECT(process_signed(p) == 0 && stepped(fd, t[i]) && answer(fd, &msg) == 0);
        send_feed(fd, i + 1, t[i]->wire, flight(t[i]));
        EXPECT(process_handoff(p) == 0 && answer(fd, &msg) == HANDOFF_KEYED);
        talk_free(t[i]);
    }
    EXPECT(p->n_conns == 0 && !sign_waits(&p->signer));
    close(keys);
    close(real);
    close(fd);
}

/* One leg that waits. */
static struct talk *waiting_leg(struct process *p, int fd, int keys)
{
    struct talk *t = peer_of(p);

    say_it_takes_time(p, keys);
    send_open(fd, 1, 1, WORLD_IN, 0, t->wire, flight(t));
    EXPECT(process_handoff(p) == 0 && sign_waits(&p->signer));
    return t;
}

TEST("a leg that is closed while it waits is gone at once, and its signature finds nobody")
{
    struct keywire_signed m;
    uint8_t signature[1024];
    struct chan_msg msg;
    struct process *p;
    struct talk *t;
    int fd, keys, real = another_keyring();

    p = begin(&fd, &(struct world_spec){0});
    keys = token_keys(p);
    t = waiting_leg(p, fd, keys);
    send_id(fd, HANDOFF_CLOSE, 1);
    EXPECT(process_handoff(p) == 0 && p->n_conns == 0 && !sign_waits(&p->signer));
    m = have_signed(keys, real, signature);
    say_signed(keys, &m);
    EXPECT(process_signed(p) == 0 && answer(fd, &msg) == 0);
    talk_free(t);
    close(keys);
    close(real);
    close(fd);
}

TEST("a token's refusal, a signature that is late, and records out of turn end the leg with a "
     "reason")
{
    for (unsigned how = 0; how < 3; how++) {
        struct process *p;
        struct talk *t;
        int fd, keys;

        p = begin(&fd, &(struct world_spec){0});
        keys = token_keys(p);
        t = waiting_leg(p, fd, keys);
        if (how == 0)
            say_signed(keys, &(struct keywire_signed){.request = p->signer.next - 1, .error = EIO});
        if (how == 1)
            p->signer.waits[0].until_ms = 0;
        if (how == 2)
            send_feed(fd, 1, (const uint8_t *)"\x16\x03\x03\x00\x00", 5);
        EXPECT((how == 2 ? process_handoff(p) : process_signed(p)) == 0);
        EXPECT(failed(fd, 1, how == 2 ? REASON_INTERNAL : REASON_KEY_LOST));
        EXPECT(p->n_conns == 0 && !sign_waits(&p->signer));
        talk_free(t);
        close(keys);
        close(fd);
    }
}

TEST("a keyring that is replaced while a leg waits for a token is asked once more")
{
    struct process *p;
    struct talk *t;
    int fd, keys;

    p = begin(&fd, &(struct world_spec){0});
    keys = token_keys(p);
    t = waiting_leg(p, fd, keys);
    sign_attach(&p->signer, another_keyring());
    EXPECT(process_signed(p) == 0 && stepped(fd, t));
    EXPECT(!sign_waits(&p->signer));
    talk_free(t);
    close(keys);
    close(fd);
}

TEST("a worker that goes takes the legs with it that wait for a token")
{
    struct process *p;
    struct talk *t;
    int fd, fresh, keys;

    p = begin(&fd, &(struct world_spec){0});
    keys = token_keys(p);
    t = waiting_leg(p, fd, keys);
    fresh = channel(CHANNEL_HANDOFF);
    EXPECT(process_control(p) == 0 && p->n_conns == 0 && !sign_waits(&p->signer));
    sign_attach(&p->signer, another_keyring());
    talk_free(t);
    close(keys);
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
