/*
 * foreman: the parent of a run: starts the processes, lets them begin together, shows progress,
 * measures the others' CPU over the window, and adds up.
 *
 * Owner: main(). Never: waits without an end: processes that do not come to theirs are killed.
 */
#ifndef PENSTOCK_LOAD_FOREMAN_H
#define PENSTOCK_LOAD_FOREMAN_H

#include "perf/load/creds.h"
#include "perf/load/summary.h"

/* Do the run and fill *r. 0, -ENOMEM, or -ECHILD when a process failed (told on stderr). */
int foreman_run(const struct options *o, struct creds *creds, struct result *r);
#define FOREMAN UINT32_MAX
/* Pin process number `which` to its CPU, if the options say so; FOREMAN: to all. 0 or -errno. */
int foreman_pin(const struct options *o, uint32_t which);
/* The most descriptors that this process may have; it is allowed that many from here on. */
uint64_t foreman_files(void);

#endif
