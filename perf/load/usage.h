/*
 * usage: the CPU that other processes of this machine used, from /proc, by the scheduler's clock.
 *
 * Why: a rate says nothing about a gateway unless one knows who was busy: the gateway, its backend
 * or the generator. Owner: the parent process. Never: fails a run: what can not be read counts as
 * nothing used.
 */
#ifndef PENSTOCK_LOAD_USAGE_H
#define PENSTOCK_LOAD_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define USAGE_PROCESSES 256
#define USAGE_THREADS   1024 /* looked at, for the busiest; the total knows them all */

struct usage {
    uint32_t n_processes, n_threads;
    struct usage_of {
        pid_t id;
        uint64_t ns;
    } processes[USAGE_PROCESSES], threads[USAGE_THREADS];
};

/* Read pid and all processes below it; pid 0: none. */
void usage_read(struct usage *u, pid_t pid);
/* What was used between two readings, by threads that ended meanwhile too; *busiest_ns gets the
 * most that one thread used. */
uint64_t usage_between(const struct usage *begin, const struct usage *end, uint64_t *busiest_ns);
/* CPUs that pid may run on, at least 1. */
uint32_t usage_cpus(pid_t pid);
bool usage_same_cpus(pid_t pid); /* pid may run on the same CPUs as this process */

#endif
