#include "perf/load/sink.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "perf/load/foreman.h"
#include "perf/load/serving.h"
#include "perf/load/socket.h"
#include "perf/load/wire.h"

#define BACKLOG 4096
#define EVENTS  256
#define WAIT_NS 3600000000000ull

static int listener(struct addr *at)
{
    int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
    if (bind(fd, &at->sa, at->len) || listen(fd, BACKLOG) ||
        getsockname(fd, &at->sa, &at->len)) { /* the port, if it was 0 */
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

static void take(struct serving_env *env, int listening)
{
    int fd;

    while ((fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        socket_options(fd);
        serving_new(env, fd);
    }
}

static int serve(const struct options *o, int listening)
{
    struct epoll_event ev[EVENTS];
    struct serving_env env;
    int wire = wire_begin();

    if (wire < 0 || serving_env_init(&env, wire, o->answer) ||
        !wire_watch(wire, listening, EPOLLIN, NULL))
        return 1;
    for (;;) {
        int n = wire_wait(wire, ev, EVENTS, WAIT_NS);

        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr)
                serving_work(&env, ev[i].data.ptr, ev[i].events);
            else
                take(&env, listening);
        }
    }
}

static int start(const struct options *o, const int *listening, pid_t *pids)
{
    for (uint32_t i = 0; i < o->processes; i++) {
        sigset_t none;

        pids[i] = fork();
        if (pids[i] < 0)
            return -errno;
        if (pids[i])
            continue;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (foreman_pin(o, i)) {
            fprintf(stderr, "penstock-load: --pin: no such CPU for us\n");
            exit(1);
        }
        exit(serve(o, listening[i]));
    }
    return 0;
}

/* Until a signal asks for the end, a child ended, or the time is up. */
static int wait_for_end(const struct options *o)
{
    const struct timespec limit = {.tv_sec = (time_t)(o->duration_ms / 1000),
                                   .tv_nsec = (long)(o->duration_ms % 1000) * 1000000};
    sigset_t set;
    int got;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    do
        got = sigtimedwait(&set, NULL, o->duration_ms ? &limit : NULL);
    while (got < 0 && errno == EINTR);
    return got == SIGCHLD ? 1 : 0;
}

int sink_main(const struct options *o)
{
    struct addr at = o->address;
    char text[ADDR_TEXT_MAX];
    int listening[OPTIONS_CPUS];
    pid_t pids[OPTIONS_CPUS] = {0};
    sigset_t set;
    int rc;

    foreman_files();
    for (uint32_t i = 0; i < o->processes; i++) {
        listening[i] = listener(&at);
        if (listening[i] < 0) {
            fprintf(stderr, "penstock-load: --listen %s: %s\n", addr_text(&at, text),
                    strerror(-listening[i]));
            return 1;
        }
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    rc = start(o, listening, pids);
    if (!rc) {
        printf("listening on %s\n", addr_text(&at, text));
        rc = wait_for_end(o);
    }
    for (uint32_t i = 0; i < o->processes; i++) {
        if (pids[i] <= 0)
            continue;
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    return rc ? 1 : 0;
}
