#include "dataplane/wire/vault.h"
#include "dataplane/wire/chan.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

DECODER(vault_get_make, struct vault_make);
DECODER(vault_get_import, struct vault_import);
DECODER(vault_get_wrap, struct vault_wrap);
DECODER(vault_get_csr, struct vault_csr);
DECODER(vault_get_issue, struct vault_issue);
DECODER(vault_get_prove, struct vault_prove);
DECODER(vault_get_backup, struct vault_backup);
DECODER(vault_get_rewrap, struct vault_rewrap);
DECODER(vault_get_answer, struct vault_answer);

static uint8_t mem[CHAN_BODY_MAX];
static uint8_t big[VAULT_DERS_BYTES + 1];

static struct buf writer(void)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    return b;
}

static struct buf reader(size_t n)
{
    struct buf b;

    buf_init_read(&b, mem, n);
    return b;
}

static bool same(struct vault_bytes v, const char *text)
{
    return v.n == strlen(text) && !memcmp(v.p, text, v.n);
}

/* Written, then read: 0, or -EPROTO from either side, which must agree. */
#define AGREE(put, decode_get, m)                                                                  \
    __extension__({                                                                                \
        struct buf b_ = writer();                                                                  \
        put(&b_, m);                                                                               \
        buf_ok(&b_) ? decode(decode_get, mem, b_.len) : -EPROTO;                                   \
    })

TEST("MAKE, IMPORT and WRAP have their golden bytes and are refused cut or longer")
{
    struct vault_make make = sample_make();
    struct vault_import import = sample_import();
    struct vault_wrap wrap = sample_wrap();
    struct buf b = writer();

    vault_put_make(&b, &make);
    EXPECT(hex_equal(mem, b.len, "0000000705"));
    EXPECT(only_whole(decode_vault_get_make, mem, b.len));
    EXPECT(refuses(decode_vault_get_make, mem, b.len, 4, VAULT_KINDS));
    b = writer();
    vault_put_import(&b, &import);
    EXPECT(hex_equal(mem, b.len, "0000000700000005686f727365"));
    EXPECT(only_whole(decode_vault_get_import, mem, b.len));
    b = writer();
    vault_put_wrap(&b, &wrap);
    EXPECT(hex_equal(mem, b.len, "0000000700000009"));
    EXPECT(only_whole(decode_vault_get_wrap, mem, b.len));
}

TEST("CSR has its golden bytes, comes back, and is refused cut or longer")
{
    struct vault_csr m = sample_csr(), got;
    struct buf b = writer(), r;

    vault_put_csr(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "0000000550534b4559"
                     "02"
                     "00000000024445"
                     "05000000026777"
                     "01"
                     "000000000767772e74657374"));
    EXPECT(only_whole(decode_vault_get_csr, mem, b.len));
    r = reader(b.len);
    EXPECT(vault_get_csr(&r, &got) == 0 && got.request == 7 && same(got.key, "PSKEY"));
    EXPECT(got.names.n_subject == 2 && got.names.n_sans == 1);
    EXPECT(got.names.subject[1].type == VAULT_CN && same(got.names.subject[1].value, "gw"));
    EXPECT(got.names.sans[0].type == VAULT_DNS && same(got.names.sans[0].value, "gw.test"));
    EXPECT(refuses(decode_vault_get_csr, mem, b.len, 14, VAULT_ATTRIBUTES));
    EXPECT(refuses(decode_vault_get_csr, mem, b.len, 29, VAULT_SAN_KINDS));
}

TEST("names keep their bounds on both sides: rows, bytes of one, bytes together, none empty")
{
    struct vault_csr m = {.request = 7};

    m.names.n_subject = VAULT_SUBJECT_MAX;
    for (int i = 0; i < VAULT_SUBJECT_MAX; i++)
        m.names.subject[i] = (struct vault_pair){VAULT_OU, {big, VAULT_SUBJECT_VALUE}};
    m.names.n_sans = VAULT_SANS_BYTES / VAULT_SAN_VALUE;
    for (int i = 0; i < m.names.n_sans; i++)
        m.names.sans[i] = (struct vault_pair){VAULT_URI, {big, VAULT_SAN_VALUE}};
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == 0);
    m.names.sans[m.names.n_sans++] = (struct vault_pair){VAULT_URI, {big, 1}};
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == -EPROTO);
    m.names.n_sans = 1;
    m.names.sans[0].value.n = VAULT_SAN_VALUE + 1;
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == -EPROTO);
    m.names.sans[0].value.n = 0;
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == -EPROTO);
    m.names.n_sans = VAULT_SANS_MAX;
    for (int i = 0; i < VAULT_SANS_MAX; i++)
        m.names.sans[i] = (struct vault_pair){VAULT_DNS, {big, 1}};
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == 0);
    m.names.n_sans++;
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == -EPROTO);
    m.names.n_sans = 0;
    m.names.subject[0].value.n++;
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == -EPROTO);
    m.names.subject[0].value.n = 1;
    m.names.subject[0].type = VAULT_ATTRIBUTES;
    EXPECT(AGREE(vault_put_csr, decode_vault_get_csr, &m) == -EPROTO);
}

TEST("ISSUE has its golden bytes, comes back, and is refused cut or longer")
{
    struct vault_issue m = sample_issue(), got;
    struct buf b = writer(), r;

    vault_put_issue(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "0000000550534b4559"
                     "000000023001"
                     "01"
                     "000000023002"
                     "02"
                     "00000000024445"
                     "05000000026777"
                     "01"
                     "000000000767772e74657374"
                     "02"
                     "0000000064000000"
                     "0000000065000000"
                     "000000020102"));
    EXPECT(only_whole(decode_vault_get_issue, mem, b.len));
    EXPECT(refuses(decode_vault_get_issue, mem, b.len, 19, VAULT_FORMS));
    EXPECT(refuses(decode_vault_get_issue, mem, b.len, 19, VAULT_FORM_SELF));
    EXPECT(refuses(decode_vault_get_issue, mem, b.len, 54, VAULT_ROLES));
    r = reader(b.len);
    EXPECT(vault_get_issue(&r, &got) == 0 && got.role == VAULT_CLIENT);
    EXPECT(got.not_before == 0x64000000 && got.not_after == 0x65000000 && got.serial.n == 2);
}

TEST("a root has no issuer and no other key, every other certificate has both, all have a serial")
{
    struct vault_issue m = sample_issue();

    m.ca_certificate.n = 0;
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == -EPROTO);
    m.form = VAULT_FORM_SELF;
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == -EPROTO);
    m.subject_key.n = 0;
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == 0);
    m.serial.n = 0;
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == -EPROTO);
    m.serial = (struct vault_bytes){big, VAULT_SERIAL_MAX};
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == 0);
    m.serial.n++;
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == -EPROTO);
}

TEST("the largest ISSUE fits in one message")
{
    struct vault_issue m = sample_issue();

    m.ca_key = (struct vault_bytes){big, VAULT_KEY_MAX};
    m.ca_certificate = m.subject_key = (struct vault_bytes){big, VAULT_DER_MAX};
    m.names.n_subject = VAULT_SUBJECT_MAX;
    for (int i = 0; i < VAULT_SUBJECT_MAX; i++)
        m.names.subject[i] = (struct vault_pair){VAULT_OU, {big, VAULT_SUBJECT_VALUE}};
    m.names.n_sans = VAULT_SANS_MAX;
    for (int i = 0; i < VAULT_SANS_MAX; i++)
        m.names.sans[i] = (struct vault_pair){VAULT_URI, {big, VAULT_SANS_BYTES / VAULT_SANS_MAX}};
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == 0);
    m.ca_certificate.n++;
    EXPECT(AGREE(vault_put_issue, decode_vault_get_issue, &m) == -EPROTO);
}

TEST("PROVE has its golden bytes and is refused cut or longer")
{
    struct vault_prove m = sample_prove();
    struct buf b = writer();

    vault_put_prove(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "0000000550534b4559"
                     "000000023001"));
    EXPECT(only_whole(decode_vault_get_prove, mem, b.len));
}

TEST("BACKUP and REWRAP have their golden bytes, and are refused cut or longer")
{
    struct vault_backup m = sample_backup();
    struct vault_rewrap r = sample_rewrap();
    struct buf b = writer();

    vault_put_backup(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "50454e535442414b"
                     "010f0803"
                     "0102000000000000000000000000000000000000000000000000000000000000"
                     "00000005686f727365"));
    EXPECT(only_whole(decode_vault_get_backup, mem, b.len));
    b = writer();
    vault_put_rewrap(&b, &r);
    EXPECT(hex_equal(mem, b.len, "00000007010000000550534b454b0000000550534b4559"));
    EXPECT(only_whole(decode_vault_get_rewrap, mem, b.len));
    EXPECT(refuses(decode_vault_get_rewrap, mem, b.len, 4, 2)); /* neither in nor out */
}

TEST("a backup's cost has bounds, and another version or file is told from it")
{
    static const struct {
        uint8_t at, value;
        int rc;
    } rows[] = {{0, 'p', -EBADMSG},
                {8, 2, -EPROTONOSUPPORT},
                {8, 0, -EPROTONOSUPPORT},
                {9, 13, -E2BIG},
                {9, 18, -E2BIG},
                {9, 64, -E2BIG},
                {10, 7, -E2BIG},
                {10, 255, -E2BIG},
                {11, 0, -E2BIG},
                {11, BACKUP_P_MAX + 1, -E2BIG},
                {9, 17, 0},
                {9, 14, 0},
                {11, 1, 0}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vault_backup m = sample_backup();
        struct backup_head h;
        struct buf b = writer(), r;

        backup_put_head(&b, &m.head);
        mem[rows[i].at] = rows[i].value;
        r = reader(b.len);
        EXPECT(backup_get_head(&r, &h) == rows[i].rc);
    }
}

TEST("a backup's keys come together, alone, and of their size")
{
    struct vault_answer m = sample_backup_keys();

    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == 0);
    m.stream.n--;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m.stream.n = 0;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m = sample_backup_keys();
    m.sealed.n = 0;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m = sample_answer();
    m.stream = sample_backup_keys().stream;
    m.sealed = sample_backup_keys().sealed;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
}

TEST("ANSWER has its golden bytes, comes back, and is refused cut or longer")
{
    struct vault_answer m = sample_answer(), got;
    struct buf b = writer(), r;

    vault_put_answer(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "00000007"
                     "00000000"
                     "000000000000"
                     "0000000550534b4559"
                     "000000023003"
                     "02"
                     "000000023001"
                     "000000023002"
                     "0000000000000000"));
    EXPECT(only_whole(decode_vault_get_answer, mem, b.len));
    r = reader(b.len);
    EXPECT(vault_get_answer(&r, &got) == 0 && got.request == 7 && got.n_ders == 2);
    EXPECT(same(got.key, "PSKEY") && same(got.spki, "\x30\x03") && same(got.ders[1], "\x30\x02"));
    m = sample_vault_error();
    b = writer();
    vault_put_answer(&b, &m);
    EXPECT(hex_equal(mem, b.len,
                     "000000070000000d0000000577726f6e6700000000000000000000000000000000000000"));
    EXPECT(only_whole(decode_vault_get_answer, mem, b.len));
    EXPECT(refuses(decode_vault_get_answer, mem, b.len, 4, 0x80)); /* negative */
    EXPECT(refuses(decode_vault_get_answer, mem, b.len, 7, 0));    /* a text and no error */
}

TEST("an answer is an error with a text, or a result: a key has its public half, never alone")
{
    struct vault_answer m = sample_answer();

    m.error = EIO;
    snprintf(m.why.what, sizeof m.why.what, "both");
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m = sample_vault_error();
    m.why.what[0] = '\0';
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m = sample_answer();
    m.spki.n = 0;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m.key.n = 0;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == 0);
    m.ders[0].n = 0;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
}

TEST("the largest answer fits in one message, and its parts have bounds on both sides")
{
    struct vault_answer m = {.request = 7, .n_ders = VAULT_DERS_BYTES / VAULT_DER_MAX};

    m.key = (struct vault_bytes){big, VAULT_KEY_MAX};
    m.spki = (struct vault_bytes){big, VAULT_SPKI_MAX};
    for (int i = 0; i < m.n_ders; i++)
        m.ders[i] = (struct vault_bytes){big, VAULT_DER_MAX};
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == 0);
    m.ders[m.n_ders++] = (struct vault_bytes){big, 1};
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m.n_ders = 1;
    m.ders[0].n++;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m.n_ders = 0;
    m.spki.n++;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
    m.spki.n--;
    m.key.n++;
    EXPECT(AGREE(vault_put_answer, decode_vault_get_answer, &m) == -EPROTO);
}

TEST("IMPORT takes a passphrase of VAULT_PASSPHRASE_MAX bytes, or none, and not one more")
{
    struct vault_import m = {7, {big, VAULT_PASSPHRASE_MAX}};

    EXPECT(AGREE(vault_put_import, decode_vault_get_import, &m) == 0);
    m.passphrase.n++;
    EXPECT(AGREE(vault_put_import, decode_vault_get_import, &m) == -EPROTO);
    m.passphrase.n = 0;
    EXPECT(AGREE(vault_put_import, decode_vault_get_import, &m) == 0);
}

TEST("every kind, attribute, name and role has a word, found again by it")
{
    for (int i = 0; i < VAULT_KINDS; i++)
        EXPECT(vault_find(vault_kinds, VAULT_KINDS, vault_kinds[i]) == i);
    for (int i = 0; i < VAULT_ATTRIBUTES; i++)
        EXPECT(vault_find(vault_attributes, VAULT_ATTRIBUTES, vault_attributes[i]) == i);
    for (int i = 0; i < VAULT_SAN_KINDS; i++)
        EXPECT(vault_find(vault_sans, VAULT_SAN_KINDS, vault_sans[i]) == i);
    for (int i = 0; i < VAULT_ROLES; i++)
        EXPECT(vault_find(vault_roles, VAULT_ROLES, vault_roles[i]) == i);
    EXPECT(vault_find(vault_kinds, VAULT_KINDS, "rsa-1024") == -ENOENT);
    EXPECT(vault_find(vault_kinds, VAULT_KINDS, "") == -ENOENT);
}

int main(void)
{
    return test_run();
}
