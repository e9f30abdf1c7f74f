/*
 * names: forms and matching of the names in certificates, as pure string functions.
 *
 * Why: half of what others got wrong is here: null bytes, IP addresses as DNS names, wildcards, URI
 * tricks. Owner: pure. Never: looks at the common name.
 */
#ifndef PENSTOCK_HANDSHAKE_NAMES_H
#define PENSTOCK_HANDSHAKE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum name_form { NAME_BAD, NAME_PLAIN, NAME_WILDCARD };

enum name_form name_dns_form(const char *s, size_t n);
bool name_email_good(const char *s, size_t n);
bool name_uri_good(const char *s, size_t n);
bool name_spiffe_good(const char *s, size_t n); /* s begins with "spiffe://" */
/* A certificate's DNS name (maybe with a wildcard as its whole first label) against a host name. */
bool name_dns_matches(const char *pattern, size_t n_pattern, const char *name);
/* A rule's patterns. `*` is one label of a DNS name, or one path segment of a URI; `**` the rest of
 * a URI path. Scheme and authority compare without case, the path with it. */
bool rule_dns_matches(const char *pattern, const char *s, size_t n);
bool rule_uri_matches(const char *pattern, const char *s, size_t n);
bool rule_email_matches(const char *pattern, const char *s, size_t n);

#endif
