/*
 * api: the REST interface: requests in, calls out, answers back.
 *
 * Why: libmicrohttpd is known here and nowhere else. Owner: the manager's thread (external event
 * loop). Never: hands a body over its bound to a handler; waits.
 */
#ifndef PENSTOCK_MGMT_API_API_H
#define PENSTOCK_MGMT_API_API_H

#include <stdint.h>

struct api;
struct manager;

/* Serve the listening local socket (taken) from now on: m->api. 0: also when it can not be served,
 * which the log tells; traffic goes on without it. */
int api_start(struct manager *m, int fd);
void api_stop(struct api *a); /* NULL is harmless */
/* The descriptor to wait on (-1: none), for at most so long, and the work then. */
int api_fd(const struct api *a);
int api_wait_ms(const struct api *a);
void api_run(struct api *a);

#endif
