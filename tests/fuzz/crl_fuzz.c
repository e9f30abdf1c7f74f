/* A CRL table, and a look into it: the first byte is a serial's length, then the serial, then the
 * table. */
#include "dataplane/wire/crl.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

static void put_again(const struct crl_view *v, const uint8_t *data, size_t n)
{
    struct crl_source s = {.this_update = v->this_update,
                           .next_update = v->next_update,
                           .issuer = v->issuer,
                           .key_id = v->key_id,
                           .number = v->number,
                           .der = v->der,
                           .rows = v->rows,
                           .n_issuer = v->n_issuer,
                           .n_key_id = v->n_key_id,
                           .n_number = v->n_number,
                           .n_der = v->n_der,
                           .tbs_offset = (uint32_t)(v->tbs - v->der),
                           .n_tbs = (uint32_t)v->n_tbs,
                           .count = v->count};
    struct buf b;

    buf_init(&b, out, sizeof out);
    crl_put(&b, &s);
    check(buf_ok(&b) && b.len == n && crl_size(&s) == n && !memcmp(out, data, n));
}

/* The slow way to look a serial up. */
static bool walk(const struct crl_view *v, const uint8_t *serial, size_t n)
{
    for (uint32_t i = 0; i < v->count; i++) {
        const uint8_t *row = v->rows + (size_t)i * CRL_SERIAL_ROW;
        size_t zeros = 0;

        while (zeros < n && serial[zeros] == 0)
            zeros++;
        if (n - zeros == row[0] &&
            !memcmp(row + CRL_SERIAL_ROW - row[0], serial + zeros, n - zeros))
            return true;
    }
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t n_serial = n ? data[0] : 0;
    struct crl_view v;

    if (n < 1 + n_serial)
        return 0;
    if (crl_view_init(&v, data + 1 + n_serial, n - 1 - n_serial))
        return 0;
    put_again(&v, data + 1 + n_serial, n - 1 - n_serial);
    check(crl_has(&v, data + 1, n_serial) == walk(&v, data + 1, n_serial));
    for (uint32_t i = 0; i < v.count; i++)
        check(crl_has(&v, v.rows + (size_t)i * CRL_SERIAL_ROW + 1, CRL_SERIAL_MAX));
    return 0;
}
