/*
 * sink: the plain backend behind the gateway: does what each session's task asks
 * (perf/load/task.h).
 *
 * Why: a measurement of the gateway must not wait for its backend, so bytes to be
 * discarded never leave the kernel, and those of a source come from one small place. Owner: one
 * epoll loop a process, each with a listener of its own on the same port. Never: part of the
 * product.
 */
#ifndef PENSTOCK_LOAD_SINK_H
#define PENSTOCK_LOAD_SINK_H

#include "perf/load/options.h"

/*
 * Listen and serve until SIGTERM or SIGINT, or for the duration if it is not 0. Prints "listening
 * on ADDRESS" on stdout once it does. Returns the exit status.
 */
int sink_main(const struct options *o);

#endif
