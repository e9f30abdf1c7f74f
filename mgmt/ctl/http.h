/*
 * http: one request over the daemon's local socket.
 * Owner: pure over its arguments. Never: talks to the network.
 */
#ifndef PENSTOCK_MGMT_CTL_HTTP_H
#define PENSTOCK_MGMT_CTL_HTTP_H

#include <jansson.h>

/* 0 with *out (the body) and *status, or -1 when the daemon can not be reached (*why says how). */
int http_request(const char *socket, const char *method, const char *path, json_t **out,
                 long *status, char why[256]);

#endif
