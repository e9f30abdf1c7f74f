/* keyring: does the process, sandboxed as it runs, answer each channel in order and survive misuse?
 */
#include "tests/unit/test.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/log.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/base/spawn.h"
#include "dataplane/wire/control.h"
#include "handshake/keyring/keymem.h"
#include "handshake/keyring/keyring.h"
#include "handshake/keyring/prefetch.h"
#include "tests/unit/keyring_content.h"
#include "tests/unit/keyring_keys.h"

#define WAIT_MS 20000

/* What main() of the keyring does. */
static int be_keyring(void)
{
    enum keymem_lock lock;
    struct keyring *k;
    struct err e;
    int rc;

    log_init("keyring", LOG_ERROR);
    if (keymem_init(&lock, &e) || prefetch(&e) || sandbox_enter(SANDBOX_KEYRING, &e))
        return 9;
    k = keyring_new(SPAWN_CONTROL_FD);
    rc = keyring_run(k);
    keyring_free(k);
    return rc;
}

struct process {
    pid_t pid;
    int control;
};

static uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];

/* The next message on a channel; its type, 0 when it was closed. Ends the test in silence. */
static int next(int fd, struct chan_msg *m)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = poll(&p, 1, WAIT_MS) == 1 ? chan_recv(fd, message, sizeof(message), m) : -ETIMEDOUT;

    EXPECT(rc >= 0);
    return rc == 1 ? m->type : 0;
}

static struct process start(void)
{
    char name[] = "penstock-keyring", option[] = "--keyring";
    char *argv[] = {name, option, NULL};
    struct process p = {0};
    struct chan_msg m;
    int pair[2];

    EXPECT(chan_pair(pair) == 0);
    p.pid = spawn_child("/proc/self/exe", argv, pair[1]);
    close(pair[1]);
    p.control = pair[0];
    EXPECT(p.pid > 0);
    EXPECT(next(p.control, &m) == CONTROL_READY);
    return p;
}

/* Close its control channel and return its exit status. */
static int stop(struct process *p)
{
    int status = -1;

    close(p->control);
    EXPECT(waitpid(p->pid, &status, 0) == p->pid);
    return status;
}

static void order(struct process *p, uint8_t type, uint64_t v)
{
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_number(&b, v);
    EXPECT(chan_send(p->control, type, &b, NULL, 0) == 0);
}

static void attach(struct process *p, uint64_t revision, uint8_t kind, uint32_t index, int fd)
{
    struct control_attach a = {.revision = revision, .kind = kind, .index = index};
    uint8_t mem[64];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &a);
    EXPECT(chan_send(p->control, CONTROL_ATTACH, &b, &fd, 1) == 0);
    close(fd);
}

/* A channel of the handshake process `index`. */
static int channel(struct process *p, uint16_t index)
{
    struct control_channel c = {.kind = CHANNEL_KEYS, .index = index};
    uint8_t mem[16];
    struct buf b;
    int pair[2];

    EXPECT(chan_pair(pair) == 0);
    buf_init(&b, mem, sizeof(mem));
    control_put_channel(&b, &c);
    EXPECT(chan_send(p->control, CONTROL_CHANNEL, &b, &pair[1], 1) == 0);
    close(pair[1]);
    return pair[0];
}

/* Attach and PREPARE a revision of one identity; returns the answer's type. */
static int prepare(struct process *p, uint64_t revision, EVP_PKEY *certificate, EVP_PKEY *key,
                   struct control_refused *refused)
{
    static uint8_t image[65536];
    struct policy_identity id = identity_of(certificate, POLICY_USE_SERVER | POLICY_USE_TLS13);
    struct policy policy = {.revision = revision,
                            .slices = POLICY_SLICE_KEYRING,
                            .n_identities = 1,
                            .identities = &id,
                            .n_attachments = 1};
    struct chan_msg m;
    struct buf b;
    int type;

    buf_init(&b, image, sizeof(image));
    policy_encode(&b, &policy, POLICY_SLICE_KEYRING);
    EXPECT(buf_ok(&b));
    attach(p, revision, ATTACH_IMAGE_KEYRING, 0, memfd_seal("image", image, b.len));
    attach(p, revision, ATTACH_KEY, 0, key_file(key));
    OPENSSL_free((void *)(uintptr_t)id.spki.data);
    order(p, CONTROL_PREPARE, revision);
    type = next(p->control, &m);
    if (type == CONTROL_REFUSED)
        EXPECT(control_get_refused(&m.body, refused) == 0);
    return type;
}

static void run_revision(struct process *p, uint64_t revision, EVP_PKEY *key)
{
    struct chan_msg m;

    EXPECT(prepare(p, revision, key, key, NULL) == CONTROL_PREPARED);
    order(p, CONTROL_COMMIT, revision);
    EXPECT(next(p->control, &m) == CONTROL_COMMITTED);
}

static int request(int lane, uint32_t number, uint64_t revision, const uint8_t *content, size_t n)
{
    static uint8_t mem[CHAN_BODY_MAX];
    struct keywire_sign s = {.request = number,
                             .revision = revision,
                             .scheme = 0x0403,
                             .content = content,
                             .n_content = n};
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    keywire_put_sign(&b, &s);
    return chan_send(lane, KEYWIRE_SIGN, &b, NULL, 0);
}

static int answer(int lane, uint32_t number)
{
    struct keywire_signed s = {0};
    struct chan_msg m;

    EXPECT(next(lane, &m) == KEYWIRE_SIGNED);
    EXPECT(keywire_get_signed(&m.body, &s) == 0);
    EXPECT(s.request == number);
    return s.error;
}

TEST("a committed key signs for every lane, content is judged, answers come in order")
{
    uint8_t good[CONTENT_ROOM], bad[CONTENT_ROOM];
    size_t n_good = make_tls13(good, true, 32), n_bad = make_tls13(bad, false, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int first = channel(&p, 0), last = channel(&p, KEYRING_LANES - 1);

    run_revision(&p, 7, key);
    EXPECT(request(first, 1, 7, good, n_good) == 0);
    EXPECT(request(first, 2, 7, bad, n_bad) == 0);
    EXPECT(request(first, 3, 8, good, n_good) == 0);
    EXPECT(request(last, 4, 7, good, n_good) == 0);
    EXPECT(answer(first, 1) == 0);
    EXPECT(answer(first, 2) == EPERM);
    EXPECT(answer(first, 3) == ENOENT);
    EXPECT(answer(last, 4) == 0);
    EXPECT(stop(&p) == 0);
    close(first);
    close(last);
    EVP_PKEY_free(key);
}

TEST(
    "a key that does not match is refused with the identity's pointer, and the old one still signs")
{
    EVP_PKEY *key = make_key(KEY_P256), *other = make_key(KEY_P256);
    struct control_refused refused = {0};
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    struct process p = start();
    int lane = channel(&p, 0);

    run_revision(&p, 1, key);
    EXPECT(prepare(&p, 2, key, other, &refused) == CONTROL_REFUSED);
    EXPECT(refused.revision == 2);
    EXPECT(!strcmp(refused.err.where, "/identities/gw/key"));
    EXPECT(strstr(refused.err.what, "does not match its certificate") != NULL);
    order(&p, CONTROL_ABORT, 2);
    EXPECT(request(lane, 5, 1, good, n) == 0);
    EXPECT(answer(lane, 5) == 0);
    EXPECT(stop(&p) == 0);
    close(lane);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
}

TEST("a PREPARE without an image is refused")
{
    struct process p = start();
    struct chan_msg m;

    order(&p, CONTROL_PREPARE, 1);
    EXPECT(next(p.control, &m) == CONTROL_REFUSED);
    EXPECT(stop(&p) == 0);
}

TEST("a lane that sends what is no request is closed, and the others are served on")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int bad = channel(&p, 0), lane = channel(&p, 1);
    struct chan_msg m;

    run_revision(&p, 1, key);
    EXPECT(chan_send(bad, KEYWIRE_SIGNED, NULL, NULL, 0) == 0);
    EXPECT(next(bad, &m) == 0);
    EXPECT(request(lane, 1, 1, good, n) == 0);
    EXPECT(answer(lane, 1) == 0);
    EXPECT(stop(&p) == 0);
    close(bad);
    close(lane);
    EVP_PKEY_free(key);
}

TEST("a new channel takes the place of the one that a restarted process had")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int before = channel(&p, 3), after;
    struct chan_msg m;

    run_revision(&p, 1, key);
    after = channel(&p, 3);
    EXPECT(next(before, &m) == 0);
    EXPECT(request(after, 9, 1, good, n) == 0);
    EXPECT(answer(after, 9) == 0);
    EXPECT(stop(&p) == 0);
    close(before);
    close(after);
    EVP_PKEY_free(key);
}

TEST("a process that does not fetch its answers holds up nobody else and loses none")
{
    uint8_t good[CONTENT_ROOM];
    size_t n = make_tls13(good, true, 32);
    EVP_PKEY *key = make_key(KEY_P256);
    struct process p = start();
    int lazy = channel(&p, 0), lane = channel(&p, 1);
    uint32_t asked = 0;

    run_revision(&p, 1, key);
    /* Until neither answers nor requests fit any more. */
    for (int full = 0; full < 20;) {
        struct pollfd room = {.fd = lazy, .events = POLLOUT};
        int rc = request(lazy, asked, 1, good, n);

        EXPECT(rc == 0 || rc == -EAGAIN);
        asked += rc == 0;
        full = rc ? full + 1 : 0;
        if (rc)
            poll(&room, 1, 10);
    }
    EXPECT(request(lane, 1, 1, good, n) == 0);
    EXPECT(answer(lane, 1) == 0);
    for (uint32_t i = 0; i < asked && !test_case_failed; i++)
        EXPECT(answer(lazy, i) == 0);
    EXPECT(asked > 100);
    EXPECT(stop(&p) == 0);
    close(lazy);
    close(lane);
    EVP_PKEY_free(key);
}

TEST("an order that is malformed or out of turn ends the process with status 1")
{
    struct process p = start();

    order(&p, CONTROL_COMMIT, 1);
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    EXPECT(chan_send(p.control, CONTROL_PREPARE, NULL, NULL, 0) == 0);
    EXPECT(stop(&p) == 1 << 8);
    p = start();
    order(&p, CONTROL_DIAL, 1);
    EXPECT(stop(&p) == 1 << 8);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--keyring"))
        return be_keyring();
    return test_run();
}
