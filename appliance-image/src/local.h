/*
 * local: a request to the gateway at its local socket, from a program of the appliance.
 *
 * Why: what the appliance asks of the gateway (is it ready, a new one-time token) is answered by
 * its status alone. Owner: nothing is kept. Never: waits longer than LOCAL_MS for each piece; reads
 * more than the status line.
 */
#ifndef PENSTOCK_IMAGE_LOCAL_H
#define PENSTOCK_IMAGE_LOCAL_H

#define LOCAL_MS 5000

/* The HTTP status that `method` on `target` has, or -errno: the gateway does not answer. */
int local_ask(const char *socket_path, const char *method, const char *target);

#endif
