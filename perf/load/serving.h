/*
 * serving: one connection of the sink.
 *
 * Why: see perf/load/sink.h. Owner: the sink process; an object frees itself when its connection
 * ends. Never: blocks; holds more than one read's bytes.
 */
#ifndef PENSTOCK_LOAD_SERVING_H
#define PENSTOCK_LOAD_SERVING_H

#include <stdbool.h>
#include <stdint.h>
#include "perf/load/task.h"

struct serving_env {
    int wire;
    uint8_t *in;     /* for one read of an echo; also what answers and sources are made of */
    struct task fix; /* kind 0: each connection says its own */
};

struct serving;

/* answer: "task", "echo", "discard" or "source". 0 or -errno. */
int serving_env_init(struct serving_env *env, int wire, const char *answer);
/* Serve an accepted connection, which is taken over; it is closed at once when memory is short. */
void serving_new(struct serving_env *env, int fd);
/* Act on events; s may be gone afterwards. */
void serving_work(struct serving_env *env, struct serving *s, uint32_t events);

#endif
