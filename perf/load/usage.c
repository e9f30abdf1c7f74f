#include "perf/load/usage.h"

#include <dirent.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

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
    if (fscanf(f, "%" SCNu64, &ns) == 1 && u->count < USAGE_THREADS)
        u->threads[u->count++] = (struct usage_thread){tid, ns};
    fclose(f);
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
    u->count = 0;
    if (pid > 0)
        add_process(u, pid, 0);
}

static uint64_t before(const struct usage *u, pid_t tid)
{
    for (uint32_t i = 0; i < u->count; i++)
        if (u->threads[i].tid == tid)
            return u->threads[i].ns;
    return 0;
}

uint64_t usage_between(const struct usage *begin, const struct usage *end, uint64_t *busiest_ns)
{
    uint64_t total = 0;

    *busiest_ns = 0;
    for (uint32_t i = 0; i < end->count; i++) {
        uint64_t had = before(begin, end->threads[i].tid);
        uint64_t used = end->threads[i].ns > had ? end->threads[i].ns - had : 0;

        total += used;
        *busiest_ns = used > *busiest_ns ? used : *busiest_ns;
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
