#include "mgmt/launcher/change.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "mgmt/launcher/resume.h"

#define TO(phase) (1u << CHANGE_##phase)

static const unsigned moves[CHANGE_PHASES] = {
    [CHANGE_IDLE] = TO(LOADING),
    [CHANGE_LOADING] = TO(PREPARING) | TO(IDLE),
    [CHANGE_PREPARING] = TO(COMMITTING) | TO(IDLE),
    [CHANGE_COMMITTING] = TO(SWITCHING),
    [CHANGE_SWITCHING] = TO(IDLE),
};

static const uint64_t phase_ms[CHANGE_PHASES] = {
    [CHANGE_LOADING] = CHANGE_LOAD_MS,
    [CHANGE_PREPARING] = CHANGE_PREPARE_MS,
    [CHANGE_COMMITTING] = CHANGE_COMMIT_MS,
    [CHANGE_SWITCHING] = CHANGE_COMMIT_MS,
};

static void move(struct change *a, enum change_phase next, uint64_t now_ms)
{
    check(moves[a->phase] & (1u << next));
    a->phase = next;
    a->deadline_ms = phase_ms[next] ? now_ms + phase_ms[next] : 0;
}

void change_init(struct change *a, struct fleet *f, struct files *files)
{
    memset(a, 0, sizeof(*a));
    a->fleet = f;
    a->files = files;
    a->next_revision = 1;
}

void change_stop_listening(struct change *a)
{
    if (a->running)
        listeners_close(&a->running->listeners);
    if (a->pending)
        listeners_close(&a->pending->listeners);
}

void change_fini(struct change *a)
{
    holding_free(a->running);
    holding_free(a->pending);
    holding_free(a->prior);
    a->running = a->pending = a->prior = NULL;
}

bool change_take_outcome(struct change *a, struct change_outcome *o)
{
    if (a->outcome.kind == OUTCOME_NONE)
        return false;
    *o = a->outcome;
    a->outcome.kind = OUTCOME_NONE;
    return true;
}

/* Token processes that no revision needs any more may go. */
static void dismiss_tokens(struct change *a)
{
    for (unsigned i = 0; i < CONTROL_TOKENS_MAX; i++) {
        struct child *c = fleet_find(a->fleet, ROLE_TOKEN, i);

        if (c->module && !holding_uses_token(a->running, i) && !holding_uses_token(a->pending, i) &&
            (!holding_uses_token(a->prior, i) || c->stage == STAGE_DOWN))
            fleet_unseat(c);
    }
}

/* Tell every child that was asked to forget it, and note why. */
static void give_up(struct change *a, enum outcome_kind kind, const struct err *e)
{
    a->outcome = (struct change_outcome){kind, a->pending->number, *e};
    for (unsigned i = 0; i < a->fleet->n; i++) {
        struct child *c = &a->fleet->children[i];

        if (c->vote != VOTE_NONE)
            child_send_number(c, CONTROL_ABORT, a->pending->number);
        c->vote = VOTE_NONE;
    }
    holding_free(a->pending);
    a->pending = NULL;
    dismiss_tokens(a);
    files_refused(a->files);
    if (!a->running || !a->running->policy->dpdk.n_ports)
        (void)fleet_dpdk(a->fleet, 0, -1); /* begun for this change alone */
    else if (a->begins_engine)
        fleet_dpdk_lost(a->fleet, a->running->policy->dpdk.n_lcores,
                        a->running->images[ATTACH_IMAGE_DATAPLANE]);
    a->begins_engine = false;
    move(a, CHANGE_IDLE, 0);
}

static void tell_mgmt_refused(struct change *a, uint64_t revision, const struct err *e)
{
    struct control_refused m = {.revision = revision, .err = *e};
    struct child *mgmt = fleet_find(a->fleet, ROLE_MGMT, 0);
    uint8_t mem[2048];
    struct buf b;

    if (!mgmt->told)
        return; /* another process than the one that asked */
    buf_init(&b, mem, sizeof(mem));
    control_put_refused(&b, &m);
    child_send(mgmt, CONTROL_REFUSED, &b, -1);
}

/* The change ends here, and mgmt, which waits for an answer, gets the reason. */
static void refuse(struct change *a, enum outcome_kind kind, const struct err *e)
{
    uint64_t revision = a->pending->number;
    struct err reason = *e;

    give_up(a, kind, &reason);
    tell_mgmt_refused(a, revision, &reason);
}

void change_load(struct change *a, const char *name, int text_fd, uint64_t now_ms)
{
    struct child *mgmt = fleet_find(a->fleet, ROLE_MGMT, 0);
    uint64_t number = a->next_revision++;

    check(a->phase == CHANGE_IDLE && mgmt->stage >= STAGE_READY);
    a->pending = holding_new(number, text_fd);
    check(a->pending); /* a few hundred bytes: without them nothing goes on */
    mgmt->told = true;
    resume_load(mgmt, number, name, false, text_fd);
    move(a, CHANGE_LOADING, now_ms);
}

/* Is this the change under way, or may mgmt open one of its own? */
static bool is_pending(struct change *a, uint64_t revision, uint64_t now_ms)
{
    int text;

    if (a->phase == CHANGE_LOADING && !a->running && revision > a->pending->number &&
        revision < UINT32_MAX && holding_is_empty(a->pending)) {
        /* After a start mgmt alone knows which number the revision had, or is due. */
        a->pending->number = revision;
        a->next_revision = revision + 1;
    }
    if (a->phase == CHANGE_LOADING)
        return a->pending->number == revision;
    if (a->phase != CHANGE_IDLE || !a->running || revision < a->next_revision ||
        revision >= UINT32_MAX)
        return false;
    text = dup(a->running->text);
    a->pending = holding_new(revision, text);
    if (!a->pending)
        return false;
    a->next_revision = revision + 1;
    move(a, CHANGE_LOADING, now_ms);
    return true;
}

int change_attach(struct change *a, const struct control_attach *m, int fd, uint64_t now_ms)
{
    bool is_key = m->kind == ATTACH_KEY;
    const char *module = NULL;
    int rc;

    if (m->kind == ATTACH_LISTENER || m->kind > ATTACH_TEXT || (!is_key && fd < 0))
        return -EPROTO;
    if (!is_pending(a, m->revision, now_ms)) {
        /* Compiled again by a mgmt that came back: all that is needed of it is the key's token.
         * Or of a change that has ended meanwhile: its APPLY will be refused. */
        if (is_key && fd < 0 && a->running && m->revision == a->running->number)
            (void)files_key(a->files, m->token, m->revision);
        return 0;
    }
    if (is_key && fd < 0) {
        module = files_module(a->files, m->token);
        fd = files_key(a->files, m->token, m->revision);
    }
    if (fd >= 0 && module)
        rc = holding_attach_token(a->pending, m->index, fd, module);
    else
        rc = fd < 0 ? fd : holding_attach(a->pending, m->kind, m->index, fd);
    if (rc == -EEXIST || rc == -EINVAL || rc == -ENOENT)
        return -EPROTO;
    if (rc) {
        struct err e;

        err_set(&e, rc, "penstockd", "raise the hard limit of open files, or free memory",
                "an attachment can not be kept (%s)", strerror(-rc));
        refuse(a, OUTCOME_FAILED, &e);
    }
    return 0;
}

/* The first revision with ports of DPDK brings up a process for them. 0 or -errno with *e. */
static int start_dpdk(struct change *a, struct err *e)
{
    const struct holding *r = a->pending;
    const struct policy_dpdk *d = &r->policy->dpdk;
    bool begins = d->n_ports && fleet_lacks_dpdk(a->fleet);
    int rc = d->n_ports ? fleet_dpdk(a->fleet, d->n_lcores, r->images[ATTACH_IMAGE_DATAPLANE]) : 0;

    a->begins_engine = begins && !rc;
    if (rc == -ENOENT)
        return err_set(
            e, rc, "/dpdk",
            "build Penstock where libdpdk-dev is installed, or use \"auto\", \"ktls\" or "
            "\"soft\"",
            "this gateway is built without the DPDK engine");
    if (rc == -ENOSPC)
        return err_set(e, rc, "/dpdk/lcores", "start penstockd with fewer --workers",
                       "there are %u workers at most, those of the DPDK engine among them",
                       WORKERS_MAX);
    return rc ? err_set(e, rc, "/dpdk", "raise the hard limit of open files",
                        "the DPDK engine can not be started (%s)", strerror(-rc))
              : 0;
}

int change_start(struct change *a, uint64_t revision, uint64_t now_ms)
{
    struct err e;
    int rc;

    if (a->running && revision == a->running->number && a->phase != CHANGE_COMMITTING &&
        a->phase != CHANGE_SWITCHING) {
        /* mgmt came back and compiled the running text again: it runs already. */
        files_applied(a->files, revision);
        child_send_number(fleet_find(a->fleet, ROLE_MGMT, 0), CONTROL_APPLIED, revision);
        return 0;
    }
    if (!is_pending(a, revision, now_ms)) {
        err_set(&e, -EBUSY, "penstockd", "try again", "another change is under way");
        tell_mgmt_refused(a, revision, &e);
        return 0;
    }
    rc = holding_settle(a->pending, a->running, a->fleet->workers, &e);
    if (!rc)
        rc = holding_seat(a->pending, a->fleet, &e);
    if (!rc)
        rc = start_dpdk(a, &e);
    if (rc) {
        refuse(a, OUTCOME_REFUSED, &e);
        return 0;
    }
    move(a, CHANGE_PREPARING, now_ms);
    if (a->begins_engine)
        a->deadline_ms += CHILD_DEVICES_MS;
    return 0;
}

void change_reject(struct change *a, const struct control_refused *m)
{
    if (a->phase == CHANGE_LOADING && a->pending->number == m->revision)
        give_up(a, OUTCOME_REFUSED, &m->err);
}

int change_prepared(struct change *a, struct child *c, uint64_t revision, uint64_t now_ms)
{
    if (c->stage == STAGE_PREPARING && revision == a->running->number) {
        resume_prepared(c, a->running, a->fleet, now_ms);
        return 0;
    }
    if (a->phase == CHANGE_PREPARING && revision == a->pending->number && c->vote == VOTE_ASKED) {
        c->vote = VOTE_PREPARED;
        return 0;
    }
    return revision < a->next_revision ? 0 : -EPROTO;
}

int change_refused(struct change *a, struct child *c, const struct control_refused *m)
{
    if (c->stage == STAGE_PREPARING && m->revision == a->running->number) {
        resume_refused(c, &m->err);
        return 0;
    }
    if (a->phase == CHANGE_PREPARING && m->revision == a->pending->number &&
        c->vote == VOTE_ASKED) {
        refuse(a, OUTCOME_REFUSED, &m->err);
        return 0;
    }
    return m->revision < a->next_revision ? 0 : -EPROTO;
}

bool change_engine_failed(struct change *a, const struct err *e)
{
    if (a->phase != CHANGE_PREPARING || !a->running || !a->begins_engine)
        return false;
    refuse(a, OUTCOME_REFUSED, e);
    return true;
}

int change_committed(struct change *a, struct child *c, uint64_t revision, uint64_t now_ms)
{
    if (!a->running || revision != a->running->number)
        return -EPROTO;
    if (c->stage == STAGE_COMMITTING) {
        resume_committed(c, now_ms);
        return 0;
    }
    if (c->vote != VOTE_COMMITTING)
        return -EPROTO;
    c->vote = VOTE_COMMITTED;
    return 0;
}

static void fail(struct change *a, const char *where, const char *what)
{
    struct err e;

    err_set(&e, -EIO, where, "see the log lines before this one", "%s", what);
    refuse(a, OUTCOME_FAILED, &e);
}

void change_child_died(struct change *a, const struct child *c, uint64_t now_ms)
{
    if (a->phase == CHANGE_LOADING && c->role == ROLE_MGMT)
        fail(a, "penstock-mgmt", "the process ended before it had compiled the configuration");
    if (a->phase == CHANGE_PREPARING && c->vote != VOTE_NONE) {
        /* The first revision has nothing to fall back on: it goes on with the next process. */
        if (a->running)
            fail(a, child_program(c->role), "the process ended while it prepared the revision");
        else
            a->deadline_ms = now_ms + phase_ms[CHANGE_PREPARING];
    }
    /* After that, the next process is given what runs now; its vote is no longer waited for. */
}

/* PREPARING: ask whoever serves and was not asked yet. True when all have prepared. */
static bool ask(struct change *a)
{
    bool all = true;

    for (unsigned i = 0; i < a->fleet->n; i++) {
        struct child *c = &a->fleet->children[i];

        if (!child_votes(c) || c->missing ||
            (c->role == ROLE_TOKEN && !holding_uses_token(a->pending, c->index)))
            continue;
        if (c->stage == STAGE_SERVING && c->vote == VOTE_NONE) {
            c->vote = VOTE_ASKED;
            holding_give(a->pending, c, false);
        }
        all = all && c->vote == VOTE_PREPARED;
    }
    return all;
}

static void commit(struct change *a, bool dataplane)
{
    for (unsigned i = 0; i < a->fleet->n; i++) {
        struct child *c = &a->fleet->children[i];

        if (c->vote != VOTE_PREPARED || role_is_dataplane(c->role) != dataplane)
            continue;
        c->vote = VOTE_COMMITTING;
        child_send_number(c, CONTROL_COMMIT, a->running->number);
    }
}

static bool anyone_commits(const struct change *a)
{
    for (unsigned i = 0; i < a->fleet->n; i++) {
        if (a->fleet->children[i].vote == VOTE_COMMITTING)
            return true;
    }
    return false;
}

/* From here on the new revision is the one that returning processes get. */
static void pass_point_of_no_return(struct change *a, uint64_t now_ms)
{
    holding_free(a->prior);
    a->prior = a->running;
    a->running = a->pending;
    a->pending = NULL;
    commit(a, false);
    move(a, CHANGE_COMMITTING, now_ms);
}

static void finish(struct change *a, uint64_t now_ms)
{
    struct child *mgmt = fleet_find(a->fleet, ROLE_MGMT, 0);

    for (unsigned i = 0; i < a->fleet->n; i++)
        a->fleet->children[i].vote = VOTE_NONE;
    if (a->prior)
        holding_retire(a->prior);
    dismiss_tokens(a);
    files_applied(a->files, a->running->number);
    if (mgmt->told)
        child_send_number(mgmt, CONTROL_APPLIED, a->running->number);
    a->begins_engine = false;
    if (!a->running->policy->dpdk.n_ports && fleet_lacks_dpdk(a->fleet))
        (void)fleet_dpdk(a->fleet, 0, -1); /* nobody looks for devices any more */
    a->outcome = (struct change_outcome){.kind = OUTCOME_APPLIED, .revision = a->running->number};
    move(a, CHANGE_IDLE, now_ms);
}

static void kill_laggards(struct change *a)
{
    for (unsigned i = 0; i < a->fleet->n; i++) {
        if (a->fleet->children[i].vote == VOTE_COMMITTING)
            child_kill(&a->fleet->children[i], "it did not commit in time");
    }
    a->deadline_ms = 0;
}

static void late(struct change *a)
{
    if (a->phase == CHANGE_LOADING)
        fail(a, "penstock-mgmt", "the configuration was not compiled in time");
    else if (a->phase == CHANGE_PREPARING)
        fail(a, "penstockd", "not every process prepared the revision in time");
    else
        kill_laggards(a);
}

void change_tick(struct change *a, uint64_t now_ms)
{
    if (a->phase != CHANGE_IDLE && a->deadline_ms && now_ms >= a->deadline_ms)
        late(a);
    if (a->phase == CHANGE_PREPARING && ask(a))
        pass_point_of_no_return(a, now_ms);
    if (a->phase == CHANGE_COMMITTING && !anyone_commits(a)) {
        commit(a, true);
        move(a, CHANGE_SWITCHING, now_ms);
    }
    if (a->phase == CHANGE_SWITCHING && !anyone_commits(a))
        finish(a, now_ms);
}
