/*
 * logtap: log lines, beside stderr, into a pipe that management reads.
 *
 * Why: what happened last, and what is shipped elsewhere, has to come from every process, and none
 * of them may wait for that. A line that finds no room is counted; the next that finds some says
 * how many were lost. Owner: log.c; the pipe is the launcher's. Never: blocks; holds a line back.
 */
#ifndef PENSTOCK_BASE_LOGTAP_H
#define PENSTOCK_BASE_LOGTAP_H

/* In a child's environment: the number of its tap, which log_init() finds. */
#define LOGTAP_VARIABLE "PENSTOCK_LOG_FD"

/* From now on each line goes there too; fd: non-blocking, stays the caller's. -1: no more. */
void logtap_set(int fd);

#endif
