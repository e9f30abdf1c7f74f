#include "mgmt/model/names.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "dataplane/base/addr.h"

#define DNS_MAX   253
#define LABEL_MAX 63
#define URI_MAX   2048
#define SPIFFE    "spiffe://"

bool name_is_ip(const char *s)
{
    uint8_t ip[16];

    return inet_pton(AF_INET, s, ip) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static const char *check_label(const char *s, size_t n)
{
    if (n == 0)
        return "has an empty label";
    if (n > LABEL_MAX)
        return "has a label of more than 63 characters";
    if (s[0] == '-' || s[n - 1] == '-')
        return "has a label that begins or ends with a hyphen";
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '_')
            return "has an underscore, which no DNS name in a certificate may have";
        if (s[i] == '*')
            return "has a wildcard where none may be";
        if (!is_letter(s[i]) && !is_digit(s[i]) && s[i] != '-')
            return "has a character that no DNS name has";
    }
    return NULL;
}

/* All labels; with stars, a label may be just "*", but not the last. */
static const char *check_labels(const char *s, bool stars)
{
    size_t n = strlen(s);

    if (n == 0)
        return "is empty";
    if (n > DNS_MAX)
        return "is longer than 253 characters";
    if (s[n - 1] == '.')
        return "ends with a dot";
    if (name_is_ip(s))
        return "is an IP address, not a DNS name";
    for (;;) {
        size_t label = strcspn(s, ".");
        bool star = stars && label == 1 && s[0] == '*';
        const char *fault = star ? NULL : check_label(s, label);

        if (fault)
            return fault;
        if (s[label]) {
            s += label + 1;
            continue;
        }
        if (star)
            return "ends with a wildcard";
        return strspn(s, "0123456789") == label ? "has a last label of digits: a mistyped address?"
                                                : NULL;
    }
}

const char *name_dns(const char *s)
{
    return check_labels(s, false);
}

const char *name_dns_or_wildcard(const char *s)
{
    const char *fault;

    if (strncmp(s, "*.", 2))
        return check_labels(s, false);
    fault = check_labels(s + 2, false);
    if (!fault && !strchr(s + 2, '.'))
        return "is a wildcard for a whole top-level domain";
    return fault;
}

const char *name_host(const char *s)
{
    return name_is_ip(s) ? NULL : check_labels(s, false);
}

const char *name_dns_pattern(const char *s)
{
    return check_labels(s, true);
}

const char *name_email(const char *s)
{
    const char *at = strchr(s, '@');
    size_t local = at ? (size_t)(at - s) : 0;

    if (!at)
        return "has no @";
    if (local == 0 || local > 64)
        return "has no mailbox of 1 to 64 characters before the @";
    for (size_t i = 0; i < local; i++) {
        if (s[i] == '*')
            return "has a wildcard; an email address is matched whole";
        if (s[i] <= 0x20 || s[i] >= 0x7f || strchr("()<>[]:;,\\\"", s[i]))
            return "has a character that no mailbox has";
    }
    return check_labels(at + 1, false);
}

static const char *check_uri_form(const char *s)
{
    const char *colon = strchr(s, ':');

    if (strlen(s) > URI_MAX)
        return "is longer than 2048 characters";
    if (!colon || !is_letter(s[0]))
        return "has no scheme";
    for (const char *p = s; p < colon; p++) {
        if (!is_letter(*p) && !is_digit(*p) && !strchr("+-.", *p))
            return "has no scheme";
    }
    for (; *s; s++) {
        if (*s <= 0x20 || *s >= 0x7f || strchr("<>\"{}|\\^`", *s))
            return "has a character that no URI has";
    }
    return NULL;
}

/* One path segment of a pattern that has a wildcard somewhere. */
static const char *check_segment(const char *s, size_t n, bool last)
{
    if (n == 0)
        return "has an empty path segment beside a wildcard";
    if ((n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
        return "has a path segment of dots beside a wildcard";
    if (n == 1 && s[0] == '*')
        return NULL;
    if (n == 2 && s[0] == '*' && s[1] == '*')
        return last ? NULL : "has ** before the end of the path";
    return memchr(s, '*', n) ? "has a * that is not a whole path segment" : NULL;
}

static const char *check_uri_wildcards(const char *s)
{
    const char *authority = strstr(s, "://"), *path;

    if (strpbrk(s, "%?#"))
        return "has a wildcard beside %, ? or #";
    if (!authority)
        return "has a wildcard, but no path of segments";
    path = authority + 3 + strcspn(authority + 3, "/");
    if (memchr(s, '*', (size_t)(path - s)))
        return "has a wildcard before the path";
    while (*path) {
        size_t n = strcspn(path + 1, "/");
        const char *fault = check_segment(path + 1, n, !path[1 + n]);

        if (fault)
            return fault;
        path += 1 + n;
    }
    return NULL;
}

/* What the handshake refuses in every certificate can match in none. */
static const char *check_spiffe(const char *s)
{
    const char *domain = s + strlen(SPIFFE);
    size_t n = strcspn(domain, "/");

    if (strncmp(s, SPIFFE, strlen(SPIFFE)))
        return "has its scheme in upper case, which no SPIFFE ID has";
    if (n == 0)
        return "has no trust domain";
    for (size_t i = 0; i < n; i++) {
        if (!(domain[i] >= 'a' && domain[i] <= 'z') && !is_digit(domain[i]) &&
            !strchr("-._", domain[i]))
            return "has a trust domain of other than lower-case letters, digits and -._";
    }
    if (strpbrk(domain, "%?#"))
        return "has %, ? or #, which no SPIFFE ID has";
    return domain[strlen(domain) - 1] == '/' ? "ends with a slash, which no SPIFFE ID does" : NULL;
}

const char *name_uri_pattern(const char *s)
{
    const char *fault = check_uri_form(s);

    if (!fault && !strncasecmp(s, SPIFFE, strlen(SPIFFE)))
        fault = check_spiffe(s);
    if (!fault && strchr(s, '*'))
        fault = check_uri_wildcards(s);
    return fault;
}

static const char *check_hex(const char *s)
{
    for (; *s; s++) {
        if (*s >= 'A' && *s <= 'F')
            return "has upper-case digits";
        if (*s == ':')
            return "has colons";
        if (!is_digit(*s) && !(*s >= 'a' && *s <= 'f'))
            return "is not hex";
    }
    return NULL;
}

const char *name_sha256(const char *s)
{
    const char *fault = check_hex(s);

    return fault ? fault : strlen(s) == 64 ? NULL : "has other than 64 digits";
}

const char *name_serial(const char *s)
{
    const char *fault = check_hex(s);
    size_t n = strlen(s);

    if (fault)
        return fault;
    if (n < 2 || n > 40)
        return "has other than 2 to 40 digits";
    return n % 2 ? "has an odd number of digits" : NULL;
}

const char *name_text(const char *s)
{
    if (strlen(s) > 255)
        return "is longer than 255 bytes";
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return "has a control character";
    }
    return NULL;
}

/* "10.1.2.3/8" is taken apart, its host bits cleared and put together again. */
static bool clear_host_bits(const char *s, char meant[96])
{
    const char *slash = strchr(s, '/');
    size_t n = slash ? (size_t)(slash - s) : 0;
    char host[INET6_ADDRSTRLEN];
    uint8_t ip[16] = {0};
    struct cidr c;
    unsigned bits;
    char *end;
    int family;

    if (!slash || n >= sizeof host || !is_digit(slash[1]))
        return false;
    memcpy(host, s, n);
    host[n] = '\0';
    bits = (unsigned)strtoul(slash + 1, &end, 10);
    family = strchr(host, ':') ? AF_INET6 : AF_INET;
    if (*end || bits > (family == AF_INET ? 32u : 128u) || inet_pton(family, host, ip) != 1)
        return false;
    for (unsigned i = bits; i < 128; i++)
        ip[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
    inet_ntop(family, ip, host, sizeof host);
    snprintf(meant, 96, "%s/%u", host, bits);
    return cidr_parse(&c, meant) == 0;
}

const char *name_network(const char *s, char meant[96])
{
    struct cidr c;

    meant[0] = '\0';
    if (cidr_parse(&c, s) == 0)
        return NULL;
    if (clear_host_bits(s, meant))
        return "has host bits set";
    meant[0] = '\0';
    return "is no network";
}
