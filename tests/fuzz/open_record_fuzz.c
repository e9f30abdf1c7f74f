/*
 * open_record: does it stand any record, forged from outside or malformed by a peer with the keys?
 *
 * Input: suite | way | bytes. Ways: the bytes are a record as it comes off the wire; or what a peer
 * sealed, under a good header (TLS 1.3: content, type, padding); or content that must come back.
 */
#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/record/seal.h"

#define MOST (RECORD_PLAIN_MAX + 512)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct seal with_keys(const struct suite *suite, const struct seal_ops *ops)
{
    struct traffic_keys k = {.suite = suite, .secret = {1}, .key = {2}, .iv = {3}, .seq = 4};
    struct seal s;

    check(seal_init(&s, &k, ops) == 0);
    return s;
}

static void judge(const struct seal *rx, int rc, const struct opened *o, const uint8_t *record,
                  size_t n)
{
    if (rc) {
        check(rc == -EBADMSG || rc == -EMSGSIZE || rc == -EPROTO);
        return;
    }
    check(o->type >= CONTENT_ALERT && o->type <= CONTENT_DATA);
    check(o->n <= RECORD_PLAIN_MAX && (o->n > 0 || o->type == CONTENT_DATA));
    check(o->data == record + seal_prefix(rx) && o->n + seal_overhead(rx) <= n);
    check(rx->keys.seq == 5);
}

static void from_outside(struct seal *rx, uint8_t *record, size_t n)
{
    struct opened o = {0};
    int rc = open_record(rx, record, n, &o);

    check(rc < 0 && rx->keys.seq == 4); /* nobody guesses a tag */
    judge(rx, rc, &o, record, n);
}

/* Seal any inner text as TLS 1.3 record number 4: what seal_record() would never make. */
static void from_peer(struct seal *rx, struct seal *tx, const uint8_t *inner, size_t n,
                      uint8_t *record)
{
    uint8_t nonce[12], header[5] = {23, 3, 3, (uint8_t)((n + 16) >> 8), (uint8_t)(n + 16)};
    struct opened o = {0};

    memcpy(nonce, tx->keys.iv, sizeof nonce);
    nonce[11] ^= 4;
    check(tx->ops->init(tx) == 0);
    check(tx->ops->encrypt(tx, nonce, header, sizeof header, inner, record + 5, n) == 0);
    memcpy(record, header, sizeof header);
    judge(rx, open_record(rx, record, n + 5 + 16, &o), &o, record, n + 5 + 16);
}

static void round_trip(struct seal *rx, struct seal *tx, const uint8_t *content, size_t n,
                       uint8_t *record)
{
    struct opened o = {0};
    size_t n_record = 0;

    if (n > RECORD_PLAIN_MAX)
        n = RECORD_PLAIN_MAX;
    check(seal_record(tx, CONTENT_DATA, content, n, record, &n_record) == 0);
    check(n_record == n + seal_overhead(tx));
    check(open_record(rx, record, n_record, &o) == 0);
    judge(rx, 0, &o, record, n_record);
    check(o.type == CONTENT_DATA && o.n == n && !memcmp(o.data, content, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t record[MOST + SEAL_PREFIX_MAX + SEAL_SUFFIX_MAX];
    const struct suite *suite;
    struct seal rx, tx;

    if (n < 2 || n - 2 > MOST || !suite_at(data[0] % 9))
        return 0;
    suite = suite_at(data[0] % 9);
    rx = with_keys(suite, data[1] & 4 ? &seal_evp : NULL);
    tx = with_keys(suite, data[1] & 8 ? &seal_evp : NULL);
    if ((data[1] & 3) == 0) {
        memcpy(record, data + 2, n - 2);
        from_outside(&rx, record, n - 2);
    } else if ((data[1] & 3) == 1 && suite->version == TLS13) {
        from_peer(&rx, &tx, data + 2, n - 2, record);
    } else {
        round_trip(&rx, &tx, data + 2, n - 2, record);
    }
    seal_fini(&rx);
    seal_fini(&tx);
    return 0;
}
