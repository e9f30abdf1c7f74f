#include "mgmt/launcher/fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/chan.h"
#include "mgmt/launcher/place.h"

/*
 * One kind of channel: its ends, and how far each has to be before the pair is made. The data plane
 * gets its pairs before it is told to go live; whoever serves it must be able to serve by then.
 */
struct link_row {
    enum channel_kind kind;
    enum role near, far; /* near has index i */
    bool far_indexed;    /* far is child i of its role; else one child that is told i */
    enum stage near_from, far_from;
};

static const struct link_row links[] = {
    {CHANNEL_KEYS, ROLE_HANDSHAKE, ROLE_KEYRING, false, STAGE_READY, STAGE_SERVING},
    {CHANNEL_HANDOFF, ROLE_HANDSHAKE, ROLE_DATAPLANE, false, STAGE_SERVING, STAGE_COMMITTING},
    {CHANNEL_JUDGE, ROLE_DATAPLANE, ROLE_JUDGE, false, STAGE_COMMITTING, STAGE_SERVING},
    {CHANNEL_QUERY, ROLE_DATAPLANE, ROLE_MGMT, false, STAGE_READY, STAGE_READY},
    {CHANNEL_NOTICES, ROLE_DATAPLANE, ROLE_MGMT, false, STAGE_READY, STAGE_READY},
    {CHANNEL_EXPLAIN, ROLE_MGMT, ROLE_JUDGE, false, STAGE_READY, STAGE_SERVING},
    {CHANNEL_TOKEN, ROLE_TOKEN, ROLE_KEYRING, false, STAGE_READY, STAGE_READY},
    {CHANNEL_TOKENSTATE, ROLE_TOKEN, ROLE_MGMT, false, STAGE_READY, STAGE_READY},
    {CHANNEL_VAULT, ROLE_MGMT, ROLE_KEYRING, false, STAGE_READY, STAGE_READY},
};

/* How many pairs of a kind there are. */
static unsigned pairs(const struct fleet *f, const struct link_row *row)
{
    return row->near == ROLE_MGMT    ? 1
           : row->near == ROLE_TOKEN ? CONTROL_TOKENS_MAX
                                     : f->workers + f->dpdk;
}

/* Who is at one end of pair i. The DPDK data plane has the last workers. */
static struct child *end_of(struct fleet *f, enum role role, unsigned i)
{
    if (role == ROLE_DATAPLANE && i >= f->workers)
        return fleet_find(f, ROLE_DPDK, 0);
    return fleet_find(f, role, role == ROLE_HANDSHAKE || role == ROLE_TOKEN ? i : 0);
}

/* What that end knows the pair as: a data plane counts its own workers. */
static unsigned index_for(const struct fleet *f, const struct child *c, unsigned i)
{
    return c->role == ROLE_DPDK ? i - f->workers : i;
}

void fleet_init(struct fleet *f, const char *programs, unsigned workers, int local_fd, int state_fd)
{
    memset(f, 0, sizeof(*f));
    snprintf(f->programs, sizeof(f->programs), "%s", programs);
    f->workers = workers;
    f->local_fd = local_fd;
    f->state_fd = state_fd;
    f->kek_fd = -1;
    f->ports_fd = -1;
    child_init(&f->children[f->n++], ROLE_KEYRING, 0);
    child_init(&f->children[f->n++], ROLE_JUDGE, 0);
    for (unsigned i = 0; i < workers; i++)
        child_init(&f->children[f->n++], ROLE_HANDSHAKE, (uint16_t)i);
    for (unsigned i = 0; i < CONTROL_TOKENS_MAX; i++)
        child_init(&f->children[f->n++], ROLE_TOKEN, (uint16_t)i);
    child_init(&f->children[f->n++], ROLE_DATAPLANE, 0);
    child_init(&f->children[f->n++], ROLE_MGMT, 0);
}

void fleet_fini(struct fleet *f)
{
    if (f->ports_fd >= 0)
        close(f->ports_fd);
    f->ports_fd = -1;
    for (unsigned i = 0; i < f->n; i++) {
        child_close(&f->children[i]);
        free(f->children[i].module);
        f->children[i].module = NULL;
    }
}

struct child *fleet_find(struct fleet *f, enum role role, unsigned index)
{
    for (unsigned i = 0; i < f->n; i++) {
        if (f->children[i].role == role && f->children[i].index == index)
            return &f->children[i];
    }
    return NULL;
}

/* Devices take privilege: the process opens them before it is ready for anything else. */
static void give_ports(struct fleet *f, struct child *c)
{
    struct control_attach m = {.kind = ATTACH_IMAGE_DATAPLANE};
    uint8_t mem[64];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &m);
    child_send(c, CONTROL_ATTACH, &b, f->ports_fd);
}

static int start(struct fleet *f, struct child *c, uint64_t now_ms)
{
    struct child_setup s = {f->programs,  f->workers, f->rekey_records, f->modules,
                            f->appliance, f->vrrp,    f->log_write};
    int rc = child_start(c, &s, now_ms);

    if (rc) {
        c->due_ms = now_ms + child_backoff_ms(++c->failures);
        return rc;
    }
    if (c->role == ROLE_DPDK)
        give_ports(f, c);
    place_child(c, f->workers);
    log_event(LOG_INFO, "child_started", "process=%s pid=%d", c->name, (int)c->pid);
    return 0;
}

int fleet_start_due(struct fleet *f, uint64_t now_ms, const char **program)
{
    int first = 0;

    for (unsigned i = 0; i < f->n && !f->stopping; i++) {
        struct child *c = &f->children[i];
        int rc;

        if (c->stage != STAGE_DOWN || c->due_ms > now_ms || !child_wanted(c))
            continue;
        rc = start(f, c, now_ms);
        if (!rc)
            continue;
        log_event(LOG_ERROR, "child_not_started", "process=%s error=\"%s\"", c->name,
                  strerror(-rc));
        if (!first) {
            first = rc;
            *program = child_program(c->role);
        }
    }
    return first;
}

void fleet_child_died(struct fleet *f, struct child *c, uint64_t now_ms)
{
    for (size_t k = 0; k < ARRAY_LEN(links); k++) {
        for (unsigned i = 0; i < pairs(f, &links[k]); i++) {
            if (end_of(f, links[k].far, i) == c || end_of(f, links[k].near, i) == c)
                f->linked[links[k].kind][i] = false;
        }
    }
    if (c->role == ROLE_MGMT)
        f->linked[CHANNEL_LOCAL][0] = f->linked[CHANNEL_STATE][0] = f->linked[CHANNEL_LOG][0] =
            false;
    child_died(c, now_ms);
}

static void send_channel(struct child *c, enum channel_kind kind, unsigned index, int fd)
{
    struct control_channel m = {.kind = (uint8_t)kind, .index = (uint16_t)index};
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_channel(&b, &m);
    child_send(c, CONTROL_CHANNEL, &b, fd);
}

static void link_pair(struct fleet *f, const struct link_row *row, unsigned i)
{
    struct child *near = end_of(f, row->near, i), *far = end_of(f, row->far, i);
    int pair[2], rc;

    if (near->stage < row->near_from || far->stage < row->far_from)
        return;
    rc = chan_pair(pair);
    if (rc) {
        /* Tried again at the next change; until then both are without it. */
        log_event(LOG_ERROR, "channel_failed", "from=%s to=%s error=\"%s\"", near->name, far->name,
                  strerror(-rc));
        return;
    }
    send_channel(near, row->kind, row->kind == CHANNEL_VAULT ? f->kek_kept : index_for(f, near, i),
                 pair[0]);
    send_channel(far, row->kind, index_for(f, far, i), pair[1]);
    close(pair[0]);
    close(pair[1]);
    f->linked[row->kind][i] = true;
}

/* A descriptor that is no pair's. */
static void give(struct fleet *f, struct child *c, enum channel_kind kind, int fd)
{
    if (fd < 0 || f->linked[kind][0] || c->stage < STAGE_READY)
        return;
    send_channel(c, kind, 0, fd);
    f->linked[kind][0] = true;
}

void fleet_link(struct fleet *f)
{
    struct child *mgmt = fleet_find(f, ROLE_MGMT, 0);

    for (size_t k = 0; k < ARRAY_LEN(links); k++) {
        for (unsigned i = 0; i < pairs(f, &links[k]); i++) {
            if (!f->linked[links[k].kind][i])
                link_pair(f, &links[k], i);
        }
    }
    give(f, mgmt, CHANNEL_STATE, f->state_fd); /* first: whoever asks wants the store */
    give(f, mgmt, CHANNEL_LOCAL, f->local_fd);
    give(f, mgmt, CHANNEL_LOG, f->log_read ? f->log_read : -1);
}

static bool is_installed(const struct fleet *f, enum role role)
{
    char path[PATH_MAX + 32];

    snprintf(path, sizeof(path), "%s/%s", f->programs, child_program(role));
    return access(path, X_OK) == 0;
}

static void set_idle(struct child *c, bool idle)
{
    if (idle && !c->idle)
        child_hang_up(c);
    c->idle = idle;
}

/* The process and those beside it exist, whether they run or not. */
static void add_dpdk(struct fleet *f, unsigned workers)
{
    for (unsigned i = 0; i < workers; i++)
        if (!fleet_find(f, ROLE_HANDSHAKE, f->workers + i))
            child_init(&f->children[f->n++], ROLE_HANDSHAKE, (uint16_t)(f->workers + i));
    if (!fleet_find(f, ROLE_DPDK, 0))
        child_init(&f->children[f->n++], ROLE_DPDK, 0);
}

bool fleet_lacks_dpdk(const struct fleet *f)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->children[i].role == ROLE_DPDK)
            return f->children[i].idle || f->children[i].missing;
    return true;
}

void fleet_dpdk_lost(struct fleet *f, unsigned wanted, int image_fd)
{
    struct child *c = fleet_find(f, ROLE_DPDK, 0);

    c->missing = true;
    (void)fleet_dpdk(f, wanted, image_fd);
    c->missing = true;
}

int fleet_dpdk(struct fleet *f, unsigned wanted, int image_fd)
{
    struct child *c = fleet_find(f, ROLE_DPDK, 0);
    int fd;

    if (!wanted && !c)
        return 0;
    if (f->workers + wanted > WORKERS_MAX)
        return -ENOSPC;
    if (wanted && !is_installed(f, ROLE_DPDK))
        return -ENOENT;
    if (wanted && fleet_lacks_dpdk(f)) {
        fd = fcntl(image_fd, F_DUPFD_CLOEXEC, 0);
        if (fd < 0)
            return -errno;
        if (f->ports_fd >= 0)
            close(f->ports_fd);
        f->ports_fd = fd;
        f->dpdk = wanted;
        add_dpdk(f, wanted);
        c = fleet_find(f, ROLE_DPDK, 0);
        if (c->missing)
            child_hang_up(c); /* it looks for what another revision named */
        c->missing = false;
        c->due_ms = 0;
    }
    for (unsigned i = 0; (c = fleet_find(f, ROLE_HANDSHAKE, f->workers + i)) != NULL; i++)
        set_idle(c, !wanted || i >= f->dpdk);
    set_idle(fleet_find(f, ROLE_DPDK, 0), !wanted);
    return 0;
}

bool fleet_give_caller(struct fleet *f, int fd)
{
    struct child *mgmt = fleet_find(f, ROLE_MGMT, 0);

    if (mgmt->stage < STAGE_READY || mgmt->control < 0)
        return false;
    send_channel(mgmt, CHANNEL_CALLER, 0, fd);
    return true;
}

void fleet_give_kek(struct fleet *f)
{
    struct control_attach m = {.kind = ATTACH_KEK};
    uint8_t mem[64];
    struct buf b;

    if (f->kek_fd < 0)
        return;
    buf_init(&b, mem, sizeof(mem));
    control_put_attach(&b, &m);
    child_send(fleet_find(f, ROLE_KEYRING, 0), CONTROL_ATTACH, &b, f->kek_fd);
}

bool fleet_has_vault(const struct fleet *f)
{
    return f->linked[CHANNEL_VAULT][0];
}

void fleet_check_deadlines(struct fleet *f, uint64_t now_ms)
{
    for (unsigned i = 0; i < f->n; i++) {
        struct child *c = &f->children[i];

        if (c->stage != STAGE_DOWN && c->due_ms && c->due_ms <= now_ms)
            child_kill(c, "it took too long");
    }
}

uint64_t fleet_next_ms(const struct fleet *f, uint64_t limit_ms)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct child *c = &f->children[i];

        if (c->stage == STAGE_DOWN && (f->stopping || !child_wanted(c)))
            continue;
        if ((c->stage == STAGE_DOWN || c->due_ms) && c->due_ms < limit_ms)
            limit_ms = c->due_ms;
    }
    return limit_ms;
}

int fleet_seat(struct fleet *f, const char *module)
{
    struct child *seat = NULL;

    for (unsigned i = 0; i < CONTROL_TOKENS_MAX; i++) {
        struct child *c = fleet_find(f, ROLE_TOKEN, i);

        if (c->module && !strcmp(c->module, module))
            return (int)i;
        if (!c->module && c->stage == STAGE_DOWN && !seat)
            seat = c;
    }
    if (!seat)
        return -ENOSPC;
    seat->module = strdup(module);
    if (!seat->module)
        return -ENOMEM;
    seat->failures = 0;
    seat->due_ms = 0;
    return seat->index;
}

void fleet_unseat(struct child *c)
{
    free(c->module);
    c->module = NULL;
    child_close(c);
}

bool fleet_all_serve(const struct fleet *f)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct child *c = &f->children[i];

        if (child_votes(c) && c->stage != STAGE_SERVING && !c->missing)
            return false;
    }
    return true;
}
