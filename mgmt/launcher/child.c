#include "mgmt/launcher/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/base/spawn.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/control.h"

struct role_row {
    const char *name, *program, *option;
    bool takes_workers, takes_index;
    const char *variable; /* of its environment; NULL: none */
};

/*
 * OpenSSL takes and gives back thousands of small pieces of memory in a handshake: the allocator
 * keeps more of them at hand than by default (7 of a size), which saves a twentieth of its time and
 * holds 3 MB at most.
 */
#define SMALL_PIECES "GLIBC_TUNABLES=glibc.malloc.tcache_count=100"

static const struct role_row roles[ROLE_COUNT] = {
    [ROLE_DATAPLANE] = {"dataplane", "penstock-dataplane", "--workers", .takes_workers = true},
    [ROLE_HANDSHAKE] = {"handshake", "penstock-handshake", "--index", .takes_index = true,
                        .variable = SMALL_PIECES},
    [ROLE_JUDGE] = {"judge", "penstock-handshake", "--judge"},
    [ROLE_KEYRING] = {"keyring", "penstock-keyring", NULL},
    [ROLE_MGMT] = {"mgmt", "penstock-mgmt", NULL},
    [ROLE_TOKEN] = {"token", "penstock-keyring-token", NULL},
    [ROLE_DPDK] = {"dataplane-dpdk", "penstock-dataplane-dpdk", "--first-worker",
                   .takes_workers = true},
};

#define TO(stage) (1u << STAGE_##stage)

static const unsigned moves[STAGE_COUNT] = {
    [STAGE_DOWN] = TO(STARTING),
    [STAGE_STARTING] = TO(READY) | TO(DOWN),
    [STAGE_READY] = TO(PREPARING) | TO(SERVING) | TO(DOWN),
    [STAGE_PREPARING] = TO(COMMITTING) | TO(DOWN),
    [STAGE_COMMITTING] = TO(SERVING) | TO(DOWN),
    [STAGE_SERVING] = TO(DOWN),
};

static const bool has_deadline[STAGE_COUNT] = {
    [STAGE_STARTING] = true, [STAGE_PREPARING] = true, [STAGE_COMMITTING] = true};

const char *child_program(enum role role)
{
    return roles[role].program;
}

void child_init(struct child *c, enum role role, uint16_t index)
{
    memset(c, 0, sizeof(*c));
    c->role = role;
    c->index = index;
    c->control = -1;
    outbox_init(&c->outbox);
    if (roles[role].takes_index || role == ROLE_TOKEN)
        snprintf(c->name, sizeof(c->name), "%s.%u", roles[role].name, index);
    else
        snprintf(c->name, sizeof(c->name), "%s", roles[role].name);
}

void child_close(struct child *c)
{
    outbox_fini(&c->outbox);
    if (c->control >= 0)
        close(c->control);
    c->control = -1;
}

static uint64_t stage_ms(enum role role, enum stage stage)
{
    return role == ROLE_DPDK && stage == STAGE_STARTING ? CHILD_DEVICES_MS : CHILD_STAGE_MS;
}

void child_move(struct child *c, enum stage next, uint64_t now_ms)
{
    check(moves[c->stage] & (1u << next));
    c->stage = next;
    c->since_ms = now_ms;
    c->due_ms = has_deadline[next] ? now_ms + stage_ms(c->role, next) : 0;
}

#define ARGV_MAX (8 + 2 * MODULES_MAX)

/* Arguments point into what outlives the call. */
struct arguments {
    char *argv[ARGV_MAX];
    unsigned n;
    char index[16], workers[16], rekey[16];
};

static void add(struct arguments *a, const char *word)
{
    a->argv[a->n++] = (char *)(uintptr_t)word;
}

static void fill(struct arguments *a, const struct child *c, const struct child_setup *s)
{
    const struct role_row *r = &roles[c->role];

    snprintf(a->index, sizeof(a->index), "%u", c->index);
    snprintf(a->workers, sizeof(a->workers), "%u", s->workers);
    snprintf(a->rekey, sizeof(a->rekey), "%u", s->rekey_records);
    add(a, r->program);
    if (r->option)
        add(a, r->option);
    if (r->takes_workers || r->takes_index)
        add(a, r->takes_workers ? a->workers : a->index);
    if (role_is_dataplane(c->role) && s->rekey_records) {
        add(a, "--rekey-records");
        add(a, a->rekey);
    }
    if ((c->role == ROLE_MGMT || c->role == ROLE_DPDK) && s->appliance && s->appliance[0]) {
        add(a, "--appliance");
        add(a, s->appliance);
    }
    if (c->role == ROLE_MGMT && s->vrrp && s->vrrp[0]) {
        add(a, "--vrrp");
        add(a, s->vrrp);
    }
    if (c->role == ROLE_TOKEN) {
        add(a, "--module");
        add(a, c->module);
    }
    for (unsigned i = 0; c->role == ROLE_TOKEN && s->modules && i < s->modules->n_files; i++) {
        add(a, "--files");
        add(a, s->modules->files[i]);
    }
}

int child_start(struct child *c, const struct child_setup *s, uint64_t now_ms)
{
    const char *own[] = {roles[c->role].variable, NULL};
    bool modules = c->role == ROLE_TOKEN && s->modules;
    struct arguments a = {{0}};
    char path[4096 + 32];
    int pair[2], rc;
    pid_t pid;

    snprintf(path, sizeof(path), "%s/%s", s->dir, roles[c->role].program);
    fill(&a, c, s);
    rc = chan_pair(pair);
    if (rc)
        return rc;
    pid = spawn_child_with(path, a.argv, modules ? s->modules->variables : own, pair[1], s->log_fd);
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return (int)pid;
    }
    c->pid = pid;
    c->control = pair[0];
    child_move(c, STAGE_STARTING, now_ms);
    return 0;
}

uint64_t child_backoff_ms(unsigned failures)
{
    uint64_t ms = CHILD_BACKOFF_MS;

    if (!failures)
        return 0;
    for (unsigned i = 1; i < failures && ms < CHILD_BACKOFF_MAX; i++)
        ms *= 2;
    return ms < CHILD_BACKOFF_MAX ? ms : CHILD_BACKOFF_MAX;
}

void child_died(struct child *c, uint64_t now_ms)
{
    if (c->stage == STAGE_SERVING && now_ms - c->since_ms >= CHILD_HEALTHY_MS)
        c->failures = 0;
    child_close(c);
    c->pid = 0;
    c->told = false;
    c->vote = VOTE_NONE;
    if (c->stage != STAGE_DOWN)
        child_move(c, STAGE_DOWN, now_ms);
    c->due_ms = now_ms + (c->missing ? CHILD_MISSING_MS : child_backoff_ms(c->failures++));
}

void child_send(struct child *c, uint8_t type, const struct buf *body, int fd)
{
    int rc;

    if (c->control < 0)
        return;
    rc = outbox_send(&c->outbox, c->control, type, body, fd);
    check(rc != -EINVAL); /* bodies are made here, into room enough */
    if (rc && rc != -EPIPE && rc != -ECONNRESET)
        child_kill(c, strerror(-rc));
}

void child_send_number(struct child *c, uint8_t type, uint64_t v)
{
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    control_put_number(&b, v);
    child_send(c, type, &b, -1);
}

void child_kill(struct child *c, const char *why)
{
    char quoted[128];

    if (c->pid <= 0)
        return;
    log_event(LOG_ERROR, "child_killed", "process=%s pid=%d why=%s", c->name, (int)c->pid,
              log_quote(quoted, sizeof(quoted), why, strlen(why)));
    child_hang_up(c);
}

void child_hang_up(struct child *c)
{
    child_close(c);
    if (c->pid > 0)
        kill(c->pid, SIGKILL);
    c->due_ms = 0;
}
