/*
 * serve: what each child may say to the launcher, and what is done about it.
 * One table row a message; a message of the wrong process, or one that does not parse, costs the
 * sender its life.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/chan.h"
#include "mgmt/launcher/launcher.h"
#include "mgmt/launcher/resume.h"

#define MESSAGES_AT_ONCE 256 /* of one child, before the others have their turn */

static void send_result(struct child *c, uint8_t type, uint32_t token, int rc, int fd)
{
    struct control_result m = {.token = token, .error = -rc};
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_result(&b, &m);
    child_send(c, type, &b, fd);
}

/* mgmt hears which engine the machine has nothing for (revision 0), and that it is there again. */
static void tell_missing(struct launcher *l, const struct err *why)
{
    struct control_refused m = {.revision = 0};
    struct child *mgmt = fleet_find(&l->fleet, ROLE_MGMT, 0);
    uint8_t mem[2048];
    struct buf b;

    if (why)
        m.err = *why;
    buf_init(&b, mem, sizeof(mem));
    control_put_refused(&b, &m);
    if (mgmt->stage >= STAGE_READY)
        child_send(mgmt, CONTROL_REFUSED, &b, -1);
}

static int on_ready(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    uint64_t zero;

    if (control_get_number(&m->body, &zero) || c->stage != STAGE_STARTING)
        return -EPROTO;
    child_move(c, STAGE_READY, now_ms);
    if (c->missing)
        tell_missing(l, NULL);
    c->missing = false;
    if (c->role == ROLE_KEYRING)
        fleet_give_kek(&l->fleet);
    fleet_link(&l->fleet);
    resume_begin(c, l->change.running, now_ms);
    fleet_link(&l->fleet);
    return 0;
}

static int on_prepared(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    uint64_t revision;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    return change_prepared(&l->change, c, revision, now_ms);
}

static int on_committed(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    uint64_t revision;
    int rc;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    rc = change_committed(&l->change, c, revision, now_ms);
    fleet_link(&l->fleet);
    return rc;
}

/*
 * On the appliance nobody stands by at a start: a card that is gone, or an IOMMU that was switched
 * off, must not take the management and the other links along. The engine is tried again and again.
 */
static bool goes_on_without(const struct launcher *l, const struct child *c)
{
    return c->role == ROLE_DPDK && l->fleet.appliance && l->fleet.appliance[0];
}

static int on_refused(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    struct control_refused refused;

    if (control_get_refused(&m->body, &refused))
        return -EPROTO;
    if (c->stage != STAGE_STARTING)
        return change_refused(&l->change, c, &refused);
    if (c->role == ROLE_DPDK && change_engine_failed(&l->change, &refused.err))
        return 0;
    c->missing = goes_on_without(l, c);
    if (c->missing)
        tell_missing(l, &refused.err);
    if (!l->ready && !c->missing) /* the machine lacks what this process needs */
        stop_with(l, 1, &refused.err, now_ms);
    else
        resume_refused(c, &refused.err);
    return 0;
}

static int on_drained(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    uint64_t zero;

    if (control_get_number(&m->body, &zero) || l->phase == LAUNCHER_RUNS)
        return -EPROTO;
    stop_drained(l, c, now_ms);
    return 0;
}

/* So that mgmt can have it wrapped: the keyring has the copy before mgmt has the token. */
static void give_copy(struct launcher *l, uint32_t token)
{
    struct child *keyring = fleet_find(&l->fleet, ROLE_KEYRING, 0);
    struct control_attach m = {.kind = ATTACH_WRAP, .token = token};
    uint8_t mem[64];
    struct buf b;

    if (keyring->stage < STAGE_READY)
        return; /* the vault will say that there is no copy */
    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &m);
    child_send(keyring, CONTROL_ATTACH, &b, files_key(&l->files, token, 0));
}

static int on_open(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    struct control_open open;
    int fd = -1, rc;

    (void)now_ms;
    if (control_get_open(&m->body, &open))
        return -EPROTO;
    rc = files_open(&l->files, &open, &fd);
    if (!rc && open.kind == OPEN_KEY)
        give_copy(l, open.token);
    send_result(c, CONTROL_OPENED, open.token, rc, fd);
    if (fd >= 0)
        close(fd);
    return 0;
}

static int on_attach(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    struct control_attach attach;

    (void)c;
    if (control_get_attach(&m->body, &attach) || m->n_fds > 1)
        return -EPROTO;
    return change_attach(&l->change, &attach, m->n_fds ? m->fds[0] : -1, now_ms);
}

static int on_apply(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    uint64_t revision;

    (void)c;
    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    return change_start(&l->change, revision, now_ms);
}

static int on_reject(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    struct control_refused refused;

    (void)c;
    (void)now_ms;
    if (control_get_refused(&m->body, &refused))
        return -EPROTO;
    change_reject(&l->change, &refused);
    return 0;
}

/* So that no successor of this process tries it again. */
static int on_pin_refused(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    uint64_t index;

    (void)now_ms;
    if (control_get_number(&m->body, &index))
        return -EPROTO;
    holding_pin_refused(l->change.running, c->index, index);
    return 0;
}

/* Did we ourselves listen there? Then it is the local socket, under whatever name it was reached.
 */
static bool is_local_socket(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) || peer.pid == getpid();
}

/*
 * A connected socket, or -errno. AF_UNIX connects at once or not at all. Never the local socket:
 * whoever is there takes us for root, and a link would lead its peers to it.
 */
static int dial(const struct addr *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = 0;

    if (fd < 0)
        return -errno;
    if (connect(fd, &a->sa, a->len))
        rc = -errno;
    else if (is_local_socket(fd))
        rc = -EPERM;
    if (!rc)
        return fd;
    close(fd);
    return rc;
}

/* A stream whose other end mgmt gets: no name leads there. */
static int dial_mgmt(struct launcher *l)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        return -errno;
    if (!fleet_give_caller(&l->fleet, pair[1])) {
        close(pair[0]);
        pair[0] = -ECONNREFUSED;
    }
    close(pair[1]);
    return pair[0];
}

static int on_dial(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    struct control_dial wanted;
    int fd = -EPERM;

    (void)now_ms;
    if (control_get_dial(&m->body, &wanted))
        return -EPROTO;
    if (holding_has_target(l->change.running, &wanted.addr) ||
        holding_has_target(l->change.prior, &wanted.addr))
        fd = wanted.addr.len ? dial(&wanted.addr) : dial_mgmt(l);
    send_result(c, CONTROL_DIALLED, wanted.token, fd < 0 ? fd : 0, fd);
    if (fd >= 0)
        close(fd);
    return 0;
}

/* mgmt's stream over an internal link; where there is none, closing it is the answer. */
static int on_call(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    struct child *dataplane = fleet_find(&l->fleet, ROLE_DATAPLANE, 0);
    struct control_call call;
    uint8_t mem[128];
    struct buf b;

    (void)c;
    (void)now_ms;
    if (control_get_call(&m->body, &call) || m->n_fds != 1)
        return -EPROTO;
    if (!holding_has_internal(l->change.running, call.link) || dataplane->stage != STAGE_SERVING)
        return 0;
    buf_init(&b, mem, sizeof(mem));
    control_put_call(&b, &call);
    child_send(dataplane, CONTROL_CALL, &b, m->fds[0]);
    return 0;
}

#define FROM(role) (1u << ROLE_##role)
#define FROM_ALL   ((1u << ROLE_COUNT) - 1)
#define FROM_VOTER (FROM_ALL & ~FROM(MGMT))

struct message_row {
    uint8_t type;
    unsigned from;
    bool after_ready; /* nothing may be asked before the sandbox */
    int (*serve)(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms);
};

static const struct message_row messages[] = {
    {CONTROL_READY, FROM_ALL, false, on_ready},
    {CONTROL_REFUSED, FROM_ALL, false, on_refused},
    {CONTROL_PREPARED, FROM_VOTER, true, on_prepared},
    {CONTROL_COMMITTED, FROM_VOTER, true, on_committed},
    {CONTROL_DRAINED, FROM(DATAPLANE) | FROM(DPDK), true, on_drained},
    {CONTROL_PIN_REFUSED, FROM(TOKEN), true, on_pin_refused},
    {CONTROL_DIAL, FROM(DATAPLANE), true, on_dial},
    {CONTROL_OPEN, FROM(MGMT), true, on_open},
    {CONTROL_ATTACH, FROM(MGMT), true, on_attach},
    {CONTROL_CALL, FROM(MGMT), true, on_call},
    {CONTROL_APPLY, FROM(MGMT), true, on_apply},
    {CONTROL_REJECT, FROM(MGMT), true, on_reject},
};

static int serve(struct launcher *l, struct child *c, struct chan_msg *m, uint64_t now_ms)
{
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        const struct message_row *row = &messages[i];

        if (row->type != m->type)
            continue;
        if (!(row->from & (1u << c->role)) || (row->after_ready && c->stage < STAGE_READY))
            return -EPROTO;
        return row->serve(l, c, m, now_ms);
    }
    return -EPROTO;
}

/* 1: a message was served; 0: the child closed; else -errno (-EAGAIN: none waits). */
static int serve_one(struct launcher *l, struct child *c, uint64_t now_ms)
{
    struct chan_msg m;
    int rc = chan_recv(c->control, l->message, CHAN_HEADER + CHAN_BODY_MAX, &m);

    if (rc <= 0)
        return rc;
    rc = serve(l, c, &m, now_ms);
    chan_msg_close_fds(&m);
    return rc ? rc : 1;
}

void serve_child(struct launcher *l, struct child *c, uint64_t now_ms)
{
    int rc = 1;

    for (unsigned i = 0; i < MESSAGES_AT_ONCE && rc == 1; i++) {
        if (c->control < 0)
            return;
        rc = serve_one(l, c, now_ms);
    }
    if (rc == 1 || rc == -EAGAIN)
        return;
    if (rc == -EPROTO)
        child_kill(c, "it broke the protocol");
    else
        child_hang_up(c);
}
