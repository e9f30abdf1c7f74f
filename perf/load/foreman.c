#include "perf/load/foreman.h"

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "perf/load/crew.h"
#include "perf/load/usage.h"

#define TICK_NS   5000000
#define GO_NS     20000000ull /* from all being ready to the beginning, so that all hear of it */
#define GRACE_NS  2000000000ull
#define SECOND_NS 1000000000ull

struct foreman {
    const struct options *o;
    struct tally *tallies; /* shared with the processes */
    pid_t *pids;
    uint32_t alive;
    bool failed;
    uint64_t go_ns, begin_ns, end_ns;
    bool begun, ended;
    uint64_t next_line_ns;
    struct counts last;              /* at the last progress line */
    struct usage *gateway, *backend; /* two each: at the window's begin and end */
    uint64_t read_ns[2];             /* when */
};

uint64_t foreman_files(void)
{
    struct rlimit r = {0};

    if (getrlimit(RLIMIT_NOFILE, &r))
        return 0;
    r.rlim_cur = r.rlim_max;
    setrlimit(RLIMIT_NOFILE, &r);
    return r.rlim_cur;
}

int foreman_pin(const struct options *o, uint32_t which)
{
    cpu_set_t set;

    if (!o->n_cpus)
        return 0;
    CPU_ZERO(&set);
    for (uint32_t i = 0; i < o->n_cpus; i++)
        if (which == FOREMAN || which % o->n_cpus == i)
            CPU_SET(o->cpus[i], &set);
    return sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
}

static int child(const struct foreman *m, struct creds *creds, uint32_t which, pid_t parent)
{
    int rc;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        return -ECHILD;
    rc = foreman_pin(m->o, which);
    if (rc) {
        fprintf(stderr, "penstock-load: --pin %u: %s\n", m->o->cpus[which % m->o->n_cpus],
                strerror(-rc));
        return rc;
    }
    return crew_run(m->o, creds, &m->tallies[which], which);
}

static int start(struct foreman *m, struct creds *creds)
{
    pid_t own = getpid();

    for (uint32_t i = 0; i < m->o->processes; i++) {
        pid_t pid = fork();

        if (pid < 0)
            return -errno;
        if (!pid) {
            int rc = child(m, creds, i, own);

            free(m->pids);
            free(m->gateway);
            creds_fini(creds);
            exit(rc ? 1 : 0);
        }
        m->pids[i] = pid;
        m->alive++;
    }
    return 0;
}

/* Who measures may come first on its processors; who looks on must not be in its way. */
static void step_back(void)
{
    static const struct sched_param ordinary = {0};
    int policy = sched_getscheduler(0);

    if (policy == SCHED_FIFO || policy == SCHED_RR)
        (void)sched_setscheduler(0, SCHED_OTHER, &ordinary);
}

static void sum(const struct foreman *m, struct counts *c, uint64_t *open)
{
    *c = (struct counts){0};
    *open = 0;
    for (uint32_t i = 0; i < m->o->processes; i++) {
        counts_add(c, &m->tallies[i].all);
        *open += atomic_load(&m->tallies[i].open);
    }
}

static const char *phase(const struct foreman *m)
{
    return !m->go_ns ? "setup" : !m->begun ? "warmup" : !m->ended ? "measure" : "drain";
}

static void progress(struct foreman *m, uint64_t now)
{
    struct counts c, d;
    uint64_t open;

    if (m->o->quiet || now < m->next_line_ns)
        return;
    m->next_line_ns = now + SECOND_NS;
    sum(m, &c, &open);
    counts_between(&d, &m->last, &c);
    m->last = c;
    fprintf(stderr,
            "%-7s %6" PRIu64 " open %6" PRIu64 " handshakes/s %8" PRIu64
            " exchanges/s %8.1f MB/s up %8.1f MB/s down %" PRIu64 " errors\n",
            phase(m), open, d.established, d.exchanges, (double)d.up / 1e6, (double)d.down / 1e6,
            counts_faults(&c));
}

/* All processes have come this far (or ended). */
static bool all_at(const struct foreman *m, enum tally_step step)
{
    for (uint32_t i = 0; i < m->o->processes; i++)
        if (m->pids[i] && atomic_load(&m->tallies[i].step) < (int)step)
            return false;
    return true;
}

static void let_go(struct foreman *m, uint64_t now)
{
    m->go_ns = now + GO_NS;
    m->begin_ns = m->go_ns + m->o->warmup_ms * 1000000;
    m->end_ns = m->begin_ns + m->o->duration_ms * 1000000;
    for (uint32_t i = 0; i < m->o->processes; i++)
        atomic_store(&m->tallies[i].go_ns, m->go_ns);
    if (!m->o->quiet && m->o->sessions && atomic_load(&m->tallies[0].open))
        fprintf(stderr, "all sessions are up\n");
}

static void read_usage(struct foreman *m, int at)
{
    m->read_ns[at] = crew_now_ns();
    usage_read(&m->gateway[at], m->o->gateway_pid);
    usage_read(&m->backend[at], m->o->backend_pid);
}

static void reap(struct foreman *m)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (uint32_t i = 0; i < m->o->processes; i++) {
            if (m->pids[i] != pid)
                continue;
            m->pids[i] = 0;
            m->alive--;
            if (!WIFEXITED(status) || WEXITSTATUS(status)) {
                fprintf(stderr, "penstock-load: process %u failed (status %d)\n", i, status);
                m->failed = true;
            }
        }
    }
}

static void stop_all(struct foreman *m)
{
    for (uint32_t i = 0; i < m->o->processes; i++)
        if (m->pids[i])
            kill(m->pids[i], SIGKILL);
}

/* The others' CPU is read as the window begins and ends. */
static void measure(struct foreman *m, uint64_t now)
{
    if (m->go_ns && !m->begun && now >= m->begin_ns) {
        m->begun = true;
        read_usage(m, 0);
    }
    if (m->begun && !m->ended && now >= m->end_ns) {
        m->ended = true;
        read_usage(m, 1);
    }
}

/* A tick, or less where an end of the window is nearer. */
static void nap(const struct foreman *m)
{
    uint64_t now = crew_now_ns(), ns = TICK_NS;
    struct timespec t = {0};

    if (m->go_ns && m->begin_ns > now && m->begin_ns - now < ns)
        ns = m->begin_ns - now;
    if (m->go_ns && m->end_ns > now && m->end_ns - now < ns)
        ns = m->end_ns - now;
    t.tv_nsec = (long)ns;
    nanosleep(&t, NULL);
}

static void watch(struct foreman *m)
{
    uint64_t last = (CREW_DRAIN_MS * 1000000ull) + GRACE_NS;

    m->next_line_ns = crew_now_ns() + SECOND_NS;
    while (m->alive) {
        uint64_t now = crew_now_ns();

        if (!m->go_ns && all_at(m, STEP_READY))
            let_go(m, now);
        measure(m, now);
        if (m->failed || (m->ended && now > m->end_ns + last)) {
            m->failed = true;
            stop_all(m);
        }
        progress(m, now);
        nap(m);
        reap(m);
    }
    measure(m, crew_now_ns()); /* they may have been quicker than the nap */
}

static struct busy busy_of(const struct foreman *m, const struct usage *u, pid_t pid)
{
    struct busy b = {.known = pid > 0 && u[0].n_processes && u[1].n_processes,
                     .over_ns = m->read_ns[1] - m->read_ns[0]};

    if (b.known) {
        b.cpu_ns = usage_between(&u[0], &u[1], &b.most_ns);
        b.cpus = usage_cpus(pid);
    }
    return b;
}

/* CPUs that the processes can use between them. */
static uint32_t own_cpus(const struct options *o)
{
    uint32_t distinct = 0, cpus;

    for (uint32_t i = 0; i < o->n_cpus && i < o->processes; i++) {
        bool again = false;

        for (uint32_t j = 0; j < i; j++)
            again |= o->cpus[j] == o->cpus[i];
        distinct += !again;
    }
    cpus = o->n_cpus ? distinct : usage_cpus(0);
    return cpus < o->processes ? cpus : o->processes;
}

static void add_up(const struct foreman *m, struct result *r)
{
    for (uint32_t i = 0; i < m->o->processes; i++) {
        const struct tally *t = &m->tallies[i];
        struct counts window;

        counts_between(&window, &t->begin, &t->end);
        counts_add(&r->window, &window);
        counts_add(&r->all, &t->all);
        hist_merge(&r->shake, &t->shake);
        hist_merge(&r->ready, &t->ready);
        hist_merge(&r->trip, &t->trip);
        r->window_ns += t->window_ns / m->o->processes;
        r->setup_ns = t->setup_ns > r->setup_ns ? t->setup_ns : r->setup_ns;
        r->unanswered += t->unanswered;
        r->unfinished += t->unfinished;
        r->most_open += t->most_open;
        r->generator.cpu_ns += t->cpu_ns;
        if (t->cpu_ns > r->generator.most_ns)
            r->generator.most_ns = t->cpu_ns;
    }
    r->begin_ns = m->begin_ns;
    r->generator.known = true;
    r->generator.over_ns = r->window_ns;
    r->generator.cpus = own_cpus(m->o);
    r->gateway = busy_of(m, m->gateway, m->o->gateway_pid);
    r->backend = busy_of(m, m->backend, m->o->backend_pid);
    r->backend_shares = r->backend.known && usage_same_cpus(m->o->backend_pid);
}

int foreman_run(const struct options *o, struct creds *creds, struct result *r)
{
    size_t size = o->processes * sizeof(struct tally);
    struct foreman m = {.o = o};
    int rc = -ENOMEM;

    *r = (struct result){.o = o};
    m.tallies = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    m.pids = calloc(o->processes, sizeof(*m.pids));
    m.gateway = calloc(4, sizeof(*m.gateway));
    m.backend = m.gateway ? m.gateway + 2 : NULL;
    if (m.tallies == MAP_FAILED || !m.pids || !m.gateway)
        goto out;
    foreman_pin(o, FOREMAN); /* a CPU that is none is told by the process that has it alone */
    rc = start(&m, creds);
    if (rc)
        stop_all(&m);
    step_back();
    watch(&m);
    if (!rc && m.failed)
        rc = -ECHILD;
    add_up(&m, r);
out:
    free(m.gateway);
    free(m.pids);
    if (m.tallies != MAP_FAILED)
        munmap(m.tallies, size);
    return rc;
}
