/* launcher_fleet: a fleet whose children are the test itself, at the other end of their channels.
 */
#ifndef PENSTOCK_TEST_LAUNCHER_FLEET_H
#define PENSTOCK_TEST_LAUNCHER_FLEET_H

#include <errno.h>
#include <unistd.h>

#include "dataplane/wire/chan.h"
#include "dataplane/wire/control.h"
#include "mgmt/launcher/change.h"
#include "tests/unit/test.h"

#define BAD_REVISION 99

struct fake {
    struct fleet fleet;
    struct files files;
    struct change change;
    int far[FLEET_MAX]; /* the children's ends */
    uint64_t now_ms;
};

static uint8_t fake_message[CHAN_HEADER + CHAN_BODY_MAX];

static inline unsigned fake_slot(const struct fake *k, const struct child *c)
{
    return (unsigned)(c - k->fleet.children);
}

static inline struct child *fake_child(struct fake *k, enum role role)
{
    return fleet_find(&k->fleet, role, 0);
}

/* Bring a child up as far as READY, with a fresh channel. */
static inline void fake_start(struct fake *k, struct child *c)
{
    int pair[2];

    EXPECT(chan_pair(pair) == 0);
    c->control = pair[0];
    k->far[fake_slot(k, c)] = pair[1];
    child_move(c, STAGE_STARTING, k->now_ms);
    child_move(c, STAGE_READY, k->now_ms);
}

static inline void fake_init(struct fake *k, unsigned workers)
{
    memset(k, 0, sizeof(*k));
    k->now_ms = 1000;
    fleet_init(&k->fleet, "/nonexistent", workers, -1, -1);
    files_init(&k->files);
    change_init(&k->change, &k->fleet, &k->files);
    for (unsigned i = 0; i < k->fleet.n; i++) {
        k->far[i] = -1;
        if (!child_wanted(&k->fleet.children[i]))
            continue;
        fake_start(k, &k->fleet.children[i]);
        child_move(&k->fleet.children[i], STAGE_SERVING, k->now_ms);
    }
}

static inline void fake_fini(struct fake *k)
{
    change_fini(&k->change);
    files_fini(&k->files);
    fleet_fini(&k->fleet);
    for (unsigned i = 0; i < k->fleet.n; i++) {
        if (k->far[i] >= 0)
            close(k->far[i]);
    }
}

/* The child's process is gone; it stays DOWN. */
static inline void fake_die(struct fake *k, struct child *c)
{
    change_child_died(&k->change, c, k->now_ms);
    fleet_child_died(&k->fleet, c, k->now_ms);
    close(k->far[fake_slot(k, c)]);
    k->far[fake_slot(k, c)] = -1;
}

/* The next message that waits for a child; its type, 0: none. Descriptors are the caller's. */
static inline int fake_next(struct fake *k, struct child *c, struct chan_msg *m)
{
    int fd = k->far[fake_slot(k, c)];

    return fd >= 0 && chan_recv(fd, fake_message, sizeof(fake_message), m) == 1 ? m->type : 0;
}

/* Throw away what waits for a child; the type of the last message, 0: there was none. */
static inline int fake_last(struct fake *k, struct child *c)
{
    struct chan_msg m;
    int type = 0;

    while (fake_next(k, c, &m)) {
        type = m.type;
        chan_msg_close_fds(&m);
    }
    return type;
}

static inline void fake_settle(struct fake *k)
{
    for (unsigned i = 0; i < k->fleet.n; i++)
        fake_last(k, &k->fleet.children[i]);
}

/* One plain link "a" from `listen` to `target`, as a compiled image of a revision. */
static inline int fake_image(uint64_t revision, const char *listen, const char *target)
{
    static uint8_t mem[65536];
    struct policy_target to = {.text = target};
    struct policy_tls tls = {.server_name = "backend.test"};
    struct policy_link link = {.name = "a", .inner = &tls, .n_targets = 1, .targets = &to};
    uint16_t index = 0;
    struct policy_listener listener = {.n_links = 1, .links = &index};
    struct policy p = {.revision = revision,
                       .slices = POLICY_SLICE_DATAPLANE,
                       .drain_ms = 300,
                       .n_listeners = 1,
                       .listeners = &listener,
                       .n_links = 1,
                       .links = &link};
    struct buf b;

    EXPECT(addr_parse(&listener.addr, listen) == 0);
    EXPECT(addr_parse(&to.addr, target) == 0);
    buf_init(&b, mem, sizeof(mem));
    policy_encode(&b, &p, POLICY_SLICE_DATAPLANE);
    EXPECT(buf_ok(&b));
    return memfd_seal("image", mem, b.len);
}

static inline int fake_attach(struct fake *k, uint64_t revision, uint8_t kind, int fd)
{
    struct control_attach a = {.revision = revision, .kind = kind};
    int rc = change_attach(&k->change, &a, fd, k->now_ms);

    close(fd);
    return rc;
}

/* What mgmt attaches for a revision with one link. */
static inline void fake_attach_all(struct fake *k, uint64_t revision, const char *listen)
{
    EXPECT(fake_attach(k, revision, ATTACH_IMAGE_DATAPLANE,
                       fake_image(revision, listen, "unix:/run/backend")) == 0);
    EXPECT(fake_attach(k, revision, ATTACH_IMAGE_HANDSHAKE, memfd_seal("h", "h", 1)) == 0);
    EXPECT(fake_attach(k, revision, ATTACH_IMAGE_KEYRING, memfd_seal("k", "k", 1)) == 0);
}

/* LOAD, compile, APPLY: every voter was asked to prepare. Returns the revision. */
static inline uint64_t fake_propose(struct fake *k, const char *listen)
{
    uint64_t revision = k->change.next_revision;

    change_load(&k->change, "test.json", memfd_seal("text", "{}", 2), k->now_ms);
    fake_attach_all(k, revision, listen);
    EXPECT(change_start(&k->change, revision, k->now_ms) == 0);
    change_tick(&k->change, k->now_ms);
    return revision;
}

static inline void fake_prepare_all(struct fake *k, uint64_t revision)
{
    for (unsigned i = 0; i < k->fleet.n; i++) {
        if (child_votes(&k->fleet.children[i]))
            EXPECT(change_prepared(&k->change, &k->fleet.children[i], revision, k->now_ms) == 0);
    }
    change_tick(&k->change, k->now_ms);
}

static inline void fake_commit_all(struct fake *k, uint64_t revision)
{
    struct child *dataplane = fake_child(k, ROLE_DATAPLANE);

    for (unsigned i = 0; i < k->fleet.n; i++) {
        struct child *c = &k->fleet.children[i];

        if (child_votes(c) && c != dataplane)
            EXPECT(change_committed(&k->change, c, revision, k->now_ms) == 0);
    }
    change_tick(&k->change, k->now_ms);
    EXPECT(change_committed(&k->change, dataplane, revision, k->now_ms) == 0);
    change_tick(&k->change, k->now_ms);
}

/* A revision that runs, and nothing left to read. */
static inline uint64_t fake_run(struct fake *k, const char *listen)
{
    uint64_t revision = fake_propose(k, listen);
    struct change_outcome o = {0};

    fake_prepare_all(k, revision);
    fake_commit_all(k, revision);
    EXPECT(change_take_outcome(&k->change, &o) && o.kind == OUTCOME_APPLIED);
    fake_settle(k);
    return revision;
}

/* How the change ended, if it has; why not goes to *e unless that is NULL. */
static inline enum outcome_kind fake_outcome(struct fake *k, struct err *e)
{
    struct change_outcome o = {0};

    if (!change_take_outcome(&k->change, &o))
        return OUTCOME_NONE;
    if (e)
        *e = o.err;
    return o.kind;
}

#endif
