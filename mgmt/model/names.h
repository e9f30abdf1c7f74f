/*
 * names: the forms that names, patterns and digests in the configuration may have.
 *
 * Why: a pattern that can never match, or that matches more than it seems to, is found when it is
 * written, not when a partner stands outside. The rules are those of the handshake's matcher.
 * Owner: pure. Never: matches anything; looks anything up.
 *
 * Each gives NULL if the text has the form, else what is wrong, as the rest of a sentence that
 * begins with the text: "has an empty label".
 */
#ifndef PENSTOCK_MGMT_MODEL_NAMES_H
#define PENSTOCK_MGMT_MODEL_NAMES_H

#include <stdbool.h>

/* Labels of letters, digits and inner hyphens; no trailing dot; not an IP address. */
const char *name_dns(const char *s);
/* The same, or "*." before at least two labels. */
const char *name_dns_or_wildcard(const char *s);
/* A DNS name or an IP address. */
const char *name_host(const char *s);
/* Peer rule "dns": a label may be "*", but not the last one. */
const char *name_dns_pattern(const char *s);
/* Peer rule "email": one whole address. */
const char *name_email(const char *s);
/*
 * Peer rule "uri": RFC 3986 characters with a scheme; "*" as a whole path segment, "**" as the last
 * one. A SPIFFE ID as SPIFFE wants it.
 */
const char *name_uri_pattern(const char *s);
/* Lower-case hex of exactly 64 digits. */
const char *name_sha256(const char *s);
/* Lower-case hex of whole bytes, at most 20 of them. */
const char *name_serial(const char *s);
/* No control characters, at most 255 bytes. */
const char *name_text(const char *s);
bool name_is_ip(const char *s);
/*
 * A network as the policy takes it. When only its host bits are wrong, *meant (96 bytes) gets the
 * network that was meant, else it is empty.
 */
const char *name_network(const char *s, char meant[96]);

#endif
