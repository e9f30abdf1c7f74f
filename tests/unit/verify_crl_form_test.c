/* The form of a CRL, by RFC 5280 5: which lists count, field by field. */
#include "tests/unit/hex.h"
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

/* A root, a client of it, and a list of the root without the client, to be edited. */
struct world {
    struct pki_cert root, leaf;
    X509_CRL *crl;
};

static struct world world(const struct pki_crl_spec *spec)
{
    struct world w = {.root = pki_ca(NULL, "Root")};

    w.leaf = pki_leaf(&w.root, LEG_OUTER, "dns:client.test");
    w.crl = pki_crl(&w.root, spec);
    return w;
}

/* The verdict with this list alone; REASON_COUNT: the configuration is refused. */
static enum reason judged(const struct world *w, X509_CRL *crl)
{
    struct pki_case c = {.anchors = {w->root.x}, .chain = {w->leaf.x}, .crls = {crl}};
    struct err e;
    struct trust *t = crl ? pki_trust(&c, &e) : NULL;

    if (!t)
        return REASON_COUNT;
    trust_free(t);
    return pki_refusal(&c);
}

static enum reason edited(enum pki_crl_field at, const char *hex)
{
    struct world w = world(&(struct pki_crl_spec){0});

    return judged(&w, pki_edit_crl(&w.root, w.crl, at, hex));
}

static enum reason with(struct pki_ext ext)
{
    struct world w = world(&(struct pki_crl_spec){.extra = {ext}});

    return judged(&w, w.crl);
}

static enum reason with_entry(bool revoked, struct pki_ext ext)
{
    struct world w = world(&(struct pki_crl_spec){0});
    struct pki_crl_spec spec = {.serials = (const char *const[]){"77", NULL}, .entry = ext};

    if (revoked)
        spec.revoked[0] = w.leaf.x;
    return judged(&w, pki_crl(&w.root, &spec));
}

/* A time of this type ('u', 'g') and text, in place of a field. */
static enum reason dated(enum pki_crl_field at, char type, const char *text)
{
    char hex[96], *p = hex + sprintf(hex, "%s%02zx", type == 'u' ? "17" : "18", strlen(text));

    for (; *text; text++)
        p += sprintf(p, "%02x", (unsigned)*text);
    return edited(at, hex);
}

TEST("a list edited to what it was counts")
{
    EXPECT(edited(CRL_FIELD_VERSION, "020101") == REASON_NONE);
    EXPECT(dated(CRL_FIELD_THIS_UPDATE, 'u', "270101000000Z") == REASON_NONE);
}

TEST("a list of another version than 2 does not count")
{
    EXPECT(edited(CRL_FIELD_VERSION, "") == REASON_CRL_INVALID);
    EXPECT(edited(CRL_FIELD_VERSION, "020100") == REASON_COUNT);
    EXPECT(edited(CRL_FIELD_VERSION, "020102") == REASON_COUNT);
    EXPECT(edited(CRL_FIELD_VERSION, "020105") == REASON_COUNT);
}

TEST("the algorithm inside the signed part must be the one outside")
{
    EXPECT(edited(CRL_FIELD_ALGORITHM, "300a06082a8648ce3d040302") == REASON_NONE);
    EXPECT(edited(CRL_FIELD_ALGORITHM, "300a06082a8648ce3d040303") == REASON_CRL_INVALID);
}

TEST("dates to 2049 are UTCTime, later ones GeneralizedTime, to the second, in Zulu time")
{
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'u', "270201000000Z") == REASON_NONE);
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'g', "20500101000000Z") == REASON_NONE);
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'g', "20270201000000Z") == REASON_CRL_INVALID);
    EXPECT(dated(CRL_FIELD_THIS_UPDATE, 'g', "20270101000000Z") == REASON_CRL_INVALID);
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'u', "2702010000Z") == REASON_COUNT);
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'u', "270201000000+0100") == REASON_COUNT);
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'g', "20500101000000.5Z") == REASON_COUNT);
    EXPECT(dated(CRL_FIELD_THIS_UPDATE, 'u', "270101000000") == REASON_COUNT);
    EXPECT(edited(CRL_FIELD_NEXT_UPDATE, "") == REASON_CRL_INVALID);
    EXPECT(edited(CRL_FIELD_THIS_UPDATE, "") == REASON_CRL_INVALID); /* then there is one alone */
    EXPECT(dated(CRL_FIELD_NEXT_UPDATE, 'u', "270101000000Z") != REASON_NONE);
}

TEST("a list without an issuer, or with another's name, is no list of the issuer")
{
    EXPECT(edited(CRL_FIELD_ISSUER, "3000") == REASON_CRL_MISSING);
    EXPECT(edited(CRL_FIELD_ISSUER, "300e310c300a06035504030c03666f6f") == REASON_CRL_MISSING);
}

TEST("a CRL number or an authority key identifier that is critical makes the list useless")
{
    struct world w = world(
        &(struct pki_crl_spec){.number = "", .extra = {{"2.5.29.20", true, "020101"}}});

    EXPECT(judged(&w, w.crl) == REASON_CRL_INVALID);
    w = world(&(struct pki_crl_spec){.no_aki = true, .extra = {{"2.5.29.35", true, "3000"}}});
    EXPECT(judged(&w, w.crl) == REASON_CRL_INVALID);
    w = world(&(struct pki_crl_spec){.number = "", .extra = {{"2.5.29.20", false, "020101"}}});
    EXPECT(judged(&w, w.crl) == REASON_NONE);
}

TEST("a number or a key identifier that stands twice makes the list useless")
{
    EXPECT(with((struct pki_ext){"2.5.29.20", false, "020102"}) == REASON_CRL_INVALID);
    EXPECT(with((struct pki_ext){"2.5.29.35", false, "300480020102"}) == REASON_CRL_INVALID);
    EXPECT(with((struct pki_ext){"2.5.29.20", false, "0201020500"}) == REASON_CRL_INVALID);
}

TEST("a list with a scope does not count, whatever the scope: nobody here matches scopes")
{
    static const char *const scopes[] = {
        "3000",
        "30038101ff",                                   /* user certificates only */
        "30038201ff",                                   /* CA certificates only */
        "300483020640",                                 /* some reasons only */
        "30038401ff",                                   /* indirect */
        "30038501ff",                                   /* attribute certificates only */
        "3013a011a00f860d687474703a2f2f612e622f632e64", /* a distribution point */
        "300da00ba109060355040a0c026f6e",               /* relative to the issuer */
        "6d616c666f726d6564",
    };

    for (size_t i = 0; i < sizeof scopes / sizeof scopes[0]; i++) {
        EXPECT(with((struct pki_ext){"2.5.29.28", true, scopes[i]}) == REASON_CRL_INVALID);
        EXPECT(with((struct pki_ext){"2.5.29.28", false, scopes[i]}) == REASON_CRL_INVALID);
    }
    EXPECT(with((struct pki_ext){"2.5.29.27", true, "020101"}) == REASON_CRL_INVALID);
    EXPECT(with((struct pki_ext){"2.5.29.27", false, "020101"}) == REASON_CRL_INVALID);
}

TEST("what is not known in a list counts only when it is critical")
{
    EXPECT(with((struct pki_ext){"1.3.6.1.4.1.55738.666.1", true, ""}) == REASON_CRL_INVALID);
    EXPECT(with((struct pki_ext){"1.3.6.1.4.1.55738.666.1", false, ""}) == REASON_NONE);
    EXPECT(with((struct pki_ext){"2.5.29.46", false, "3000"}) == REASON_NONE); /* freshest CRL */
    EXPECT(with((struct pki_ext){"1.3.6.1.5.5.7.1.1", false, "3000"}) == REASON_NONE);
    EXPECT(with((struct pki_ext){"2.5.29.18", false, "3000"}) == REASON_NONE);
}

TEST("an entry revokes whatever its reason, its date and what else it says")
{
    static const char *const reasons[] = {"0a0100", "0a0101", "0a0106", "0a0108",
                                          "0a010a", "0a0163", "0500"};

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        EXPECT(with_entry(true, (struct pki_ext){"2.5.29.21", false, reasons[i]}) ==
               REASON_REVOKED);
    EXPECT(with_entry(true,
                      (struct pki_ext){"2.5.29.24", false, "180f32303530303130313030303030305a"}) ==
           REASON_REVOKED);
    EXPECT(with_entry(true, (struct pki_ext){"1.3.6.1.4.1.55738.666.1", false, ""}) ==
           REASON_REVOKED);
    EXPECT(with_entry(true, (struct pki_ext){"1.3.6.1.4.1.55738.666.1", true, ""}) ==
           REASON_CRL_INVALID);
    EXPECT(with_entry(false, (struct pki_ext){"1.3.6.1.4.1.55738.666.1", true, ""}) ==
           REASON_CRL_INVALID);
    EXPECT(with_entry(false, (struct pki_ext){"1.3.6.1.4.1.55738.666.1", false, ""}) ==
           REASON_NONE);
    EXPECT(with_entry(false, (struct pki_ext){"2.5.29.29", true, "3000"}) == REASON_CRL_INVALID);
}

/* SEQUENCE OF one entry: the leaf's serial and a date. */
static enum reason entry_dated(const char *date)
{
    struct world w = world(&(struct pki_crl_spec){0});
    char hex[128], serial[24] = "";
    const ASN1_INTEGER *s = X509_get0_serialNumber(w.leaf.x);
    int n = ASN1_STRING_length(s), n_date = (int)strlen(date) / 2;
    X509_CRL *crl = pki_crl(&w.root, &(struct pki_crl_spec){.revoked = {w.leaf.x}});

    for (int i = 0; i < n; i++)
        sprintf(serial + 2 * i, "%02x", ASN1_STRING_get0_data(s)[i]);
    sprintf(hex, "30%02x30%02x02%02x%s%s", n + n_date + 4, n + n_date + 2, n, serial, date);
    return judged(&w, pki_edit_crl(&w.root, crl, CRL_FIELD_ENTRIES, hex));
}

TEST("an entry's date changes nothing: past, future, before the certificate")
{
    EXPECT(entry_dated("170d3237303131303030303030305a") == REASON_REVOKED);
    EXPECT(entry_dated("170d3439303131303030303030305a") == REASON_REVOKED);
    EXPECT(entry_dated("170d3730303131303030303030305a") == REASON_REVOKED);
    EXPECT(entry_dated("180f32303530303130313030303030305a") == REASON_REVOKED);
}

TEST("a serial listed twice revokes, and 10,000 others do not")
{
    struct world w = world(&(struct pki_crl_spec){0});
    struct pki_crl_spec twice = {.revoked = {w.leaf.x, w.leaf.x}};
    static char text[10001][8];
    static const char *serials[10001];

    EXPECT(judged(&w, pki_crl(&w.root, &twice)) == REASON_REVOKED);
    for (int i = 0; i < 10000; i++) {
        snprintf(text[i], sizeof text[i], "%x", 0x100000 + i);
        serials[i] = text[i];
    }
    EXPECT(judged(&w, pki_crl(&w.root, &(struct pki_crl_spec){.serials = serials})) == REASON_NONE);
}

TEST("a list of another trusted root revokes nothing and vouches for nothing")
{
    struct world w = world(&(struct pki_crl_spec){0});
    struct pki_cert other = pki_ca(NULL, "Other"), twin = pki_ca(NULL, "Root");
    struct pki_case c = {.anchors = {w.root.x, other.x}, .chain = {w.leaf.x}};

    c.crls[0] = pki_crl(&other, &(struct pki_crl_spec){.revoked = {w.leaf.x}});
    EXPECT(pki_refusal(&c) == REASON_CRL_MISSING);
    c.crls[1] = w.crl;
    EXPECT(pki_allows(&c));
    c.anchors[1] =
        twin.x; /* a root of the same name: each list is judged by the key that made it */
    c.crls[0] = pki_crl(&twin, &(struct pki_crl_spec){.revoked = {w.leaf.x}});
    EXPECT(pki_allows(&c));
}

TEST("a list that ended before the certificate began is stale")
{
    struct world w = world(
        &(struct pki_crl_spec){.from = PKI_NOW - 365 * PKI_DAY, .to = PKI_NOW - 180 * PKI_DAY});

    EXPECT(judged(&w, w.crl) == REASON_CRL_STALE);
}

int main(void)
{
    return test_run();
}
