#include "tests/unit/pki.h"

#include <arpa/inet.h>
#include <openssl/rsa.h>
#include <string.h>
#include "tests/unit/hex.h"

static void *kept[65536];
static size_t n_kept;

void *pki_keep(void *p)
{
    MUST(p && n_kept < sizeof kept / sizeof kept[0]);
    kept[n_kept++] = p;
    return p;
}

static void add_extension(X509 *x, X509_CRL *crl, X509_REVOKED *r, const struct pki_ext *e)
{
    uint8_t der[16384];
    ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
    ASN1_OBJECT *oid = OBJ_txt2obj(e->oid, 1);
    X509_EXTENSION *ext;

    MUST(value && oid && ASN1_OCTET_STRING_set(value, der, (int)unhex(e->hex, der, sizeof der)));
    ext = X509_EXTENSION_create_by_OBJ(NULL, oid, e->critical, value);
    MUST(ext);
    if (x)
        MUST(X509_add_ext(x, ext, -1));
    else if (crl)
        MUST(X509_CRL_add_ext(crl, ext, -1));
    else
        MUST(X509_REVOKED_add_ext(r, ext, -1));
    X509_EXTENSION_free(ext);
    ASN1_OBJECT_free(oid);
    ASN1_OCTET_STRING_free(value);
}

static void add_conf(X509 *issuer, X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    MUST(ext && X509_add_ext(x, ext, -1));
    X509_EXTENSION_free(ext);
}

static void san_value(GENERAL_NAME *g, int type, const char *text, size_t n)
{
    uint8_t bytes[4096];
    size_t used = 0;
    ASN1_STRING *s = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

    for (size_t i = 0; i < n; i++) {
        bool nul = text[i] == '\\' && i + 1 < n && text[i + 1] == '0';

        MUST(used < sizeof bytes);
        bytes[used++] = nul ? 0 : (uint8_t)text[i];
        i += nul;
    }
    MUST(s && ASN1_STRING_set(s, bytes, (int)used));
    GENERAL_NAME_set0_value(g, type, s);
}

static ASN1_TYPE *null_type(void)
{
    ASN1_TYPE *t = ASN1_TYPE_new();

    MUST(t);
    ASN1_TYPE_set(t, V_ASN1_NULL, NULL);
    return t;
}

static GENERAL_NAME *san_of(const char *word, size_t n)
{
    static const struct {
        const char *prefix;
        int type;
    } types[] = {{"dns:", GEN_DNS}, {"uri:", GEN_URI}, {"email:", GEN_EMAIL}, {"raw:", GEN_IPADD}};
    GENERAL_NAME *g = GENERAL_NAME_new();
    char text[64];
    uint8_t ip[64];

    MUST(g);
    if (!strncmp(word, "ip:", 3)) {
        snprintf(text, sizeof text, "%.*s", (int)n - 3, word + 3);
        size_t n_ip = inet_pton(AF_INET, text, ip) == 1 ? 4 : 16;

        MUST(n_ip == 4 || inet_pton(AF_INET6, text, ip) == 1);
        GENERAL_NAME_set0_value(g, GEN_IPADD, ASN1_OCTET_STRING_new());
        MUST(ASN1_STRING_set(g->d.iPAddress, ip, (int)n_ip));
        return g;
    }
    if (!strncmp(word, "dir:", 4)) {
        GENERAL_NAME_set0_value(g, GEN_DIRNAME, X509_NAME_new());
        MUST(X509_NAME_add_entry_by_txt(g->d.directoryName, "CN", MBSTRING_UTF8,
                                        (const unsigned char *)word + 4, (int)n - 4, -1, 0));
        return g;
    }
    if (!strncmp(word, "other:", 6)) {
        MUST(GENERAL_NAME_set0_othername(g, OBJ_txt2obj("1.3.6.1.4.1.99999.3", 1), null_type()));
        return g;
    }
    for (size_t i = 0; i < 4; i++)
        if (!strncmp(word, types[i].prefix, strlen(types[i].prefix))) {
            size_t skip = strlen(types[i].prefix);

            san_value(g, types[i].type, word + skip, n - skip);
            return g;
        }
    MUST(!"a known kind of name");
    return NULL;
}

static void add_sans(X509 *x, const char *words, bool critical)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

    while (*words) {
        size_t n = strcspn(words, " ");

        MUST(sk_GENERAL_NAME_push(names, san_of(words, n)));
        words += n + (words[n] == ' ');
    }
    MUST(X509_add1_ext_i2d(x, NID_subject_alt_name, names, critical, 0) == 1);
    GENERAL_NAMES_free(names);
}

static void set_serial(ASN1_INTEGER *out, const char *hex)
{
    bool negative = hex[0] == '-';
    BIGNUM *n = NULL;

    MUST(BN_hex2bn(&n, hex + negative));
    BN_set_negative(n, negative);
    MUST(BN_to_ASN1_INTEGER(n, out));
    BN_free(n);
}

static void set_name(X509_NAME *name, const struct pki_spec *s)
{
    const struct {
        const char *field, *value;
    } parts[] = {{"O", s->org}, {"OU", s->unit}, {"CN", s->cn}};

    for (size_t i = 0; i < 3; i++)
        if (parts[i].value)
            MUST(X509_NAME_add_entry_by_txt(name, parts[i].field, MBSTRING_UTF8,
                                            (const unsigned char *)parts[i].value, -1, -1, 0));
}

/* The authority key identifier. */
static void add_key_id(X509 *x, X509_CRL *crl, const ASN1_OCTET_STRING *id)
{
    AUTHORITY_KEYID *aki = AUTHORITY_KEYID_new();

    MUST(aki && (aki->keyid = ASN1_OCTET_STRING_dup(id)));
    MUST((x ? X509_add1_ext_i2d(x, NID_authority_key_identifier, aki, 0, 0)
            : X509_CRL_add1_ext_i2d(crl, NID_authority_key_identifier, aki, 0, 0)) == 1);
    AUTHORITY_KEYID_free(aki);
}

static void add_extensions(X509 *x, X509 *issuer, const struct pki_spec *s)
{
    char constraints[64];

    if (s->ca) {
        snprintf(constraints, sizeof constraints, "%sCA:TRUE",
                 s->plain_constraints ? "" : "critical,");
        if (s->pathlen)
            snprintf(constraints, sizeof constraints, "critical,CA:TRUE,pathlen:%d",
                     s->pathlen - 1);
        add_conf(issuer, x, NID_basic_constraints, constraints);
    }
    if (!s->usage)
        add_conf(issuer, x, NID_key_usage,
                 s->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
    else if (s->usage[0])
        add_conf(issuer, x, NID_key_usage, s->usage);
    if (s->purpose)
        add_conf(issuer, x, NID_ext_key_usage, s->purpose);
    if (s->constraints)
        add_conf(issuer, x, NID_name_constraints, s->constraints);
    if (s->sans)
        add_sans(x, s->sans, s->critical_sans || (!s->cn && !s->plain_sans));
    if (!s->no_ski)
        add_conf(issuer, x, NID_subject_key_identifier, "hash");
    if (!s->no_aki && issuer != x && X509_get0_subject_key_id(issuer))
        add_key_id(x, NULL, X509_get0_subject_key_id(issuer));
    for (size_t i = 0; i < 4 && s->extra[i].oid; i++)
        add_extension(x, NULL, NULL, &s->extra[i]);
}

static void sign(X509 *x, X509_CRL *crl, EVP_PKEY *key, const char *digest, bool pss)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *how = NULL;
    bool own = EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ML-DSA-65");

    MUST(EVP_DigestSignInit_ex(ctx, &how,
                               own      ? NULL
                               : digest ? digest
                                        : "SHA256",
                               NULL, NULL, key, NULL) == 1);
    if (pss)
        MUST(EVP_PKEY_CTX_set_rsa_padding(how, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(how, RSA_PSS_SALTLEN_DIGEST) == 1);
    MUST((x ? X509_sign_ctx(x, ctx) : X509_CRL_sign_ctx(crl, ctx)) > 0);
    EVP_MD_CTX_free(ctx);
}

/* What goes over the wire is bytes: read them back, so that nothing of the making is left. */
static X509 *again(X509 *x)
{
    unsigned char *der = NULL;
    const unsigned char *p;
    X509 *out;
    int n = i2d_X509(x, &der);

    MUST(n > 0);
    p = der;
    out = d2i_X509(NULL, &p, n);
    OPENSSL_free(der);
    X509_free(x);
    return pki_keep(out);
}

struct pki_cert pki_issue(const struct pki_cert *issuer, const struct pki_spec *s)
{
    static unsigned next = 0x1001;
    struct pki_cert c = {X509_new(), s->same_key ? s->same_key : pki_new_key(s->key)};
    X509 *by = issuer ? issuer->x : c.x;
    char serial[16];

    MUST(c.x && c.key && X509_set_version(c.x, s->version ? s->version - 1 : X509_VERSION_3));
    snprintf(serial, sizeof serial, "%x", next++);
    set_serial(X509_get_serialNumber(c.x), s->serial ? s->serial : serial);
    set_name(X509_get_subject_name(c.x), s);
    MUST(X509_set_issuer_name(c.x, X509_get_subject_name(by)) && X509_set_pubkey(c.x, c.key));
    ASN1_TIME_set(X509_getm_notBefore(c.x), s->from ? s->from : PKI_NOW - PKI_DAY);
    ASN1_TIME_set(X509_getm_notAfter(c.x), s->to ? s->to : PKI_NOW + 100 * PKI_DAY);
    if (!s->version)
        add_extensions(c.x, by, s);
    sign(c.x, NULL, issuer ? issuer->key : c.key, s->digest, s->pss);
    c.x = again(c.x);
    return c;
}

struct pki_cert pki_ca(const struct pki_cert *issuer, const char *cn)
{
    return pki_issue(issuer, &(struct pki_spec){.cn = cn, .ca = true});
}

struct pki_cert pki_leaf(const struct pki_cert *issuer, enum leg_side side, const char *sans)
{
    return pki_issue(
        issuer, &(struct pki_spec){.cn = "peer",
                                   .sans = sans,
                                   .purpose = side == LEG_OUTER ? "clientAuth" : "serverAuth"});
}

X509 *pki_spoil(X509 *x)
{
    unsigned char *der = NULL;
    const unsigned char *p;
    int n = i2d_X509(x, &der);
    X509 *out;

    MUST(n > 0);
    der[n - 1] ^= 1;
    p = der;
    out = d2i_X509(NULL, &p, n);
    OPENSSL_free(der);
    return pki_keep(out);
}

static void crl_entry(X509_CRL *crl, const ASN1_INTEGER *serial, const struct pki_ext *ext)
{
    X509_REVOKED *r = X509_REVOKED_new();
    ASN1_TIME *when = ASN1_TIME_set(NULL, PKI_NOW - 2 * PKI_DAY);
    ASN1_INTEGER *copy = ASN1_INTEGER_dup(serial);

    MUST(r && X509_REVOKED_set_serialNumber(r, copy) && X509_REVOKED_set_revocationDate(r, when));
    if (ext->oid)
        add_extension(NULL, NULL, r, ext);
    MUST(X509_CRL_add0_revoked(crl, r));
    ASN1_INTEGER_free(copy);
    ASN1_TIME_free(when);
}

static void crl_entries(X509_CRL *crl, const struct pki_crl_spec *s)
{
    ASN1_INTEGER *serial = ASN1_INTEGER_new();

    for (size_t i = 0; s->serials && s->serials[i]; i++) {
        set_serial(serial, s->serials[i]);
        crl_entry(crl, serial, &s->entry);
    }
    for (size_t i = 0; i < 8 && s->revoked[i]; i++)
        crl_entry(crl, X509_get0_serialNumber(s->revoked[i]), &s->entry);
    ASN1_INTEGER_free(serial);
}

static void crl_extensions(X509_CRL *crl, const struct pki_cert *issuer,
                           const struct pki_crl_spec *s)
{
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(issuer->x);
    ASN1_INTEGER *number = ASN1_INTEGER_new();

    set_serial(number, s->number && s->number[0] ? s->number : "1");
    if (!s->number || s->number[0])
        MUST(X509_CRL_add1_ext_i2d(crl, NID_crl_number, number, 0, 0) == 1);
    if (id && !s->no_aki)
        add_key_id(NULL, crl, id);
    for (size_t i = 0; i < 2 && s->extra[i].oid; i++)
        add_extension(NULL, crl, NULL, &s->extra[i]);
    ASN1_INTEGER_free(number);
}

X509_CRL *pki_crl(const struct pki_cert *issuer, const struct pki_crl_spec *s)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, s->from ? s->from : PKI_NOW - PKI_DAY);
    ASN1_TIME *to = ASN1_TIME_set(NULL, s->to ? s->to : PKI_NOW + 7 * PKI_DAY);
    const ASN1_BIT_STRING *sig;

    MUST(crl && X509_CRL_set_version(crl, X509_CRL_VERSION_2) &&
         X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x)) &&
         X509_CRL_set1_lastUpdate(crl, from));
    if (s->to != -1)
        MUST(X509_CRL_set1_nextUpdate(crl, to));
    crl_entries(crl, s);
    crl_extensions(crl, issuer, s);
    sign(NULL, crl, s->by ? (EVP_PKEY *)(uintptr_t)s->by : issuer->key, s->digest, false);
    if (s->spoil) {
        X509_CRL_get0_signature(crl, &sig, NULL);
        ((uint8_t *)(uintptr_t)ASN1_STRING_get0_data(sig))[ASN1_STRING_length(sig) - 1] ^= 1;
    }
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    return pki_keep(crl);
}

static int compare_rows(const void *a, const void *b)
{
    return memcmp(a, b, CRL_SERIAL_ROW);
}

static uint32_t table_rows(X509_CRL *crl, uint8_t *rows)
{
    STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
    uint32_t n = 0, used = 0;

    for (int i = 0; i < sk_X509_REVOKED_num(all); i++) {
        const ASN1_INTEGER *s = X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(all, i));

        n += crl_row(rows + (size_t)n * CRL_SERIAL_ROW, ASN1_STRING_get0_data(s),
                     (size_t)ASN1_STRING_length(s)) == 0;
    }
    qsort(rows, n, CRL_SERIAL_ROW, compare_rows);
    for (uint32_t i = 0; i < n; i++)
        if (!used || compare_rows(rows + (size_t)(used - 1) * CRL_SERIAL_ROW,
                                  rows + (size_t)i * CRL_SERIAL_ROW))
            memmove(rows + (size_t)used++ * CRL_SERIAL_ROW, rows + (size_t)i * CRL_SERIAL_ROW,
                    CRL_SERIAL_ROW);
    return used;
}

/* Offset and length of the first element inside the outer sequence. */
static void find_tbs(const uint8_t *der, size_t n, uint32_t *offset, uint32_t *len)
{
    const unsigned char *p = der, *tbs;
    int tag, class;
    long size;

    MUST(!(ASN1_get_object(&p, &size, &tag, &class, (long)n) & 0x80));
    tbs = p;
    MUST(!(ASN1_get_object(&p, &size, &tag, &class, (long)n - (p - der)) & 0x80));
    *offset = (uint32_t)(tbs - der);
    *len = (uint32_t)(p - tbs + size);
}

struct crl_view pki_table(X509_CRL *crl)
{
    STACK_OF(X509_REVOKED) *all = X509_CRL_get_REVOKED(crl);
    struct crl_source s = {.this_update = PKI_NOW, .next_update = PKI_NOW + 1};
    unsigned char *der = NULL, *issuer = NULL;
    uint8_t *rows = malloc(((size_t)sk_X509_REVOKED_num(all) + 2) * CRL_SERIAL_ROW), *mem;
    struct crl_view view;
    struct buf b;

    s.n_der = (size_t)i2d_X509_CRL(crl, &der);
    s.n_issuer = (size_t)i2d_X509_NAME(X509_CRL_get_issuer(crl), &issuer);
    MUST(rows && der && issuer);
    s.der = der;
    s.issuer = issuer;
    s.rows = rows;
    s.count = sk_X509_REVOKED_num(all) > 0 ? table_rows(crl, rows) : 0;
    s.number = s.key_id = (const uint8_t *)"";
    find_tbs(der, s.n_der, &s.tbs_offset, &s.n_tbs);
    mem = pki_keep(malloc(crl_size(&s)));
    buf_init(&b, mem, crl_size(&s));
    crl_put(&b, &s);
    MUST(buf_ok(&b) && crl_view_init(&view, mem, b.len) == 0);
    OPENSSL_free(der);
    OPENSSL_free(issuer);
    free(rows);
    return view;
}
