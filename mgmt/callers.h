/*
 * callers: who is at the other end of the management link, and as what.
 *
 *   the data plane keys a session of the link -> the launcher makes a stream -> its other end comes
 *   here -> its first bytes are a PROXY v2 header by the data plane: certificate, revision, rule ->
 *   roles -> the rest of the stream is HTTP
 *
 * Why: TLS and the verdict are not repeated here; the header is believed because only the data
 * plane can be at the other end of a descriptor that the launcher made. Owner: the manager.
 * Never: gives a stream to HTTP before its caller is known; takes a rule's number for another
 * revision's.
 */
#ifndef PENSTOCK_MGMT_CALLERS_H
#define PENSTOCK_MGMT_CALLERS_H

#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/addr.h"

#define CALLERS_WAITING_MAX 64 /* streams whose header has not come yet */
#define CALLERS_HEADER_MAX  (16 * 1024)
#define CALLERS_HEADER_MS   5000

struct manager;

/* What a header says. */
struct caller_facts {
    struct addr source;
    char common_name[256];
    uint8_t cert_sha256[32]; /* of the certificate */
    bool has_cert, has_rule;
    uint64_t revision;
    uint16_t rule;
};

struct caller_waiting {
    int fd; /* -1: free */
    uint64_t until_ms;
    size_t n;
    uint8_t *header; /* CALLERS_HEADER_MAX bytes */
};

struct callers {
    uint64_t revision; /* whose rules the roles are for */
    json_t *access;
    unsigned *roles;
    unsigned n_roles;
    uint64_t epoch; /* counts changes of who may do what */
    bool begun;
    struct caller_waiting waiting[CALLERS_WAITING_MAX];
};

/*
 * A whole header (as many bytes as it says, see callers_header_size()). 0 and *f, or -EPROTO.
 */
int callers_parse(const uint8_t *p, size_t n, struct caller_facts *f);
/* Bytes that the header has in all, given its first 16: or -EPROTO, -EMSGSIZE. */
long callers_header_size(const uint8_t *p);

/*
 * A revision runs: its access list as the model got it (NULL: no management link), and the roles
 * that came of it (taken), by rule.
 */
void callers_access(struct manager *m, uint64_t revision, json_t *access, unsigned *roles,
                    unsigned n_roles);
/* A stream has come (taken). Always 0: one that can not be kept is closed. */
int callers_take(struct manager *m, int fd);
/* Descriptors to wait on, into p (CALLERS_WAITING_MAX); how many. */
unsigned callers_poll(const struct manager *m, struct pollfd *p);
/* Read what has come, hand over who is known, close who is late. */
void callers_run(struct manager *m);

#endif
