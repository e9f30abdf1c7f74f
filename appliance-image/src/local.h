/*
 * local: a request to the gateway at its local socket, from a program of the appliance.
 *
 * Why: what the appliance asks of the gateway (is it ready, a new one-time token) is answered by
 * its status, and by a few words where it refuses. Owner: nothing is kept. Never: waits longer than
 * LOCAL_MS for each piece; reads more than there is room for.
 */
#ifndef PENSTOCK_IMAGE_LOCAL_H
#define PENSTOCK_IMAGE_LOCAL_H

#include <stddef.h>

#define LOCAL_MS 5000

/*
 * The same with a JSON body; at most max - 1 bytes of the answer's body are in answer, terminated.
 */
int local_send(const char *socket_path, const char *method, const char *target, const char *body,
               char *answer, size_t max);

/* The HTTP status that `method` on `target` has, or -errno: the gateway does not answer. */
int local_ask(const char *socket_path, const char *method, const char *target);

#endif
