/*
 * names: forms and matching of the names in certificates, as pure string functions.
 *
 * Why: half of what others got wrong is here: null bytes, IP addresses as DNS names, wildcards, URI
 * tricks. Owner: pure. Never: looks at the common name; reads a byte past n (names are not
 * terminated; patterns are).
 */
#ifndef PENSTOCK_HANDSHAKE_NAMES_H
#define PENSTOCK_HANDSHAKE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

enum name_form { NAME_BAD, NAME_PLAIN, NAME_WILDCARD };

/* RFC 1123 2.1: labels of letters, digits and inner hyphens, the last not all digits, no dot at the
 * end; or such a name with `*` as its whole first label. */
enum name_form name_dns_form(const char *s, size_t n);
/* RFC 5321 4.1.2, without quoted local parts: dot-atom@DNS name. */
bool name_email_good(const char *s, size_t n);
/* RFC 3986: a scheme and characters that may stand in a URI, percent signs followed by two digits.
 */
bool name_uri_good(const char *s, size_t n);
/* A good URI whose authority is a DNS name, with or without a port, and nothing else. */
bool name_uri_has_host(const char *s, size_t n);
bool name_is_spiffe(const char *s, size_t n); /* its scheme is spiffe, in whatever case */
/* SPIFFE-ID 2: trust domain in lower case, plain path segments, nothing else. */
bool name_spiffe_good(const char *s, size_t n);
/* A certificate's DNS name against a host name; a wildcard stands for one label, and never for one
 * right below a top-level domain. */
bool name_dns_matches(const char *san, size_t n_san, const char *host);

/*
 * A peer rule's patterns against a name of a certificate.
 * dns: `*` is one whole label, case does not count. email: the local part exactly, the domain
 * without case. uri: scheme and host without case, the rest exactly; `*` is one path segment, `**`
 * as the last segment is the rest (at least one segment). A `*` anywhere else matches nothing, and
 * neither does a URI with percent-encoding, empty or dot segments, query or fragment match a
 * pattern with wildcards.
 */
bool rule_dns_matches(const char *pattern, const char *s, size_t n);
bool rule_uri_matches(const char *pattern, const char *s, size_t n);
bool rule_email_matches(const char *pattern, const char *s, size_t n);

#endif
