/*
 * health: is the gateway well? Its own word: GET /readyz on its local socket, which is 200 when a
 * revision runs and every worker answers.
 *
 * Owner: nothing is kept. Never: waits longer than HEALTH_MS; takes anything but 200 for well.
 */
#ifndef PENSTOCK_IMAGE_HEALTH_H
#define PENSTOCK_IMAGE_HEALTH_H

#include <stdbool.h>

#define HEALTH_MS 5000 /* for connecting, and for each piece of the answer */

bool health_good(const char *socket_path);

#endif
