#include "dataplane/wire/crl.h"

#include <errno.h>
#include <string.h>

static const uint8_t magic[8] = "PSCRL1\0";

size_t crl_size(const struct crl_source *s)
{
    return sizeof magic + 16 + 4 * 4 + s->n_issuer + s->n_key_id + s->n_number + s->n_der + 8 + 4 +
           (size_t)s->count * CRL_SERIAL_ROW;
}

void crl_put(struct buf *b, const struct crl_source *s)
{
    buf_put_bytes(b, magic, sizeof magic);
    buf_put_u64(b, (uint64_t)s->this_update);
    buf_put_u64(b, (uint64_t)s->next_update);
    buf_put_blob(b, s->issuer, s->n_issuer);
    buf_put_blob(b, s->key_id, s->n_key_id);
    buf_put_blob(b, s->number, s->n_number);
    buf_put_blob(b, s->der, s->n_der);
    buf_put_u32(b, s->tbs_offset);
    buf_put_u32(b, s->n_tbs);
    buf_put_u32(b, s->count);
    buf_put_bytes(b, s->rows, (size_t)s->count * CRL_SERIAL_ROW);
}

/* Rows strictly ascending, each the one right form of its serial. */
static bool rows_good(const uint8_t *rows, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *r = rows + (size_t)i * CRL_SERIAL_ROW;
        uint8_t same[CRL_SERIAL_ROW];

        if (r[0] > CRL_SERIAL_MAX || crl_row(same, r + 1, CRL_SERIAL_MAX) ||
            memcmp(same, r, CRL_SERIAL_ROW))
            return false;
        if (i && memcmp(r - CRL_SERIAL_ROW, r, CRL_SERIAL_ROW) >= 0)
            return false;
    }
    return true;
}

int crl_view_init(struct crl_view *v, const void *data, size_t n)
{
    struct crl_view found = {0};
    uint32_t tbs_offset;
    const uint8_t *m;
    struct buf b;

    buf_init_read(&b, data, n);
    m = buf_get_bytes(&b, sizeof magic);
    if (!m || memcmp(m, magic, sizeof magic))
        return -EPROTO;
    found.this_update = (int64_t)buf_get_u64(&b);
    found.next_update = (int64_t)buf_get_u64(&b);
    found.issuer = buf_get_blob(&b, CRL_MAX, &found.n_issuer);
    found.key_id = buf_get_blob(&b, CRL_MAX, &found.n_key_id);
    found.number = buf_get_blob(&b, CRL_MAX, &found.n_number);
    found.der = buf_get_blob(&b, CRL_MAX, &found.n_der);
    tbs_offset = buf_get_u32(&b);
    found.n_tbs = buf_get_u32(&b);
    found.count = buf_get_u32(&b);
    if (!buf_ok(&b) || tbs_offset > found.n_der || found.n_tbs > found.n_der - tbs_offset)
        return -EPROTO;
    found.tbs = found.der + tbs_offset;
    found.rows = buf_get_bytes(&b, (size_t)found.count * CRL_SERIAL_ROW);
    if (!buf_done(&b) || !rows_good(found.rows, found.count))
        return -EPROTO;
    *v = found;
    return 0;
}

int crl_row(uint8_t row[CRL_SERIAL_ROW], const uint8_t *serial, size_t n)
{
    while (n > 0 && *serial == 0) {
        serial++;
        n--;
    }
    if (n > CRL_SERIAL_MAX)
        return -EINVAL;
    memset(row, 0, CRL_SERIAL_ROW);
    row[0] = (uint8_t)n;
    if (n)
        memcpy(row + CRL_SERIAL_ROW - n, serial, n);
    return 0;
}

bool crl_has(const struct crl_view *v, const uint8_t *serial, size_t n)
{
    uint8_t row[CRL_SERIAL_ROW];
    uint32_t low = 0, high = v->count;

    if (crl_row(row, serial, n))
        return false;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        int c = memcmp(row, v->rows + (size_t)mid * CRL_SERIAL_ROW, CRL_SERIAL_ROW);

        if (c == 0)
            return true;
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return false;
}
