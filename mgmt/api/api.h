/*
 * api: the REST interface: requests in, calls out, answers back.
 *
 * Why: libmicrohttpd is known here and nowhere else. Owner: the manager's thread (external event
 * loop). Never: hands a body over its bound to a handler; waits.
 */
#ifndef PENSTOCK_MGMT_API_API_H
#define PENSTOCK_MGMT_API_API_H

#include <poll.h>
#include <stdint.h>

struct api;
struct manager;

/* Serve the listening local socket (taken) from now on: m->api. 0: also when it can not be served,
 * which the log tells; traffic goes on without it. */
int api_start(struct manager *m, int fd);
void api_stop(struct api *a); /* NULL is harmless */
/*
 * A stream of the management link (taken), by whom, with which roles; epoch: see callers.h.
 */
void api_caller(struct api *a, int fd, const char *name, unsigned roles, uint64_t epoch);
/* The descriptors to wait on (at most 2, into p; how many), for at most so long, and the work then.
 */
unsigned api_poll(const struct api *a, struct pollfd *p);
int api_wait_ms(const struct api *a);
void api_run(struct api *a);

#endif
