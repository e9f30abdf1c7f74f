/*
 * shared: the part of a configuration that both gateways of a pair have.
 *
 * Why: links, trusts, profiles and identities are the pair's; how each box is managed, which ports
 * and certificates it has for itself are its own: "management", "availability", "dpdk", and the
 * identities and trusts that those name. Owner: pure over documents. Never: changes what it is
 * given.
 */
#ifndef PENSTOCK_MGMT_PAIR_SHARED_H
#define PENSTOCK_MGMT_PAIR_SHARED_H

#include <jansson.h>
#include <stdbool.h>
#include "dataplane/base/err.h"

#define SHARED_DIGEST_MAX 65

/* Is the entry of the table ("identities", "trust") this box's own? */
bool shared_is_own(const json_t *document, const char *table, const char *name);
/* The document without what is the box's own; the caller's. NULL: out of memory. */
json_t *shared_part(const json_t *document);
/* SHA-256 of its canonical text, as hex. 0 or -ENOMEM. */
int shared_digest(const json_t *part, char digest[SHARED_DIGEST_MAX]);
/* A box that has no links yet: nothing is lost when it takes those of its partner. */
bool shared_is_fresh(const json_t *part);
/*
 * The box's own part, and the partner's shared one: the document to run. NULL with *e: both have
 * something of one name, or out of memory.
 */
json_t *shared_merge(const json_t *document, const json_t *part, struct err *e);
/* Every "sha256:..." in it, each once, as an array of strings. NULL: out of memory. */
json_t *shared_objects(const json_t *part);

#endif
