/*
 * service: what the appliance's helpers have in common: the words of their command line, and, of
 * those that wait for penstock-mgmt, where they listen.
 *
 * Owner: the caller, of the descriptor. Never: a socket that others than the group could reach,
 * not for a moment.
 */
#ifndef PENSTOCK_IMAGE_SERVICE_H
#define PENSTOCK_IMAGE_SERVICE_H

#include "dataplane/base/err.h"

struct service_option {
    const char *name, *absent; /* "--socket"; the word where it is not given, or NULL */
};

/* words[k] is what options[k] got. 0, or -EINVAL (usage). */
int service_words(const struct service_option *options, unsigned n, int argc, char **argv,
                  const char **words);
/* A socket for messages (SOCK_SEQPACKET, mode 0660). Descriptor, or -errno with *e. */
int service_listen(const char *path, int backlog, struct err *e);

#endif
