/* process: do handshakes survive a keyring that dies, sleeps or waits for a token, and end if not?
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "handshake/sign_wait.h"
#include "tests/unit/keyring_thread.h"
#include "tests/unit/worker.h"

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

int main(void)
{
    return test_run();
}
