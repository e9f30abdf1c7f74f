#include "mgmt/launcher/fleet.h"

#include <errno.h>
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
    {CHANNEL_VAULT, ROLE_MGMT, ROLE_KEYRING, false, STAGE_READY, STAGE_READY},
};

/* How many pairs of a kind there are. */
static unsigned pairs(const struct fleet *f, const struct link_row *row)
{
    return row->near == ROLE_MGMT ? 1 : row->near == ROLE_TOKEN ? CONTROL_TOKENS_MAX : f->workers;
}

void fleet_init(struct fleet *f, const char *programs, unsigned workers, int local_fd, int state_fd)
{
    memset(f, 0, sizeof(*f));
    snprintf(f->programs, sizeof(f->programs), "%s", programs);
    f->workers = workers;
    f->local_fd = local_fd;
    f->state_fd = state_fd;
    f->kek_fd = -1;
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

static int start(struct fleet *f, struct child *c, uint64_t now_ms)
{
    struct child_setup s = {f->programs, f->workers, f->rekey_records, f->modules};
    int rc = child_start(c, &s, now_ms);

    if (rc) {
        c->due_ms = now_ms + child_backoff_ms(++c->failures);
        return rc;
    }
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
            if (links[k].far == c->role || (links[k].near == c->role && c->index == i) ||
                (links[k].near == c->role && c->role == ROLE_DATAPLANE))
                f->linked[links[k].kind][i] = false;
        }
    }
    if (c->role == ROLE_MGMT)
        f->linked[CHANNEL_LOCAL][0] = f->linked[CHANNEL_STATE][0] = false;
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
    struct child *near = fleet_find(f, row->near,
                                    row->near == ROLE_HANDSHAKE || row->near == ROLE_TOKEN ? i : 0);
    struct child *far = fleet_find(f, row->far, 0);
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
    send_channel(near, row->kind, row->kind == CHANNEL_VAULT ? f->kek_in_file : i, pair[0]);
    send_channel(far, row->kind, i, pair[1]);
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
        if (child_votes(&f->children[i]) && f->children[i].stage != STAGE_SERVING)
            return false;
    }
    return true;
}
