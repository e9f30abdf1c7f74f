/* The form of names, and names against names. Pure strings. */
#include "handshake/names.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#define DNS_MAX    253
#define SPIFFE_MAX 2048
#define DOMAIN_MAX 255 /* of a SPIFFE trust domain */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_alnum(char c)
{
    return is_digit(c) || is_lower(c) || (c >= 'A' && c <= 'Z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* One of the characters of `set`; NUL never is. */
static bool is_in(char c, const char *set)
{
    return c && strchr(set, c);
}

/* Length of what stands before `stop` in the n bytes at s. */
static size_t span(const char *s, size_t n, char stop)
{
    const char *at = memchr(s, stop, n);

    return at ? (size_t)(at - s) : n;
}

static bool label_good(const char *s, size_t n)
{
    if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && s[i] != '-')
            return false;
    return true;
}

static bool all_digits(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s[i]))
            return false;
    return true;
}

/* A last label of digits makes it an IPv4 address for some reader or other. */
static bool dns_good(const char *s, size_t n)
{
    if (n == 0 || n > DNS_MAX)
        return false;
    for (;;) {
        size_t label = span(s, n, '.');

        if (!label_good(s, label))
            return false;
        if (label == n)
            return !all_digits(s, n);
        s += label + 1;
        n -= label + 1;
    }
}

enum name_form name_dns_form(const char *s, size_t n)
{
    if (n > 2 && s[0] == '*' && s[1] == '.')
        return n <= DNS_MAX && dns_good(s + 2, n - 2) ? NAME_WILDCARD : NAME_BAD;
    return dns_good(s, n) ? NAME_PLAIN : NAME_BAD;
}

bool name_email_good(const char *s, size_t n)
{
    size_t local = span(s, n, '@');

    if (local == n || local == 0 || local > 64 || s[0] == '.' || s[local - 1] == '.')
        return false;
    for (size_t i = 0; i < local; i++)
        if ((!is_alnum(s[i]) && !is_in(s[i], "!#$%&'*+/=?^_`{|}~-.")) ||
            (s[i] == '.' && s[i + 1] == '.'))
            return false;
    return name_dns_form(s + local + 1, n - local - 1) == NAME_PLAIN;
}

bool name_uri_good(const char *s, size_t n)
{
    size_t scheme = span(s, n, ':');

    if (scheme == n || scheme == 0 || scheme + 1 == n || is_digit(s[0]))
        return false;
    for (size_t i = 0; i < scheme; i++)
        if (!is_alnum(s[i]) && (i == 0 || !is_in(s[i], "+-.")))
            return false;
    for (size_t i = scheme + 1; i < n; i++) {
        if (!is_alnum(s[i]) && !is_in(s[i], "-._~:/?#[]@!$&'()*+,;=%"))
            return false;
        if (s[i] == '%' && (n - i < 3 || !is_hex(s[i + 1]) || !is_hex(s[i + 2])))
            return false;
    }
    return true;
}

bool name_is_spiffe(const char *s, size_t n)
{
    return n >= 7 && !strncasecmp(s, "spiffe:", 7);
}

static bool is_dots(const char *s, size_t n)
{
    return (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

static bool spiffe_segment_good(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && !is_in(s[i], "-._"))
            return false;
    return n > 0 && !is_dots(s, n);
}

bool name_spiffe_good(const char *s, size_t n)
{
    size_t domain;

    if (n < 10 || n > SPIFFE_MAX || memcmp(s, "spiffe://", 9))
        return false;
    s += 9;
    n -= 9;
    domain = span(s, n, '/');
    if (domain == 0 || domain > DOMAIN_MAX)
        return false;
    for (size_t i = 0; i < domain; i++)
        if (!is_digit(s[i]) && !is_lower(s[i]) && !is_in(s[i], "-._"))
            return false;
    while (domain < n) { /* now the end of what was read */
        size_t segment = span(s + domain + 1, n - domain - 1, '/');

        if (!spiffe_segment_good(s + domain + 1, segment))
            return false;
        domain += 1 + segment;
    }
    return true;
}

bool name_dns_matches(const char *san, size_t n_san, const char *host)
{
    size_t n = strlen(host);
    const char *dot;

    if (name_dns_form(host, n) != NAME_PLAIN)
        return false;
    switch (name_dns_form(san, n_san)) {
    case NAME_PLAIN:
        return n == n_san && !strncasecmp(san, host, n);
    case NAME_WILDCARD:
        dot = strchr(host, '.');
        return dot && n - (size_t)(dot - host) == n_san - 1 && strchr(dot + 1, '.') &&
               !strncasecmp(dot, san + 1, n_san - 1);
    default:
        return false;
    }
}

bool rule_dns_matches(const char *pattern, const char *s, size_t n)
{
    size_t left = strlen(pattern);

    if (name_dns_form(s, n) != NAME_PLAIN)
        return false;
    for (;;) {
        size_t a = span(pattern, left, '.'), b = span(s, n, '.');

        if (!(a == 1 && pattern[0] == '*') && (a != b || strncasecmp(pattern, s, a)))
            return false;
        if (a == left || b == n)
            return a == left && b == n;
        pattern += a + 1;
        left -= a + 1;
        s += b + 1;
        n -= b + 1;
    }
}

bool rule_email_matches(const char *pattern, const char *s, size_t n)
{
    size_t local = span(s, n, '@');

    return name_email_good(s, n) && strlen(pattern) == n && !memcmp(pattern, s, local + 1) &&
           !strncasecmp(pattern + local + 1, s + local + 1, n - local - 1);
}

/* A URI in its parts (RFC 3986 3); n_scheme and n_head include ":" and "//". */
struct uri {
    const char *s;
    size_t n, n_scheme, host, n_head; /* n_head: where the path begins */
};

static void uri_split(const char *s, size_t n, struct uri *u)
{
    size_t user;

    *u = (struct uri){.s = s, .n = n, .n_scheme = span(s, n, ':') + 1};
    if (u->n_scheme > n)
        u->n_scheme = n;
    u->n_head = u->host = u->n_scheme;
    if (n - u->n_scheme < 2 || memcmp(s + u->n_scheme, "//", 2))
        return;
    u->host = u->n_scheme + 2;
    u->n_head = u->host;
    while (u->n_head < n && !is_in(s[u->n_head], "/?#"))
        u->n_head++;
    user = span(s + u->host, u->n_head - u->host, '@');
    if (u->host + user < u->n_head)
        u->host += user + 1;
}

bool name_uri_has_host(const char *s, size_t n)
{
    struct uri u;
    size_t host;

    uri_split(s, n, &u);
    host = span(s + u.host, u.n_head - u.host, ':');
    return name_uri_good(s, n) && u.host == u.n_scheme + 2 &&
           (u.n_head == n || s[u.n_head] == '/') &&
           (u.host + host == u.n_head ||
            all_digits(s + u.host + host + 1, u.n_head - u.host - host - 1)) &&
           dns_good(s + u.host, host);
}

/* Scheme and host without case, user information exactly. */
static bool same_head(const struct uri *a, const struct uri *b)
{
    return a->n_scheme == b->n_scheme && a->host == b->host && a->n_head == b->n_head &&
           !strncasecmp(a->s, b->s, a->n_scheme) &&
           !memcmp(a->s + a->n_scheme, b->s + b->n_scheme, a->host - a->n_scheme) &&
           !strncasecmp(a->s + a->host, b->s + b->host, a->n_head - a->host);
}

/* Could it mean something else after somebody normalised it? */
static bool is_ambiguous(const struct uri *u)
{
    size_t at = u->n_head;

    if (u->n_head == u->n_scheme) /* no authority */
        return true;
    for (size_t i = 0; i < u->n; i++)
        if (is_in(u->s[i], "%?#*"))
            return true;
    while (at < u->n) {
        size_t segment = span(u->s + at + 1, u->n - at - 1, '/');

        if (segment == 0 || is_dots(u->s + at + 1, segment))
            return true;
        at += 1 + segment;
    }
    return false;
}

/* Paths, each empty or beginning with a slash. The pattern comes from an operator: it may be
 * anything. */
static bool path_matches(const char *p, size_t np, const char *s, size_t n)
{
    while (np > 0 && n > 0) {
        size_t a = span(p + 1, np - 1, '/'), b = span(s + 1, n - 1, '/');
        bool wild = a == 1 && p[1] == '*';

        if (a == 2 && !memcmp(p + 1, "**", 2))
            return np == 3;
        if (!wild && (a != b || memchr(p + 1, '*', a) || memcmp(p + 1, s + 1, a)))
            return false;
        p += a + 1;
        np -= a + 1;
        s += b + 1;
        n -= b + 1;
    }
    return np == 0 && n == 0;
}

bool rule_uri_matches(const char *pattern, const char *s, size_t n)
{
    size_t np = strlen(pattern);
    struct uri p, u;

    if (!name_uri_good(s, n))
        return false;
    uri_split(pattern, np, &p);
    uri_split(s, n, &u);
    if (!same_head(&p, &u))
        return false;
    if (!strchr(pattern, '*'))
        return np == n && !memcmp(pattern + p.n_head, s + u.n_head, n - u.n_head);
    return !memchr(pattern, '*', p.n_head) && !is_ambiguous(&u) &&
           path_matches(pattern + p.n_head, np - p.n_head, s + u.n_head, n - u.n_head);
}
