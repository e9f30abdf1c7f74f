/*
 * control_send: the answers that every process owes the launcher.
 *
 * Why: the same few lines in each process would drift apart.
 * Never: waits longer than CONTROL_SEND_MS for a launcher that does not read.
 */
#ifndef PENSTOCK_CONTROL_SEND_H
#define PENSTOCK_CONTROL_SEND_H

#include "dataplane/wire/control.h"

#define CONTROL_SEND_MS 5000

/* A message whose body is a number: READY, PREPARED, COMMITTED and the like. 0, or as
 * chan_send_wait(). */
int control_send_number(int fd, uint8_t type, uint64_t v);
/* REFUSED or REJECT with its reason. */
int control_send_refused(int fd, uint8_t type, uint64_t revision, const struct err *e);

#endif
