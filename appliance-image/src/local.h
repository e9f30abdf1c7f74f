/*
 * local: a request to the gateway at its local socket, from a program of the appliance.
 *
 * Why: what the appliance asks of the gateway (is it ready, a new one-time token) is answered by
 * its status, and by a few words where it refuses; only a support bundle is long. Owner: nothing is
 * kept. Never: waits longer than LOCAL_MS for each piece; reads more than there is room for.
 */
#ifndef PENSTOCK_IMAGE_LOCAL_H
#define PENSTOCK_IMAGE_LOCAL_H

#include <stddef.h>

#define LOCAL_MS   5000
#define LOCAL_MOST (16u * 1024 * 1024)

/*
 * The same with a JSON body; at most max - 1 bytes of the answer's body are in answer, terminated.
 */
int local_send(const char *socket_path, const char *method, const char *target, const char *body,
               char *answer, size_t max);

/*
 * GET: the body of an answer of at most LOCAL_MOST bytes, terminated, in *body, which the caller
 * frees; its bytes in *n. The HTTP status, or -errno (-EPROTO: it ended too early; -EFBIG) and no
 * body.
 */
int local_fetch(const char *socket_path, const char *target, char **body, size_t *n);

/* The HTTP status that `method` on `target` has, or -errno: the gateway does not answer. */
int local_ask(const char *socket_path, const char *method, const char *target);

#endif
