#include "perf/load/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define DEPTH 8 /* generations of processes */

static void add_thread(struct usage *u, pid_t pid, pid_t tid)
{
    char path[64];
    uint64_t ns;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/schedstat", pid, tid);
    f = fopen(path, "re");
    if (!f)
        return;
    if (fscanf(f, "%" SCNu64, &ns) == 1 && u->n_threads < USAGE_THREADS)
        u->threads[u->n_threads++] = (struct usage_of){tid, ns};
    fclose(f);
}

/* With the threads that have ended: a gateway may have one for each session. */
static void add_clock(struct usage *u, pid_t pid)
{
    struct timespec t;
    clockid_t clock;

    if (u->n_processes == USAGE_PROCESSES || clock_getcpuclockid(pid, &clock) ||
        clock_gettime(clock, &t))
        return;
    u->processes[u->n_processes++] = (struct usage_of){pid, (uint64_t)t.tv_sec * 1000000000u +
                                                                (uint64_t)t.tv_nsec};
}

static void add_process(struct usage *u, pid_t pid, int depth);

static void add_children(struct usage *u, pid_t pid, pid_t tid, int depth)
{
    char path[64];
    int child;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, tid);
    f = fopen(path, "re");
    if (!f)
        return;
    while (fscanf(f, "%d", &child) == 1)
        add_process(u, child, depth + 1);
    fclose(f);
}

static void add_process(struct usage *u, pid_t pid, int depth)
{
    char path[64];
    const struct dirent *e;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    d = depth < DEPTH ? opendir(path) : NULL;
    if (!d)
        return;
    add_clock(u, pid);
    while ((e = readdir(d))) {
        pid_t tid = atoi(e->d_name);

        if (tid <= 0)
            continue;
        add_thread(u, pid, tid);
        add_children(u, pid, tid, depth);
    }
    closedir(d);
}

void usage_read(struct usage *u, pid_t pid)
{
    u->n_threads = u->n_processes = 0;
    if (pid > 0)
        add_process(u, pid, 0);
}

/* What entry number i has used since; most of the time it stands where it stood. */
static uint64_t used(const struct usage_of *begin, uint32_t n, const struct usage_of *end,
                     uint32_t i)
{
    uint64_t had = 0;

    for (uint32_t k = 0; k < n; k++) {
        const struct usage_of *at = &begin[(i + k) % n];

        if (at->id != end[i].id)
            continue;
        had = at->ns;
        break;
    }
    return end[i].ns > had ? end[i].ns - had : 0;
}

uint64_t usage_between(const struct usage *begin, const struct usage *end, uint64_t *busiest_ns)
{
    uint64_t total = 0;

    *busiest_ns = 0;
    for (uint32_t i = 0; i < end->n_processes; i++)
        total += used(begin->processes, begin->n_processes, end->processes, i);
    for (uint32_t i = 0; i < end->n_threads; i++) {
        uint64_t ns = used(begin->threads, begin->n_threads, end->threads, i);

        *busiest_ns = ns > *busiest_ns ? ns : *busiest_ns;
    }
    return total;
}

uint32_t usage_cpus(pid_t pid)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(pid, sizeof(set), &set) || !CPU_COUNT(&set))
        return 1;
    return (uint32_t)CPU_COUNT(&set);
}

bool usage_same_cpus(pid_t pid)
{
    cpu_set_t own, other;

    CPU_ZERO(&own);
    CPU_ZERO(&other);
    return !sched_getaffinity(0, sizeof(own), &own) &&
           !sched_getaffinity(pid, sizeof(other), &other) && CPU_EQUAL(&own, &other);
}
