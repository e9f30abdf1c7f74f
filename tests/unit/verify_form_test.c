/* What a certificate is as such: its fields and extensions, by RFC 5280 4.1 and 4.2. */
#include "tests/unit/pki.h"
#include "tests/unit/test.h"

static const struct pki_spec client = {.cn = "peer", .purpose = "clientAuth", .sans = "dns:a.test"};

/* An issuer for all cases, and a leaf of it to be edited. */
struct world {
    struct pki_cert root, leaf;
};

static struct world world(void)
{
    struct world w = {.root = pki_ca(NULL, "Root")};

    w.leaf = pki_issue(&w.root, &client);
    return w;
}

static enum reason leaf_of(const struct pki_cert *root, X509 *leaf)
{
    struct pki_case c = {.anchors = {root->x}, .chain = {leaf}, .no_revocation = true};

    return pki_refusal(&c);
}

static enum reason edited(enum pki_field at, const char *hex)
{
    struct world w = world();

    X509 *leaf = pki_edit(&w.root, w.leaf.x, at, hex);

    return leaf ? leaf_of(&w.root, leaf) : REASON_CHAIN; /* as chain_parse() says of it */
}

static enum reason made(const struct pki_spec *spec)
{
    struct pki_cert root = pki_ca(NULL, "Root");

    return leaf_of(&root, pki_issue(&root, spec).x);
}

static enum reason with(struct pki_ext ext)
{
    struct pki_spec spec = client;

    spec.extra[0] = ext;
    return made(&spec);
}

/* A client under an intermediate made by spec. */
static enum reason under(const struct pki_spec *spec)
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_issue(&root, spec);
    struct pki_case c = {
        .anchors = {root.x}, .chain = {pki_issue(&ca, &client).x, ca.x}, .no_revocation = true};

    return pki_refusal(&c);
}

/* Is a root made by spec taken as an anchor, and does it vouch for a client? */
static bool root_counts(const struct pki_spec *spec)
{
    struct pki_cert root = pki_issue(NULL, spec);
    struct pki_case c = {
        .anchors = {root.x}, .chain = {pki_issue(&root, &client).x}, .no_revocation = true};

    return pki_verify(&c).allow;
}

TEST("a field edited to what it was is allowed")
{
    EXPECT(edited(FIELD_VERSION, "a003020102") == REASON_NONE);
}

/* A Time as hex: 'u' UTCTime, 'g' GeneralizedTime. */
static void put_time(char *hex, char type, const char *text)
{
    hex += sprintf(hex, "%s%02zx", type == 'u' ? "17" : "18", strlen(text));
    for (; *text; text++)
        hex += sprintf(hex, "%02x", (unsigned)*text);
}

static enum reason valid(char from_type, const char *from, char to_type, const char *to)
{
    char hex[256];

    sprintf(hex, "30%02zx", strlen(from) + strlen(to) + 4); /* Validity ::= SEQUENCE { ... } */
    put_time(hex + 4, from_type, from);
    put_time(hex + strlen(hex), to_type, to);
    return edited(FIELD_VALIDITY, hex);
}

TEST("dates are UTCTime or GeneralizedTime, to the second, in Zulu time")
{
    EXPECT(valid('u', "260101000000Z", 'u', "491231235959Z") == REASON_NONE);
    EXPECT(valid('u', "990101000000Z", 'u', "280101000000Z") == REASON_NONE);
    EXPECT(valid('u', "500101000000Z", 'u', "280101000000Z") == REASON_NONE); /* 1950 */
    EXPECT(valid('g', "20260101000000Z", 'g', "20280101000000Z") == REASON_NONE);
    EXPECT(valid('u', "260101000000Z", 'g', "20500101000000Z") == REASON_NONE);
    EXPECT(valid('u', "260101000000Z", 'g', "99991231235959Z") == REASON_NONE);
    EXPECT(valid('u', "260101000000Z", 'u', "500101000000Z") == REASON_EXPIRED);
    EXPECT(valid('u', "280101000000Z", 'u', "290101000000Z") == REASON_NOT_YET_VALID);
    EXPECT(valid('g', "20470101000000Z", 'g', "20500101000000Z") == REASON_NOT_YET_VALID);
}

TEST("dates without seconds, in other zones, with fractions or of no calendar are refused")
{
    static const char *const bad_utc[] = {
        "2801010000Z",    "280101000000",  "280101000000+0100", "2801010000+0100",
        "280101000000z",  "281301000000Z", "280230000000Z",     "280101250000Z",
        "280101006000Z",  "28010100000Z",  "280101000000Z\x20", "",
        "2801010000000Z", "28010100000aZ", "280100000000Z"};
    static const char *const bad_general[] = {
        "202801010000Z",    "20280101000000",  "20280101000000.5Z", "20280101000000+0000",
        "20280101000000,5", "280101000000Z",   "2028010100Z",       "20280101000000.Z",
        "20280101000060Z",  "20281301000000Z", "0028-01-01"};

    for (size_t i = 0; i < sizeof bad_utc / sizeof bad_utc[0]; i++)
        EXPECT(valid('u', "260101000000Z", 'u', bad_utc[i]) == REASON_CHAIN);
    for (size_t i = 0; i < sizeof bad_general / sizeof bad_general[0]; i++)
        EXPECT(valid('u', "260101000000Z", 'g', bad_general[i]) == REASON_CHAIN);
    EXPECT(valid('u', "2601010000Z", 'u', "280101000000Z") == REASON_CHAIN);
}

TEST("a certificate of version 1 or 2 is refused, with extensions or without, and one of version 4")
{
    EXPECT(edited(FIELD_VERSION, "") == REASON_CHAIN);
    EXPECT(edited(FIELD_VERSION, "a003020100") == REASON_CHAIN);
    EXPECT(edited(FIELD_VERSION, "a003020101") == REASON_CHAIN);
    EXPECT(edited(FIELD_VERSION, "a003020103") == REASON_CHAIN);
    EXPECT(edited(FIELD_VERSION, "a0030201ff") == REASON_CHAIN);
    EXPECT(edited(FIELD_EXTENSIONS, "") != REASON_NONE);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .version = 1}) != REASON_NONE);
}

TEST("unique identifiers are let pass: nobody looks at them")
{
    struct world w = world();
    char hex[1024] = "";
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(w.leaf.x), &der);

    for (int i = 0; i < n; i++)
        sprintf(hex + 2 * i, "%02x", der[i]);
    strcat(hex, "81020001"
                "82020002");
    EXPECT(leaf_of(&w.root, pki_edit(&w.root, w.leaf.x, FIELD_KEY, hex)) == REASON_NONE);
    OPENSSL_free(der);
}

TEST("the algorithm inside the signed part must be the one outside")
{
    EXPECT(edited(FIELD_ALGORITHM, "300a06082a8648ce3d040302") == REASON_NONE); /* SHA-256 */
    EXPECT(edited(FIELD_ALGORITHM, "300a06082a8648ce3d040303") == REASON_CHAIN);
    EXPECT(edited(FIELD_ALGORITHM, "300c06082a8648ce3d0403020500") == REASON_CHAIN);
    EXPECT(edited(FIELD_ALGORITHM, "300d06092a864886f70d01010b0500") != REASON_NONE);
}

TEST("an issuer must have a name, and so must the subject of a CA")
{
    EXPECT(edited(FIELD_ISSUER, "3000") != REASON_NONE);
    EXPECT(!root_counts(&(struct pki_spec){.ca = true}));
    EXPECT(under(&(struct pki_spec){.ca = true}) == REASON_CHAIN);
}

TEST("a leaf without a subject has critical names")
{
    struct pki_spec spec = {.purpose = "clientAuth", .sans = "dns:a.test"};

    EXPECT(made(&spec) == REASON_NONE);
    spec.plain_sans = true;
    EXPECT(made(&spec) == REASON_CHAIN);
    spec.sans = NULL;
    EXPECT(made(&spec) == REASON_CHAIN);
    EXPECT(
        made(&(struct pki_spec){
            .cn = "peer", .purpose = "clientAuth", .sans = "dns:a.test", .critical_sans = true}) ==
        REASON_NONE);
}

TEST("a key identifier that is critical is refused, on the leaf, the intermediate and the root")
{
    struct pki_ext aki = {"2.5.29.35", true, "300480020102"}, ski = {"2.5.29.14", true, "04020102"};
    struct pki_spec leaf = client, ca = {.cn = "CA", .ca = true};

    leaf.no_aki = ca.no_aki = true;
    leaf.extra[0] = ca.extra[0] = aki;
    EXPECT(made(&leaf) == REASON_CHAIN);
    EXPECT(under(&ca) == REASON_CHAIN);
    EXPECT(!root_counts(&ca));
    leaf = client;
    leaf.no_ski = true;
    ca = (struct pki_spec){.cn = "CA", .ca = true, .no_ski = true};
    leaf.extra[0] = ca.extra[0] = ski;
    EXPECT(made(&leaf) == REASON_CHAIN);
    EXPECT(under(&ca) == REASON_CHAIN);
    EXPECT(!root_counts(&ca));
}

TEST("every certificate but a root names its issuer's key; a CA names its own")
{
    struct pki_spec leaf = client;

    leaf.no_aki = true;
    EXPECT(made(&leaf) == REASON_CHAIN);
    leaf.extra[0] = (struct pki_ext){"2.5.29.35", false, "3000"}; /* there, but empty */
    EXPECT(made(&leaf) == REASON_CHAIN);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .no_aki = true}) == REASON_CHAIN);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .no_ski = true}) == REASON_CHAIN);
    EXPECT(root_counts(&(struct pki_spec){.cn = "R", .ca = true, .no_aki = true}));
    EXPECT(!root_counts(&(struct pki_spec){.cn = "R", .ca = true, .no_ski = true}));
}

TEST("a root whose authority key identifier is another's or no identifier does not count")
{
    struct pki_spec r = {.cn = "R", .ca = true};
    static const char *const bad[] = {"3000", "300480020102", "3003820107"};

    for (size_t i = 0; i < 3; i++) {
        r.extra[0] = (struct pki_ext){"2.5.29.35", false, bad[i]};
        EXPECT(!root_counts(&r));
    }
}

TEST("a CA's key usage lets it sign certificates")
{
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .usage = ""}) != REASON_NONE);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .usage = "critical,cRLSign"}) !=
           REASON_NONE);
    EXPECT(under(&(struct pki_spec){
               .cn = "CA", .ca = true, .pathlen = 1, .usage = "digitalSignature"}) != REASON_NONE);
    EXPECT(under(&(struct pki_spec){.cn = "CA", .ca = true, .usage = "keyCertSign,cRLSign"}) ==
           REASON_NONE);
    EXPECT(!root_counts(&(struct pki_spec){.cn = "R", .ca = true, .usage = "digitalSignature"}));
    EXPECT(!root_counts(&(struct pki_spec){.cn = "R", .ca = true, .usage = ""}));
    EXPECT(!root_counts(&(struct pki_spec){.cn = "R", .ca = true, .plain_constraints = true}));
    EXPECT(!root_counts(&(struct pki_spec){.cn = "R", .usage = "keyCertSign"}));
}

/* An issuer, or a leaf, with these basic constraints. */
static enum reason issuer_with(const char *hex)
{
    return under(&(struct pki_spec){
        .cn = "CA", .usage = "critical,keyCertSign,cRLSign", .extra = {{"2.5.29.19", true, hex}}});
}

TEST("constraints that say no CA make no issuer, and a path length belongs to a CA alone")
{
    EXPECT(issuer_with("30030101ff") == REASON_NONE);
    EXPECT(issuer_with("3000") != REASON_NONE);
    EXPECT(issuer_with("3003010100") != REASON_NONE);
    EXPECT(issuer_with("30060101ff0201ff") == REASON_CHAIN); /* a path length of -1 */
    EXPECT(with((struct pki_ext){"2.5.29.19", true, "3000"}) == REASON_NONE);
    EXPECT(with((struct pki_ext){"2.5.29.19", true, "3003020100"}) == REASON_CHAIN);
    EXPECT(with((struct pki_ext){"2.5.29.19", true, "30060101ff0201ff"}) != REASON_NONE);
}

TEST("an unknown critical extension is refused on the leaf, the intermediate and the root")
{
    struct pki_ext unknown = {"1.3.6.1.4.1.55738.666.1", true, "0500"};
    struct pki_spec ca = {.cn = "CA", .ca = true};

    ca.extra[0] = unknown;
    EXPECT(with(unknown) == REASON_CHAIN);
    EXPECT(under(&ca) == REASON_CHAIN);
    EXPECT(!root_counts(&ca));
}

/* A leaf whose extension of this OID has this value, and stands nowhere else. */
static enum reason with_only(const char *oid, const char *hex)
{
    struct pki_spec spec = client;

    if (!strcmp(oid, "2.5.29.17"))
        spec.sans = NULL;
    if (!strcmp(oid, "2.5.29.37"))
        spec.purpose = NULL;
    if (!strcmp(oid, "2.5.29.15"))
        spec.usage = "";
    spec.extra[0] = (struct pki_ext){oid, false, hex};
    return made(&spec);
}

TEST("a known extension with bytes behind its value, a malformed or an empty one is refused")
{
    static const struct {
        const char *oid, *hex;
    } bad[] = {
        {"2.5.29.17", "6578616d706c652e636f6d"},       /* names as plain text */
        {"2.5.29.17", "30088206612e746573740500"},     /* and a NULL behind them */
        {"2.5.29.37", "300a06082b060105050703020500"}, /* purposes likewise */
        {"2.5.29.15", "030207800500"},                 /* key usage */
        {"2.5.29.19", "30000500"},                     /* basic constraints */
        {"2.5.29.31", "3000ff"},
        {"2.5.29.31", "05"}, /* CRL distribution points */
        {"2.5.29.32", "6d616c"},
        {"2.5.29.32", "3000"}, /* certificate policies */
        {"2.5.29.33", "3000"},
        {"2.5.29.33", "30020500"}, /* policy mappings */
        {"2.5.29.18", "6d616c"},
        {"2.5.29.46", "0500"}, /* issuer's names, freshest CRL */
        {"1.3.6.1.5.5.7.1.1", ""},
        {"1.3.6.1.5.5.7.1.1", "3000"},
        {"1.3.6.1.5.5.7.1.1", "6d616c666f726d6564"}, /* authority information access */
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(with_only(bad[i].oid, bad[i].hex) == REASON_CHAIN);
    EXPECT(with_only("2.5.29.17", "30088206612e74657374") == REASON_NONE);
    EXPECT(with_only("2.5.29.15", "03020780") == REASON_NONE);
    EXPECT(with_only("2.5.29.15", "030100") == REASON_CHAIN); /* no usage at all */
}

TEST("a key that only signs is for nothing else")
{
    static const enum pki_key keys[] = {KEY_ED25519, KEY_ML_DSA_65};
    static const char *const wrong[] = {"keyEncipherment", "dataEncipherment", "keyAgreement"};

    for (size_t i = 0; i < 2; i++)
        for (size_t k = 0; k < 3 && pki_has(keys[i]); k++) {
            struct pki_spec spec = client;
            char usage[64];

            snprintf(usage, sizeof usage, "digitalSignature,%s", wrong[k]);
            spec.key = keys[i];
            spec.usage = usage;
            EXPECT(made(&spec) == REASON_KEY_TYPE);
            spec.usage = "digitalSignature,nonRepudiation";
            EXPECT(made(&spec) == REASON_NONE);
        }
    EXPECT(made(&(struct pki_spec){.cn = "peer",
                                   .purpose = "clientAuth",
                                   .key = KEY_P256,
                                   .usage = "digitalSignature,keyAgreement"}) == REASON_NONE);
}

TEST("information access is no matter unless it is critical")
{
    struct pki_ext aia = {"1.3.6.1.5.5.7.1.1", false,
                          "301a301806082b06010505073002820c6e6f2e652e782e612e6d2e70"};
    EXPECT(with(aia) == REASON_NONE);
    aia.critical = true;
    EXPECT(with(aia) == REASON_CHAIN);
}

TEST("a CA that demands policies is refused, critical or not: nobody here processes them")
{
    struct pki_spec ca = {.cn = "CA", .ca = true, .extra = {{"2.5.29.36", false, "3003800103"}}};

    EXPECT(under(&ca) == REASON_CHAIN);
    ca.extra[0].critical = true;
    EXPECT(under(&ca) == REASON_CHAIN);
    ca.extra[0] = (struct pki_ext){"2.5.29.54", false, "020100"};
    EXPECT(under(&ca) == REASON_CHAIN);
    ca.extra[0] = (struct pki_ext){"2.5.29.32", false, "3006300406022a03"};
    EXPECT(under(&ca) == REASON_NONE);
}

TEST("a key that can not be read is refused in an intermediate and a leaf")
{
    EXPECT(edited(FIELD_KEY, "3012300d06092a864886f70d0101010500030100") == REASON_KEY_TYPE);
    EXPECT(edited(FIELD_KEY, "3013300d06092a864886f70d010101050003020000") == REASON_KEY_TYPE);
}

TEST("purposes besides the one that counts do no harm, a precertificate's alone does not count")
{
    struct pki_spec s = client;

    s.purpose = "clientAuth,anyExtendedKeyUsage";
    EXPECT(made(&s) == REASON_NONE);
    s.purpose = "clientAuth,codeSigning,emailProtection,timeStamping,OCSPSigning";
    EXPECT(made(&s) == REASON_NONE);
    s.purpose = "critical,clientAuth";
    EXPECT(made(&s) == REASON_NONE);
    s.purpose = "1.3.6.1.4.1.11129.2.4.4";
    EXPECT(made(&s) == REASON_EKU);
    s = client;
    s.extra[0] = (struct pki_ext){"1.3.6.1.4.1.11129.2.4.3", true, "0500"}; /* a poisoned one */
    EXPECT(made(&s) == REASON_CHAIN);
}

int main(void)
{
    return test_run();
}
