/*
 * watch: streams of events (see watch.c).
 * Owner: a stream is its response's; the manager's table only finds it. Never: more than
 * WATCHERS_MAX streams; keeps events for a slow reader: what it missed is counted to it.
 */
#ifndef PENSTOCK_MGMT_API_WATCH_H
#define PENSTOCK_MGMT_API_WATCH_H

#include "mgmt/api/call.h"

#define WATCHERS_MAX 16

struct MHD_Response;

/* The response of a call that has a watcher, which it takes. NULL: out of memory. */
struct MHD_Response *watch_response(struct call *c);
/* Something may be to be said: events were added, time has passed. */
void watch_wake(struct manager *m);
/* The end is near: no connection may stay suspended. */
void watch_end(struct manager *m);
/* Of a call that never got its response. NULL is harmless. */
void watch_drop(struct watcher *w);

#endif
