#include "handshake/keyring/subject.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/objects.h>

#define DNS_MAX   253
#define LABEL_MAX 63

static const int attribute_nids[VAULT_ATTRIBUTES] = {
    [VAULT_C] = NID_countryName,
    [VAULT_ST] = NID_stateOrProvinceName,
    [VAULT_L] = NID_localityName,
    [VAULT_O] = NID_organizationName,
    [VAULT_OU] = NID_organizationalUnitName,
    [VAULT_CN] = NID_commonName,
    [VAULT_EMAIL_ADDRESS] = NID_pkcs9_emailAddress,
    [VAULT_SERIAL_NUMBER] = NID_serialNumber,
};

static bool has_control(const struct vault_bytes *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->p[i] < ' ' || v->p[i] == 0x7f)
            return true;
    }
    return false;
}

static bool is_ascii_word(const struct vault_bytes *v)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->p[i] <= ' ' || v->p[i] >= 0x7f)
            return false;
    }
    return v->n > 0;
}

/* Letters, digits and hyphens, as a peer compares them. */
static bool is_label(const uint8_t *p, size_t n)
{
    if (!n || n > LABEL_MAX || p[0] == '-' || p[n - 1] == '-')
        return false;
    for (size_t i = 0; i < n; i++) {
        if (p[i] >= 0x80 || (!isalnum(p[i]) && p[i] != '-' && p[i] != '_'))
            return false;
    }
    return true;
}

/* A host name, or one whose first label is a wildcard. */
static bool is_dns(const struct vault_bytes *v)
{
    const uint8_t *p = v->p, *end = v->p + v->n;

    if (v->n > DNS_MAX)
        return false;
    if (v->n > 2 && p[0] == '*' && p[1] == '.')
        p += 2;
    for (;;) {
        const uint8_t *dot = memchr(p, '.', (size_t)(end - p));

        if (!is_label(p, (size_t)((dot ? dot : end) - p)))
            return false;
        if (!dot)
            return true;
        p = dot + 1;
    }
}

/* With a scheme; the rest is compared as it stands (RFC 5280 4.2.1.6 wants it absolute). */
static bool is_uri(const struct vault_bytes *v)
{
    const uint8_t *colon = memchr(v->p, ':', v->n);

    if (!is_ascii_word(v) || !colon || !isalpha(v->p[0]) || colon + 1 == v->p + v->n)
        return false;
    for (const uint8_t *p = v->p; p < colon; p++) {
        if (!isalnum(*p) && *p != '+' && *p != '-' && *p != '.')
            return false;
    }
    return true;
}

static bool is_email(const struct vault_bytes *v)
{
    const uint8_t *at = memchr(v->p, '@', v->n);
    struct vault_bytes host;

    if (!is_ascii_word(v) || !at || at == v->p)
        return false;
    host = (struct vault_bytes){at + 1, (size_t)(v->p + v->n - at - 1)};
    return host.n > 0 && host.p[0] != '*' && is_dns(&host);
}

static bool is_ip(const struct vault_bytes *v, uint8_t out[16], int *n)
{
    char text[INET6_ADDRSTRLEN];

    if (v->n >= sizeof(text) || memchr(v->p, 0, v->n))
        return false;
    memcpy(text, v->p, v->n);
    text[v->n] = '\0';
    *n = inet_pton(AF_INET, text, out) == 1 ? 4 : inet_pton(AF_INET6, text, out) == 1 ? 16 : 0;
    return *n > 0;
}

struct san_row {
    int type; /* of GENERAL_NAME */
    bool (*good)(const struct vault_bytes *v);
    const char *fix;
};

static const struct san_row san_rows[VAULT_SAN_KINDS] = {
    [VAULT_DNS] = {GEN_DNS, is_dns, "a host name in ASCII; a * stands for a whole first label"},
    [VAULT_URI] = {GEN_URI, is_uri, "a URI with its scheme, in ASCII and without blanks"},
    [VAULT_EMAIL] = {GEN_EMAIL, is_email, "name@host in ASCII"},
    [VAULT_IP] = {GEN_IPADD, NULL, "one IPv4 or IPv6 address, without a mask"},
};

static int refuse(const char *list, unsigned i, const char *fix, struct err *e)
{
    char where[32];

    snprintf(where, sizeof(where), "%s/%u", list, i);
    return err_set(e, -EINVAL, where, fix, "this value can not stand in a certificate");
}

int subject_name(const struct vault_names *names, X509_NAME *to, struct err *e)
{
    for (unsigned i = 0; i < names->n_subject; i++) {
        const struct vault_pair *p = &names->subject[i];
        bool good = !has_control(&p->value) &&
                    X509_NAME_add_entry_by_NID(to, attribute_nids[p->type], MBSTRING_UTF8,
                                               p->value.p, (int)p->value.n, -1, 0) == 1;

        ERR_clear_error();
        if (!good)
            return refuse(
                "subject", i,
                p->type == VAULT_C ? "two letters" : "UTF-8 text of at most 64 characters", e);
    }
    return 0;
}

static GENERAL_NAME *make_san(const struct san_row *row, const void *value, int n)
{
    ASN1_STRING *s = ASN1_STRING_type_new(row->type == GEN_IPADD ? V_ASN1_OCTET_STRING
                                                                 : V_ASN1_IA5STRING);
    GENERAL_NAME *name = GENERAL_NAME_new();

    if (!s || !name || !ASN1_STRING_set(s, value, n)) {
        ASN1_STRING_free(s);
        GENERAL_NAME_free(name);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, row->type, s);
    return name;
}

static int add_san(GENERAL_NAMES *list, const struct vault_pair *p, unsigned i, struct err *e)
{
    const struct san_row *row = &san_rows[p->type];
    GENERAL_NAME *name = NULL;
    uint8_t ip[16];
    int n_ip;

    if (row->good && row->good(&p->value))
        name = make_san(row, p->value.p, (int)p->value.n);
    else if (!row->good && is_ip(&p->value, ip, &n_ip))
        name = make_san(row, ip, n_ip);
    else
        return refuse("sans", i, row->fix, e);
    if (name && sk_GENERAL_NAME_push(list, name))
        return 0;
    GENERAL_NAME_free(name);
    return err_set(e, -ENOMEM, "", "free memory", "no memory for the names");
}

int subject_sans(const struct vault_names *names, GENERAL_NAMES **out, struct err *e)
{
    GENERAL_NAMES *list = names->n_sans ? GENERAL_NAMES_new() : NULL;
    int rc = 0;

    if (names->n_sans && !list)
        return err_set(e, -ENOMEM, "", "free memory", "no memory for the names");
    for (unsigned i = 0; i < names->n_sans && !rc; i++)
        rc = add_san(list, &names->sans[i], i, e);
    if (rc)
        GENERAL_NAMES_free(list);
    else
        *out = list;
    return rc;
}
