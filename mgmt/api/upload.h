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

/* Who takes such bodies. */
struct upload {
    /* How many bytes were taken: less than n means wait, or it is answered. */
    size_t (*take)(struct call *c, const char *data, size_t n);
    /* There is no more. False: wait for room to say so. */
    bool (*end)(struct call *c);
    /* The connection has gone; harmless when nothing is under way. */
    void (*drop)(struct call *c);
};

/* Room, or an answer: a call that was suspended goes on. */
void upload_wake(struct call *c);

extern const struct upload system_upload; /* system.c: an update */
extern const struct upload backup_upload; /* backup.c: a backup to be restored */

#endif
