/*
 * keyring_process: the keyring as a process in its sandbox, and a launcher and handshake processes
 * that speak to it.
 */
#ifndef PENSTOCK_TEST_KEYRING_PROCESS_H
#define PENSTOCK_TEST_KEYRING_PROCESS_H

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
#include "tests/unit/keyring_keys.h"

#define WAIT_MS 20000

/* What main() of the keyring does. */
static inline int be_keyring(void)
{
    enum keymem_lock lock;
    struct keyring *k;
    struct err e;
    int rc;

    log_init("keyring", LOG_ERROR);
    if (keymem_init(&lock, &e) || prefetch(&e))
        return 9;
    k = keyring_new(SPAWN_CONTROL_FD);
    if (!k || sandbox_enter(SANDBOX_KEYRING, &e))
        return 9;
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
static inline int next(int fd, struct chan_msg *m)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    int rc = poll(&p, 1, WAIT_MS) == 1 ? chan_recv(fd, message, sizeof(message), m) : -ETIMEDOUT;

    EXPECT(rc >= 0);
    return rc == 1 ? m->type : 0;
}

static inline struct process start(void)
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
static inline int stop(struct process *p)
{
    int status = -1;

    close(p->control);
    EXPECT(waitpid(p->pid, &status, 0) == p->pid);
    return status;
}

static inline void order(struct process *p, uint8_t type, uint64_t v)
{
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_number(&b, v);
    EXPECT(chan_send(p->control, type, &b, NULL, 0) == 0);
}

static inline void attach(struct process *p, uint64_t revision, uint8_t kind, uint32_t index,
                          int fd)
{
    struct control_attach a = {.revision = revision, .kind = kind, .index = index};
    uint8_t mem[64];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &a);
    EXPECT(chan_send(p->control, CONTROL_ATTACH, &b, &fd, 1) == 0);
    close(fd);
}

static inline int channel_of(struct process *p, uint8_t kind, uint16_t index)
{
    struct control_channel c = {.kind = kind, .index = index};
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

/* A channel of the handshake process `index`. */
static inline int channel(struct process *p, uint16_t index)
{
    return channel_of(p, CHANNEL_KEYS, index);
}

/* Attach and PREPARE a revision of one identity; returns the answer's type. */
static inline int prepare_file(struct process *p, uint64_t revision, EVP_PKEY *certificate,
                               int file, struct control_refused *refused)
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
    attach(p, revision, ATTACH_KEY, 0, file);
    OPENSSL_free((void *)(uintptr_t)id.spki.data);
    order(p, CONTROL_PREPARE, revision);
    type = next(p->control, &m);
    if (type == CONTROL_REFUSED)
        EXPECT(control_get_refused(&m.body, refused) == 0);
    return type;
}

static inline int prepare(struct process *p, uint64_t revision, EVP_PKEY *certificate,
                          EVP_PKEY *key, struct control_refused *refused)
{
    return prepare_file(p, revision, certificate, key_file(key), refused);
}

static inline void run_revision(struct process *p, uint64_t revision, EVP_PKEY *key)
{
    struct chan_msg m;

    EXPECT(prepare(p, revision, key, key, NULL) == CONTROL_PREPARED);
    order(p, CONTROL_COMMIT, revision);
    EXPECT(next(p->control, &m) == CONTROL_COMMITTED);
}

static inline int request(int lane, uint32_t number, uint64_t revision, const uint8_t *content,
                          size_t n)
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

static inline int answer(int lane, uint32_t number)
{
    struct keywire_signed s = {0};
    struct chan_msg m;

    EXPECT(next(lane, &m) == KEYWIRE_SIGNED);
    EXPECT(keywire_get_signed(&m.body, &s) == 0);
    EXPECT(s.request == number);
    return s.error;
}

#endif
