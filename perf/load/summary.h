/*
 * summary: what a run found, as text for people and JSON for scripts.
 *
 * Why: one place knows what each figure is called and how it comes from the counts; perf/README.md
 * says what each means. Owner: the parent, after its processes have ended.
 */
#ifndef PENSTOCK_LOAD_SUMMARY_H
#define PENSTOCK_LOAD_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include "perf/load/options.h"
#include "perf/load/tally.h"

struct busy {
    bool known;
    uint64_t over_ns; /* the time over which it was read: the window, as near as could be */
    uint64_t cpu_ns;  /* in that time */
    uint64_t most_ns; /* of the busiest process or thread of it */
    uint32_t cpus;    /* that it may use */
};

struct result {
    const struct options *o;
    struct counts window, all;
    struct hist shake, ready, trip;
    uint64_t window_ns; /* the mean over the processes */
    uint64_t begin_ns;  /* when the window began, by CLOCK_MONOTONIC */
    uint64_t setup_ns;  /* of the slowest process */
    uint64_t unanswered;
    uint64_t most_open;  /* sessions established at once */
    uint64_t unfinished; /* attempts and sessions that the end of the run cut off */
    struct busy generator, gateway, backend;
    bool backend_shares; /* the backend runs on the generator's CPUs */
};

/* Who set the pace: "gateway", "generator", "backend", "none" or "unknown". */
const char *summary_bottleneck(const struct result *r);
void summary_print(const struct result *r);
/* 0 or -errno. */
int summary_json(const struct result *r, const char *path);

#endif
