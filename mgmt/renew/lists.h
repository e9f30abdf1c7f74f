/*
 * lists: revocation lists that are fetched by themselves (trust.X.crl_urls).
 *
 * Why: a list is only as good as it is new, and nobody should have to carry it. Each URL has its
 * own clock (when.h). What comes is read, its signature is checked with a key that is known (an
 * anchor, trust.X.crl_issuers, an issuer of our own chains), and it takes the place of its issuer's
 * old list as an uploaded one would: a new revision that every process accepts, or nothing. Owner:
 * the manager; what is known of a URL outlives revisions, not restarts. Never: takes a list whose
 * signature it can not check: whoever is on the way could lock out everybody.
 */
#ifndef PENSTOCK_MGMT_RENEW_LISTS_H
#define PENSTOCK_MGMT_RENEW_LISTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LISTS_BYTES     (32u * 1024 * 1024) /* of one list */
#define LISTS_TIMEOUT_S 120

struct manager;

struct list_source {
    struct list_source *next;
    char *trust, *url;
    char etag[160], hash[65]; /* of what came last */
    uint32_t every_s;
    int64_t next_s, last_s; /* of tries; last_s 0: none yet */
    int64_t next_update;    /* of the list that came last, 0: none */
    unsigned failures;
    char result[300];
    bool busy, wanted;
};

/* The sources of the running document; call after each revision. */
void lists_follow(struct manager *m);
/* Fetch all of this trust's as soon as possible; how many they are. */
unsigned lists_hurry(struct manager *m, const char *trust);
/* Begin what is due. */
void lists_tick(struct manager *m, int64_t now_s);
/* [{"trust", "url", "last_at", "next_at", "failures", "result", "next_update"}] */
json_t *lists_json(const struct manager *m);

#endif
