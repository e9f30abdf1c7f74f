#include "appliance-image/src/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "appliance-image/src/vrrp_conf.h"
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

#define AGAIN_MS 1000
#define END_MS   5000 /* for keepalived, before it is killed */
/* keepalived starts its own child again when that dies, and says nothing of it. */
#define PATIENCE_MS 15000

/* ---- what it is ---- */

static void say(struct keeper *k, enum vrrp_state state, const char *why)
{
    char quoted[VRRP_WHY_MAX * 4];

    if (k->status.state == state && !strcmp(k->status.why, why))
        return;
    if (k->status.state != state) {
        k->status.changes++;
        k->status.since_s = clock_wall_s();
    }
    log_event(state == VRRP_FAILED || state == VRRP_FAULT ? LOG_WARN : LOG_INFO, "vrrp",
              "from=%s to=%s why=%s", vrrp_states[k->status.state], vrrp_states[state],
              log_quote(quoted, sizeof quoted, why, strlen(why)));
    k->status.state = (uint8_t)state;
    snprintf(k->status.why, sizeof k->status.why, "%s", why);
    k->changed = true;
}

static void on_fault(struct keeper *k)
{
    char why[VRRP_WHY_MAX];

    if (k->good)
        snprintf(why, sizeof why, "the interface %s is not up, or lacks its address",
                 k->set.interface);
    else
        snprintf(why, sizeof why, "the gateway is not ready");
    say(k, VRRP_FAULT, why);
}

/* INSTANCE "penstock" MASTER 100 */
static void take_line(struct keeper *k)
{
    char state[16];

    if (!k->set.on || sscanf(k->line, "INSTANCE \"penstock\" %15s", state) != 1)
        return;
    if (!strcmp(state, "MASTER"))
        say(k, VRRP_ACTIVE, "");
    else if (!strcmp(state, "BACKUP"))
        say(k, VRRP_PASSIVE, "");
    else if (!strcmp(state, "FAULT"))
        on_fault(k);
}

static void read_fifo(struct keeper *k)
{
    char c;

    while (read(k->fifo, &c, 1) == 1) {
        if (c != '\n' && k->n_line + 1 < sizeof k->line) {
            k->line[k->n_line++] = c;
            continue;
        }
        k->line[k->n_line] = '\0';
        k->n_line = 0;
        take_line(k);
    }
}

/* ---- the process ---- */

/*
 * The files in which it notes its processes: all in our folder, for it writes nowhere else. One
 * that was left behind would have it think that it runs already.
 */
static const struct {
    const char *option, *name;
} pid_files[] = {
    {"--pid", "keepalived.pid"},
    {"--vrrp_pid", "vrrp.pid"},
    {"--checkers_pid", "checkers.pid"},
    {"--bfd_pid", "bfd.pid"},
};

static void become_keepalived(const struct keeper *k)
{
    char conf[512], pids[ARRAY_LEN(pid_files)][512];
    const char *argv[7 + 2 * ARRAY_LEN(pid_files)] = {k->program, "--dont-fork", "--log-console",
                                                      "--vrrp",   "--use-file",  conf};
    union {
        const char *const *mine;
        char *const *theirs; /* execve(2) changes none of them */
    } words = {argv};
    char *const environment[] = {NULL};
    size_t n = 6;

    snprintf(conf, sizeof conf, "%s/" VRRP_CONF_FILE, k->folder);
    for (size_t i = 0; i < ARRAY_LEN(pid_files); i++) {
        snprintf(pids[i], sizeof pids[i], "%s/%s", k->folder, pid_files[i].name);
        (void)unlink(pids[i]);
        argv[n++] = pid_files[i].option;
        argv[n++] = pids[i];
    }
    dup2(STDERR_FILENO, STDOUT_FILENO);
    signal(SIGPIPE, SIG_DFL);
    execve(k->program, words.theirs, environment);
    _exit(127);
}

static void start(struct keeper *k)
{
    pid_t parent = getpid();

    k->next_ms = 0;
    k->pid = fork();
    if (k->pid == 0) {
        /* Without us nobody tells it how the gateway is. */
        if (prctl(PR_SET_PDEATHSIG, SIGTERM) || getppid() != parent)
            _exit(127);
        become_keepalived(k);
    }
    k->watch = k->pid > 0 ? (int)syscall(SYS_pidfd_open, k->pid, 0) : -1;
    if (k->watch >= 0) {
        (void)fcntl(k->watch, F_SETFD, FD_CLOEXEC);
        say(k, VRRP_STARTING, "");
        k->mute_ms = clock_mono_ms() + k->patience_ms;
        return;
    }
    if (k->pid > 0) {
        kill(k->pid, SIGKILL);
        waitpid(k->pid, NULL, 0);
    }
    k->pid = 0;
    k->next_ms = clock_mono_ms() + AGAIN_MS;
    say(k, VRRP_FAILED, "keepalived can not be started: out of processes or descriptors");
}

static void ended(struct keeper *k)
{
    char why[VRRP_WHY_MAX];
    int status = 0;

    waitpid(k->pid, &status, 0);
    close(k->watch);
    k->watch = -1;
    k->pid = 0;
    if (!k->set.on) {
        say(k, VRRP_OFF, "");
        return;
    }
    snprintf(why, sizeof why, "keepalived ended (%s %d): its last lines in the log say why",
             WIFSIGNALED(status) ? "signal" : "status",
             WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    say(k, VRRP_FAILED, why);
    k->next_ms = clock_mono_ms() + AGAIN_MS;
}

/* Tell it what is wanted, or why that can not be. */
static void apply(struct keeper *k)
{
    char *text = vrrp_conf_text(&k->set, k->folder), why[VRRP_WHY_MAX];
    struct err e = {.what = "out of memory"};
    int rc = text ? vrrp_conf_write(k->folder, VRRP_CONF_FILE, text, &e) : -ENOMEM;

    free(text);
    if (!rc && !if_nametoindex(k->set.interface))
        rc = err_set(&e, -ENODEV, "interface", "", "there is no interface %s here",
                     k->set.interface);
    if (!rc && k->pid)
        kill(k->pid, SIGHUP);
    if (!rc && !k->pid)
        start(k);
    if (!rc)
        return;
    snprintf(why, sizeof why, "%.250s", e.what);
    say(k, VRRP_FAILED, why);
    if (k->pid)
        kill(k->pid, SIGTERM);
    k->next_ms = clock_mono_ms() + AGAIN_MS;
}

void keeper_set(struct keeper *k, const struct vrrp_set *set)
{
    if (!memcmp(&k->set, set, sizeof *set))
        return;
    k->set = *set;
    if (set->on) {
        apply(k);
    } else {
        k->next_ms = 0;
        if (k->pid)
            kill(k->pid, SIGTERM);
        else
            say(k, VRRP_OFF, "");
    }
}

void keeper_health(struct keeper *k, bool good)
{
    struct err e;
    char text[1100];

    if (k->good == good)
        return;
    if (vrrp_conf_write(k->folder, VRRP_CONF_HEALTH, good ? "0\n" : "1\n", &e)) {
        log_event(LOG_ERROR, "health_not_told", "error=\"%s\"", err_text(&e, text, sizeof text));
        return;
    }
    k->good = good;
    log_event(LOG_INFO, "gateway", "ready=%d", good);
    if (k->status.state == VRRP_FAULT && !good)
        on_fault(k);
    k->fault_ms = good ? clock_mono_ms() + AGAIN_MS : 0;
}

/* ---- the loop's part ---- */

void keeper_poll(const struct keeper *k, struct pollfd *p)
{
    p[0] = (struct pollfd){.fd = k->fifo, .events = POLLIN};
    p[1] = (struct pollfd){.fd = k->watch, .events = POLLIN};
}

void keeper_run(struct keeper *k)
{
    struct pollfd gone = {.fd = k->watch, .events = POLLIN};

    read_fifo(k);
    if (k->watch >= 0 && poll(&gone, 1, 0) == 1)
        ended(k);
    if (k->next_ms && clock_mono_ms() >= k->next_ms) {
        k->next_ms = 0;
        apply(k);
    }
    if (k->mute_ms && clock_mono_ms() >= k->mute_ms) {
        k->mute_ms = 0;
        if (k->status.state == VRRP_STARTING)
            say(k, VRRP_FAILED,
                "keepalived has not said what it is: its last lines in the log say why");
    }
    if (k->fault_ms && clock_mono_ms() >= k->fault_ms) {
        k->fault_ms = 0;
        if (k->status.state == VRRP_FAULT)
            on_fault(k);
    }
}

int keeper_open(struct keeper *k, const char *folder, const char *program, struct err *e)
{
    char path[512];
    int rc;

    memset(k, 0, sizeof *k);
    k->folder = folder;
    k->program = program;
    k->watch = -1;
    k->patience_ms = PATIENCE_MS;
    k->status.since_s = clock_wall_s();
    rc = vrrp_conf_write(folder, VRRP_CONF_HEALTH, "1\n", e);
    if (rc)
        return rc;
    snprintf(path, sizeof path, "%s/" VRRP_CONF_FIFO, folder);
    (void)unlink(path);
    /* Open for both, so that it has no end when keepalived has gone. */
    k->fifo = mkfifo(path, 0600) ? -1 : open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    return k->fifo >= 0 ? 0
                        : err_set(e, -errno, path, "see the folder", "can not be made (%s)",
                                  strerror(errno));
}

void keeper_close(struct keeper *k)
{
    struct pollfd gone = {.fd = k->watch, .events = POLLIN};

    if (k->pid) {
        kill(k->pid, SIGTERM);
        if (poll(&gone, 1, END_MS) != 1)
            kill(k->pid, SIGKILL);
        waitpid(k->pid, NULL, 0);
        close(k->watch);
    }
    close(k->fifo);
}
