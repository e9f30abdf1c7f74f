#include "mgmt/launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/logtap.h"
#include "dataplane/base/sandbox.h"
#include "dataplane/wire/chan.h"
#include "mgmt/launcher/kek.h"
#include "mgmt/launcher/notify.h"
#include "mgmt/launcher/resume.h"

#define IDLE_MS  60000
#define LOG_PIPE (1 << 20) /* bytes: what management may be late by */

/* Read the configuration's text; it is loaded as soon as mgmt can take it. */
static int read_text(struct launcher *l, struct err *e)
{
    int fd = files_read_config(&l->files, l->args->config);

    if (fd < 0)
        return err_set(e, fd, "", "name a readable JSON file of at most 16 MiB",
                       "the configuration can not be read (%s)", strerror(-fd));
    if (l->text >= 0)
        close(l->text);
    l->text = fd;
    return 0;
}

static void log_refused(const struct err *e, uint64_t revision)
{
    char text[1100], quoted[1400];

    err_text(e, text, sizeof(text));
    log_event(LOG_ERROR, "revision_refused", "revision=%" PRIu64 " reason=%s", revision,
              log_quote(quoted, sizeof(quoted), text, strlen(text)));
}

static void reload(struct launcher *l)
{
    struct err e;

    if (l->phase != LAUNCHER_RUNS)
        return;
    log_event(LOG_INFO, "reload", "%s", "why=SIGHUP");
    notify_send(l->notify, NOTIFY_RELOADING);
    if (read_text(l, &e)) {
        log_refused(&e, l->change.next_revision);
        notify_send(l->notify, NOTIFY_READY);
    }
}

/* Give mgmt what it lacks: what runs if it came back, then what waits to be loaded. */
static void feed_mgmt(struct launcher *l, uint64_t now_ms)
{
    struct child *mgmt = fleet_find(&l->fleet, ROLE_MGMT, 0);
    const struct holding *running = l->change.running;
    int text = l->text;

    if (l->change.phase != CHANGE_IDLE || mgmt->stage != STAGE_SERVING ||
        !fleet_has_vault(&l->fleet))
        return;
    if (running && !mgmt->told) {
        mgmt->told = true;
        resume_load(mgmt, running->number, l->args->config, true, running->text);
    }
    if (text < 0)
        return;
    l->text = -1;
    change_load(&l->change, l->args->config, text, now_ms);
}

/* A first revision that nobody judged is tried again, a few times. */
static void retry_first(struct launcher *l, const struct err *e, uint64_t now_ms)
{
    struct err unreadable;

    if (++l->failures >= LAUNCHER_START_TRIES)
        stop_with(l, 1, e, now_ms);
    else if (read_text(l, &unreadable))
        stop_with(l, 2, &unreadable, now_ms);
}

static void take_outcome(struct launcher *l, uint64_t now_ms)
{
    struct change_outcome o;

    if (!change_take_outcome(&l->change, &o))
        return;
    if (o.kind == OUTCOME_APPLIED) {
        log_event(LOG_INFO, "revision_applied", "revision=%" PRIu64, o.revision);
    } else if (l->change.running) {
        log_refused(&o.err, o.revision);
    } else {
        if (o.kind == OUTCOME_REFUSED)
            stop_with(l, 2, &o.err, now_ms);
        else
            retry_first(l, &o.err, now_ms);
        return;
    }
    if (l->ready)
        notify_send(l->notify, NOTIFY_READY); /* the end of a reload */
}

static void say_ready(struct launcher *l)
{
    if (l->ready || !l->change.running || l->change.phase != CHANGE_IDLE ||
        !fleet_all_serve(&l->fleet))
        return;
    l->ready = true;
    dprintf(STDERR_FILENO, "penstock ready revision=%" PRIu64 "\n", l->change.running->number);
    notify_send(l->notify, NOTIFY_READY);
}

/* Before the gateway was ready once, a child that keeps dying ends the attempt. */
static void check_start(struct launcher *l, uint64_t now_ms)
{
    struct err e;

    for (unsigned i = 0; i < l->fleet.n && !l->ready; i++) {
        const struct child *c = &l->fleet.children[i];

        if (c->failures < LAUNCHER_START_TRIES || c->missing)
            continue;
        err_set(&e, -EIO, child_program(c->role), "see its log lines before this one",
                "the process does not stay up");
        stop_with(l, 1, &e, now_ms);
        return;
    }
}

static void start_due(struct launcher *l, uint64_t now_ms)
{
    const char *program = NULL;
    int rc = fleet_start_due(&l->fleet, now_ms, &program);
    struct err e;

    if (!rc || l->ready)
        return;
    err_set(&e, rc, program, "install all programs of Penstock in one directory",
            "can not be started from %s (%s)", l->fleet.programs, strerror(-rc));
    stop_with(l, 1, &e, now_ms);
}

static void log_death(const struct child *c, pid_t pid, int status)
{
    bool by_signal = WIFSIGNALED(status);

    if (!child_wanted(c) && !status) {
        log_event(LOG_INFO, "child_ended", "process=%s pid=%d", c->name, (int)pid);
        return;
    }
    log_event(LOG_ERROR, "child_died", "process=%s pid=%d %s=%d", c->name, (int)pid,
              by_signal ? "signal" : "exit", by_signal ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void bury(struct launcher *l, struct child *c, int status, uint64_t now_ms)
{
    pid_t pid = c->pid;

    c->pid = 0; /* reaped: the number may be another's now */
    if (l->phase == LAUNCHER_RUNS)
        serve_child(l, c, now_ms); /* its last words */
    if (l->phase == LAUNCHER_RUNS)
        log_death(c, pid, status);
    change_child_died(&l->change, c, now_ms);
    fleet_child_died(&l->fleet, c, now_ms);
    if (c->role == ROLE_MGMT)
        files_forget(&l->files);
    if (role_is_dataplane(c->role) && l->phase == LAUNCHER_DRAINS)
        stop_drained(l, c, now_ms);
}

static void reap(struct launcher *l, uint64_t now_ms)
{
    for (unsigned i = 0; i < l->fleet.n; i++) {
        struct child *c = &l->fleet.children[i];
        int status;

        if (c->pid > 0 && waitpid(c->pid, &status, WNOHANG) == c->pid)
            bury(l, c, status, now_ms);
    }
}

static void take_signals(struct launcher *l, uint64_t now_ms)
{
    struct signalfd_siginfo s;

    while (read(l->signal_fd, &s, sizeof(s)) == (ssize_t)sizeof(s)) {
        if (s.ssi_signo == SIGHUP)
            reload(l);
        else if (s.ssi_signo != SIGCHLD)
            stop_drain(l, now_ms);
    }
    reap(l, now_ms);
}

static uint64_t next_ms(const struct launcher *l, uint64_t now_ms)
{
    uint64_t next = fleet_next_ms(&l->fleet, now_ms + IDLE_MS);

    if (l->change.phase != CHANGE_IDLE && l->change.deadline_ms && l->change.deadline_ms < next)
        next = l->change.deadline_ms;
    if (l->phase != LAUNCHER_RUNS && l->deadline_ms < next)
        next = l->deadline_ms;
    return next;
}

static void wait_and_serve(struct launcher *l)
{
    struct pollfd p[1 + FLEET_MAX] = {{.fd = l->signal_fd, .events = POLLIN}};
    uint64_t now_ms = clock_mono_ms(), next = next_ms(l, now_ms);
    struct fleet *f = &l->fleet;

    for (unsigned i = 0; i < f->n; i++) {
        p[1 + i].fd = f->children[i].control;
        p[1 + i].events = outbox_empty(&f->children[i].outbox) ? POLLIN : POLLIN | POLLOUT;
    }
    poll(p, 1 + f->n, next > now_ms ? (int)(next - now_ms) : 0);
    now_ms = clock_mono_ms();
    for (unsigned i = 0; i < f->n; i++) {
        struct child *c = &f->children[i];

        if ((p[1 + i].revents & POLLOUT) && c->control >= 0)
            (void)outbox_flush(&c->outbox, c->control); /* a dead end is seen below */
        if (p[1 + i].revents & ~POLLOUT)
            serve_child(l, c, now_ms);
    }
    if (p[0].revents)
        take_signals(l, now_ms);
}

static void step(struct launcher *l)
{
    uint64_t now_ms = clock_mono_ms();

    stop_tick(l, now_ms);
    if (l->phase != LAUNCHER_RUNS)
        return;
    start_due(l, now_ms);
    fleet_check_deadlines(&l->fleet, now_ms);
    change_tick(&l->change, now_ms);
    take_outcome(l, now_ms);
    check_start(l, now_ms);
    feed_mgmt(l, now_ms);
    say_ready(l);
}

static int watch_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -errno;
    signal(SIGPIPE, SIG_IGN); /* stderr may be a pipe that nobody reads any more */
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Children inherit it: the data plane needs two descriptors a session. */
static void raise_file_limit(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r))
        return;
    r.rlim_cur = r.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &r);
}

static int prepare(struct launcher *l, struct err *e)
{
    int rc;

    raise_file_limit();
    rc = sandbox_enter(SANDBOX_LAUNCHER, e);
    if (rc)
        return rc;
    l->signal_fd = watch_signals();
    l->message = malloc(CHAN_HEADER + CHAN_BODY_MAX);
    if (l->signal_fd < 0 || !l->message)
        return err_set(e, -ENOMEM, "penstockd", "free memory", "can not start");
    rc = statedir_open(&l->state, l->args->state, e);
    if (rc)
        return rc;
    l->kek = kek_open(l->state.dir, &l->kek_kept, e);
    if (l->kek >= 0 && l->kek_kept == KEK_FILE)
        log_event(LOG_WARN, "kek_in_file",
                  "path=\"%s/" KEK_NAME "\" fix=\"give the unit LoadCredentialEncrypted=" KEK_NAME
                  ", sealed by a TPM, and remove the file\"",
                  l->args->state);
    return l->kek < 0 ? l->kek : 0;
}

/* All log lines, for mgmt, which may not be there: then the pipe is full, and lines are counted. */
static void open_tap(struct launcher *l)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK)) {
        log_event(LOG_WARN, "no_log_tap", "error=\"%s\"", strerror(errno));
        return;
    }
    (void)fcntl(fds[1], F_SETPIPE_SZ, LOG_PIPE);
    l->log_read = fds[0];
    l->log_write = fds[1];
    logtap_set(fds[1]);
}

static void finish(struct launcher *l)
{
    change_fini(&l->change);
    files_fini(&l->files);
    statedir_close(&l->state);
    free(l->message);
    logtap_set(-1);
    if (l->log_read) {
        close(l->log_read);
        close(l->log_write);
    }
    if (l->text >= 0)
        close(l->text);
    if (l->kek >= 0)
        close(l->kek);
    if (l->signal_fd >= 0)
        close(l->signal_fd);
}

int launcher_run(const struct args *args)
{
    struct launcher *l = calloc(1, sizeof(*l));
    struct err e;
    int rc;

    check(l);
    l->args = args;
    l->signal_fd = l->text = l->kek = -1;
    l->state = (struct statedir){-1, -1, -1, -1};
    l->notify = getenv("NOTIFY_SOCKET");
    files_init(&l->files);
    open_tap(l);
    rc = prepare(l, &e);
    if (rc) {
        stop_say(l, 1, &e);
        goto out;
    }
    fleet_init(&l->fleet, args->programs, args->workers, l->state.socket, l->state.mgmt);
    l->fleet.rekey_records = args->rekey_records;
    l->fleet.appliance = args->appliance;
    l->fleet.vrrp = args->vrrp;
    l->fleet.modules = l->files.modules = &args->modules;
    l->fleet.kek_fd = l->kek;
    l->fleet.kek_kept = l->kek_kept;
    l->fleet.log_read = l->log_read;
    l->fleet.log_write = l->log_write;
    change_init(&l->change, &l->fleet, &l->files);
    if (read_text(l, &e))
        stop_with(l, 2, &e, clock_mono_ms());
    for (step(l); !stop_done(l); step(l))
        wait_and_serve(l);
    if (!l->exit_code)
        log_event(LOG_INFO, "stopped", "status=0"); /* else the clear line is the last one */
out:
    rc = l->exit_code;
    finish(l);
    free(l);
    return rc;
}
