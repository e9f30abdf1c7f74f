/*
 * launcher_fakes: small programs that stand in for the gateway's, played by the test program itself
 * when it is started under their names. What they do is said by the configuration's text:
 *
 *   listen=127.0.0.1:1234   the one address
 *   reject=/links/x         mgmt rejects the file
 *   refuse=judge            this process refuses to prepare
 *   die=keyring             this process dies when it is to prepare
 *   rude=handshake.0        this process breaks the protocol when it is to commit
 *   drain=5000              milliseconds; link=deaf: the data plane ignores DRAIN
 */
#ifndef PENSTOCK_TEST_LAUNCHER_FAKES_H
#define PENSTOCK_TEST_LAUNCHER_FAKES_H

#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/log.h"
#include "dataplane/base/spawn.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/policy.h"
#include "tests/unit/test.h"

#define FAKE_LISTENERS 8

struct actor {
    char name[32];
    char text[512]; /* what was handed over */
    uint64_t revision, running;
    char link[64];
    int image, next[FAKE_LISTENERS], live[FAKE_LISTENERS];
};

static uint8_t actor_message[CHAN_HEADER + CHAN_BODY_MAX];

static inline void actor_say(uint8_t type, const struct buf *b, int fd)
{
    if (chan_send(SPAWN_CONTROL_FD, type, b, &fd, fd >= 0 ? 1 : 0))
        _exit(7);
}

static inline void actor_number(uint8_t type, uint64_t v)
{
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_number(&b, v);
    actor_say(type, &b, -1);
}

static inline void actor_refuse(uint8_t type, uint64_t revision, const char *where)
{
    struct control_refused m = {.revision = revision};
    uint8_t mem[2048];
    struct buf b;

    err_set(&m.err, -1, where, "write it better", "is not good");
    buf_init(&b, mem, sizeof(mem));
    control_put_refused(&b, &m);
    actor_say(type, &b, -1);
}

/* The value of key in the text, or NULL; valid until the next call. */
static inline const char *actor_get(const struct actor *a, const char *key)
{
    static char value[128];
    const char *at = strstr(a->text, key);

    if (!at)
        return NULL;
    snprintf(value, sizeof(value), "%s", at + strlen(key));
    value[strcspn(value, "\n")] = '\0';
    return value;
}

static inline bool actor_is(const struct actor *a, const char *key)
{
    const char *who = actor_get(a, key);

    return who && !strcmp(who, a->name);
}

static inline void actor_attach(uint64_t revision, uint8_t kind, const void *image, size_t n)
{
    struct control_attach m = {.revision = revision, .kind = kind};
    uint8_t mem[64];
    struct buf b;
    int fd = memfd_seal("image", image, n);

    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &m);
    actor_say(CONTROL_ATTACH, &b, fd);
    close(fd);
}

static inline size_t actor_compile(const struct actor *a, uint64_t revision, uint8_t *out, size_t n)
{
    struct policy_target to = {.text = "127.0.0.1:9"};
    struct policy_tls tls = {.server_name = "b.test"};
    struct policy_link link = {.name = "a", .inner = &tls, .n_targets = 1, .targets = &to};
    uint16_t index = 0;
    struct policy_listener listener = {.n_links = 1, .links = &index};
    struct policy p = {.revision = revision,
                       .slices = POLICY_SLICE_DATAPLANE,
                       .n_listeners = 1,
                       .listeners = &listener,
                       .n_links = 1,
                       .links = &link};
    struct buf b;

    addr_parse(&to.addr, to.text);
    if (addr_parse(&listener.addr, actor_get(a, "listen=")))
        _exit(8);
    if (actor_get(a, "drain="))
        p.drain_ms = (uint32_t)atoi(actor_get(a, "drain="));
    if (actor_get(a, "link="))
        snprintf(link.name, sizeof(link.name), "%s", actor_get(a, "link="));
    buf_init(&b, out, n);
    policy_encode(&b, &p, POLICY_SLICE_DATAPLANE);
    return b.len;
}

static inline void actor_load(struct actor *a, struct chan_msg *m)
{
    static uint8_t image[65536];
    struct control_load load;
    size_t n;

    memset(a->text, 0, sizeof(a->text));
    if (control_get_load(&m->body, &load) || m->n_fds != 1 ||
        pread(m->fds[0], a->text, sizeof(a->text) - 1, 0) < 0)
        _exit(9);
    log_event(LOG_INFO, "loaded", "revision=%d resume=%s text=%zu", (int)load.revision,
              load.resume ? "yes" : "no", strlen(a->text));
    if (load.resume)
        return;
    if (actor_get(a, "reject=")) {
        actor_refuse(CONTROL_REJECT, load.revision, actor_get(a, "reject="));
        return;
    }
    n = actor_compile(a, load.revision, image, sizeof(image));
    actor_attach(load.revision, ATTACH_IMAGE_DATAPLANE, image, n);
    actor_attach(load.revision, ATTACH_IMAGE_HANDSHAKE, a->text, strlen(a->text));
    actor_attach(load.revision, ATTACH_IMAGE_KEYRING, a->text, strlen(a->text));
    actor_number(CONTROL_APPLY, load.revision);
}

static inline void actor_take(struct actor *a, struct chan_msg *m)
{
    struct control_attach at;

    if (control_get_attach(&m->body, &at) || m->n_fds != 1)
        _exit(10);
    if (at.kind == ATTACH_LISTENER && at.index < FAKE_LISTENERS)
        a->next[at.index] = chan_msg_take_fd(m, 0);
    else if (at.kind == ATTACH_IMAGE_DATAPLANE)
        a->image = chan_msg_take_fd(m, 0);
    else if (at.kind != ATTACH_LISTENER && pread(m->fds[0], a->text, sizeof(a->text) - 1, 0) < 0)
        _exit(11);
}

static inline void actor_prepare(struct actor *a, struct chan_msg *m)
{
    struct policy *p;
    const void *image;
    size_t n;

    if (control_get_number(&m->body, &a->revision))
        _exit(12);
    if (a->image >= 0) {
        if (memfd_map(a->image, POLICY_IMAGE_MAX, &image, &n) || policy_decode(image, n, &p))
            _exit(13);
        snprintf(a->link, sizeof(a->link), "%s", p->links[0].name);
        policy_free(p);
    }
    if (actor_is(a, "die="))
        _exit(14);
    if (actor_is(a, "refuse="))
        actor_refuse(CONTROL_REFUSED, a->revision, "/identities/gw/key");
    else
        actor_number(CONTROL_PREPARED, a->revision);
}

static inline void actor_commit(struct actor *a)
{
    if (actor_is(a, "rude="))
        actor_number(CONTROL_APPLY, 1);
    for (unsigned i = 0; i < FAKE_LISTENERS; i++) {
        if (a->live[i] >= 0)
            close(a->live[i]);
        a->live[i] = a->next[i];
        a->next[i] = -1;
    }
    a->running = a->revision;
    actor_number(CONTROL_COMMITTED, a->revision);
}

static inline void actor_drain(struct actor *a, struct chan_msg *m)
{
    uint64_t ms = 0;

    control_get_number(&m->body, &ms);
    log_event(LOG_INFO, "draining", "ms=%d", (int)ms);
    if (!strcmp(a->link, "deaf"))
        return;
    for (unsigned i = 0; i < FAKE_LISTENERS; i++) {
        if (a->live[i] >= 0)
            close(a->live[i]);
        a->live[i] = -1;
    }
    actor_number(CONTROL_DRAINED, 0);
}

static inline void actor_hear(struct actor *a, struct chan_msg *m)
{
    if (m->type == CONTROL_LOAD)
        actor_load(a, m);
    else if (m->type == CONTROL_ATTACH)
        actor_take(a, m);
    else if (m->type == CONTROL_PREPARE)
        actor_prepare(a, m);
    else if (m->type == CONTROL_COMMIT)
        actor_commit(a);
    else if (m->type == CONTROL_DRAIN)
        actor_drain(a, m);
}

/* Tell every caller which revision answers, and close. */
static inline void actor_greet(const struct actor *a, int fd)
{
    int peer = accept(fd, NULL, NULL);
    char line[64];
    int n = snprintf(line, sizeof(line), "revision %d pid %d\n", (int)a->running, (int)getpid());

    if (peer < 0)
        return;
    if (write(peer, line, (size_t)n) != n)
        _exit(15);
    close(peer);
}

static inline void actor_name(struct actor *a, int argc, char **argv)
{
    snprintf(a->name, sizeof(a->name), "%s", argv[0] + strlen("penstock-"));
    if (argc == 3 && !strcmp(argv[1], "--index"))
        snprintf(a->name, sizeof(a->name), "handshake.%s", argv[2]);
    if (argc == 2 && !strcmp(argv[1], "--judge"))
        snprintf(a->name, sizeof(a->name), "judge");
    /* A handshake process that is not told how much memory to keep at hand does not come up. */
    if (!strncmp(a->name, "handshake", 9) && !getenv("GLIBC_TUNABLES"))
        _exit(16);
}

/* Play the program that argv[0] names until the launcher is gone. */
static inline int actor_main(int argc, char **argv)
{
    struct actor a = {.image = -1};
    struct chan_msg m;
    int rc;

    memset(a.next, -1, sizeof(a.next));
    memset(a.live, -1, sizeof(a.live));
    actor_name(&a, argc, argv);
    log_init(a.name, LOG_INFO);
    actor_number(CONTROL_READY, 0);
    for (;;) {
        struct pollfd p[1 + FAKE_LISTENERS] = {{.fd = SPAWN_CONTROL_FD, .events = POLLIN}};

        for (unsigned i = 0; i < FAKE_LISTENERS; i++)
            p[1 + i] = (struct pollfd){.fd = a.live[i], .events = POLLIN};
        poll(p, 1 + FAKE_LISTENERS, -1);
        for (unsigned i = 0; i < FAKE_LISTENERS; i++) {
            if (p[1 + i].revents)
                actor_greet(&a, a.live[i]);
        }
        rc = p[0].revents ? chan_recv(SPAWN_CONTROL_FD, actor_message, sizeof(actor_message), &m)
                          : -EAGAIN;
        if (rc == 0 || (rc < 0 && rc != -EAGAIN))
            return 0;
        if (rc == 1) {
            actor_hear(&a, &m);
            chan_msg_close_fds(&m);
        }
    }
}

#endif
