/*
 * upload: a body that is larger than may be held: it goes on as it comes.
 *
 * Why: an update is some dozens of megabytes, and whoever takes it may be slower than whoever sends
 * it: then the request is suspended, and TCP holds the sender back. Owner: the API; the row of the
 * route table says who takes it. Never: holds more of it than one piece of libmicrohttpd's.
 */
#ifndef PENSTOCK_MGMT_API_UPLOAD_H
#define PENSTOCK_MGMT_API_UPLOAD_H

#include "mgmt/api/call.h"

#define UPLOAD_MAX (512u * 1024 * 1024)

/* Room, or an answer: a call that was suspended goes on. */
void upload_wake(struct call *c);

/* system.c: bytes of an update. How many were taken: less than n means wait, or it is answered. */
size_t system_update_take(struct call *c, const char *data, size_t n);
/* There is no more. False: wait for room to say so. */
bool system_update_end(struct call *c);
/* The connection has gone in the middle of it. */
void system_update_drop(struct call *c);

#endif
