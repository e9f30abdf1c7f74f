#include "dataplane/wire/crl.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/samples.h"
#include "tests/unit/test.h"

#define ROWS_AT 62 /* where the sample's rows begin */

static uint8_t mem[4096];
static size_t n_mem;

static const struct crl_source *put(const struct crl_source *s)
{
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    crl_put(&b, s);
    n_mem = buf_ok(&b) ? b.len : 0;
    return s;
}

static int view(struct buf *b)
{
    struct crl_view v;

    return crl_view_init(&v, b->data, b->len);
}

/* crl_has() for serials written as text */
static bool has(const struct crl_view *v, const char *hex)
{
    uint8_t serial[64];
    size_t n = unhex(hex, serial, sizeof serial);

    return crl_has(v, serial, n);
}

TEST("a table has its golden bytes and is refused cut or longer")
{
    struct crl_source s = sample_crl();

    put(&s);
    EXPECT(n_mem == crl_size(&s));
    EXPECT(hex_equal(mem, n_mem,
                     "505343524c310000"
                     "0000000060000000"
                     "0000000061000000"
                     "000000023000"
                     "0000000107"
                     "000000020102"
                     "000000053003300100"
                     "00000002"
                     "00000003"
                     "00000003"
                     "01" X8("00") X8("00") "000000"
                                            "05"
                                            "01" X8("00") X8("00") "000000"
                                                                   "80"
                                                                   "02" X8("00") X8("00") "0000"
                                                                                          "0100"));
    EXPECT(only_whole(view, mem, n_mem));
}

TEST("a view shows what was put in")
{
    struct crl_source s = sample_crl();
    struct crl_view v;

    put(&s);
    EXPECT(crl_view_init(&v, mem, n_mem) == 0);
    EXPECT(v.this_update == s.this_update && v.next_update == s.next_update);
    EXPECT(v.n_issuer == 2 && !memcmp(v.issuer, s.issuer, 2));
    EXPECT(v.n_key_id == 1 && v.key_id[0] == 7 && v.n_number == 2 && v.number[1] == 2);
    EXPECT(v.n_der == 5 && v.tbs == v.der + 2 && v.n_tbs == 3 && v.count == 3);
    EXPECT(v.rows == mem + ROWS_AT);
}

TEST("listed serials are found, however many zeros come first, and others are not")
{
    struct crl_source s = sample_crl();
    struct crl_view v;

    put(&s);
    EXPECT(crl_view_init(&v, mem, n_mem) == 0);
    EXPECT(has(&v, "05") && has(&v, "80") && has(&v, "0100"));
    EXPECT(has(&v, "0080") && has(&v, "0005") && has(&v, X32("00") "0100"));
    EXPECT(!has(&v, "04") && !has(&v, "06") && !has(&v, "0101") && !has(&v, "ff"));
    EXPECT(!has(&v, "") && !has(&v, "00") && !has(&v, "0500"));
    EXPECT(!has(&v, X8("01") X8("00") "00000005")); /* 20 bytes, the last one listed */
}

TEST("an empty list lists nothing, and needs no memory for rows")
{
    struct crl_source s = sample_crl();
    struct crl_view v;

    s.count = 0;
    s.rows = NULL;
    put(&s);
    EXPECT(n_mem == ROWS_AT && crl_view_init(&v, mem, n_mem) == 0 && v.count == 0);
    EXPECT(!has(&v, "05") && !has(&v, ""));
}

TEST("the zero serial and one of 20 bytes can be listed; one of 21 can not be a row")
{
    static uint8_t rows[2 * CRL_SERIAL_ROW], zeros[3], longest[21];
    struct crl_source s = sample_crl();
    struct crl_view v;

    memset(longest, 0xff, sizeof longest);
    EXPECT(crl_row(rows, zeros, sizeof zeros) == 0 && rows[0] == 0);
    EXPECT(crl_row(rows, NULL, 0) == 0 && rows[0] == 0);
    EXPECT(crl_row(rows + CRL_SERIAL_ROW, longest, 20) == 0);
    EXPECT(crl_row(mem, longest, 21) == -EINVAL);
    s.rows = rows;
    s.count = 2;
    put(&s);
    EXPECT(crl_view_init(&v, mem, n_mem) == 0);
    EXPECT(has(&v, "00") && has(&v, "") && crl_has(&v, longest, 20));
    EXPECT(!crl_has(&v, longest, 19) && !crl_has(&v, longest, 21));
}

TEST("a row is its length, then the serial at the right, zeros between")
{
    uint8_t row[CRL_SERIAL_ROW];

    memset(row, 0x5a, sizeof row);
    EXPECT(crl_row(row, (const uint8_t *)"\0\1\2", 3) == 0);
    EXPECT(hex_equal(row, sizeof row,
                     "02" X8("00") X8("00") "0000"
                                            "0102"));
}

TEST("bisection finds every one of many rows and none between them")
{
    enum { ROWS = 180 };
    static uint8_t rows[ROWS * CRL_SERIAL_ROW];
    struct crl_source s = sample_crl();
    bool right = true;
    struct crl_view v;

    for (uint32_t i = 0; i < ROWS; i++) {
        uint8_t serial[2] = {(uint8_t)((2 * i + 1) >> 8), (uint8_t)(2 * i + 1)};
        right = right && crl_row(rows + i * CRL_SERIAL_ROW, serial, 2) == 0;
    }
    s.rows = rows;
    s.count = ROWS;
    put(&s);
    EXPECT(crl_view_init(&v, mem, n_mem) == 0);
    for (uint32_t i = 0; i <= 2 * ROWS; i++) {
        uint8_t serial[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        right = right && crl_has(&v, serial, 2) == (i % 2 == 1);
    }
    EXPECT(right);
}

TEST("rows out of order, twice, or not in their one form are refused")
{
    struct crl_source s = sample_crl();

    put(&s);
    EXPECT(refuses(view, mem, n_mem, ROWS_AT + 20, 0x81));                   /* 81, 80 */
    EXPECT(refuses(view, mem, n_mem, ROWS_AT + 20, 0x80));                   /* 80, 80 */
    EXPECT(refuses(view, mem, n_mem, ROWS_AT, 21));                          /* too long */
    EXPECT(refuses(view, mem, n_mem, ROWS_AT, 0));                           /* too short */
    EXPECT(refuses(view, mem, n_mem, ROWS_AT + 1, 1));                       /* dirty padding */
    EXPECT(refuses(view, mem, n_mem, ROWS_AT + 20, 0));                      /* leading zero */
    EXPECT(refuses(view, mem, n_mem, ROWS_AT + 2 * CRL_SERIAL_ROW + 19, 0)); /* the same, of two */
}

TEST("another magic, a TBS outside the list, a count beyond the rows are refused")
{
    struct crl_source s = sample_crl();

    put(&s);
    EXPECT(refuses(view, mem, n_mem, 5, '2'));
    EXPECT(refuses(view, mem, n_mem, 7, 1));
    EXPECT(refuses(view, mem, n_mem, 53, 3));    /* offset 3 + 3 bytes of 5 */
    EXPECT(refuses(view, mem, n_mem, 50, 0xff)); /* offset + length overflow */
    EXPECT(refuses(view, mem, n_mem, 54, 0xff));
    EXPECT(refuses(view, mem, n_mem, 61, 4));
    EXPECT(refuses(view, mem, n_mem, 58, 0xff)); /* count * row overflows 32 bits */
    EXPECT(refuses(view, mem, n_mem, 24, 0x7f)); /* a blob beyond the end */
}

TEST("a view that can not be made is left as it was")
{
    struct crl_source s = sample_crl();
    struct crl_view v = {.count = 77};

    put(&s);
    EXPECT(crl_view_init(&v, mem, n_mem - 1) == -EPROTO && v.count == 77 && !v.rows);
}

int main(void)
{
    return test_run();
}
