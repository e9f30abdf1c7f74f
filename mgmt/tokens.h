/*
 * tokens: how the keys in PKCS#11 tokens stand, as their processes tell it.
 *
 * Why: status, metrics and events show a token that is away, or that refused its PIN, and why.
 * Owner: the manager. Never: knows a PIN; asks: the processes tell.
 */
#ifndef PENSTOCK_MGMT_TOKENS_H
#define PENSTOCK_MGMT_TOKENS_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include "dataplane/wire/control.h"

struct manager;

struct tokens {
    int fds[CONTROL_TOKENS_MAX]; /* of token processes, -1: none */
    bool begun;
    json_t *keys; /* identity -> {"process": n, "state": "up", "why": ""} */
};

/* A token process's channel (taken). */
void tokens_take(struct manager *m, unsigned slot, int fd);
/* Rows to wait on, into p (CONTROL_TOKENS_MAX); how many. */
unsigned tokens_poll(const struct manager *m, struct pollfd *p);
void tokens_run(struct manager *m);
/* [{"identity": "gw", "state": "up"}, {..., "state": "away", "why": "..."}] of the running
 * revision.
 */
json_t *tokens_list(const struct manager *m);

#endif
