#include "dataplane/record/seal.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/record/schedule.h"

#define HEADER      5
#define BODY_MAX_13 (RECORD_PLAIN_MAX + 256)
#define NONCE       12

static bool is13(const struct seal *s)
{
    return s->keys.suite->version == TLS13;
}

const struct seal_ops *seal_best(enum aead aead)
{
    const struct seal_ops *fast = seal_ipsecmb(aead);

    return fast ? fast : &seal_evp;
}

int seal_init(struct seal *s, struct traffic_keys *keys, const struct seal_ops *ops)
{
    int rc;

    memset(s, 0, sizeof *s);
    traffic_keys_move(&s->keys, keys);
    s->ops = ops ? ops : seal_best(s->keys.suite->aead);
    rc = schedule_keys(&s->keys);
    if (!rc)
        rc = s->ops->init(s);
    if (rc)
        seal_fini(s);
    return rc;
}

void seal_idle(struct seal *s)
{
    if (s->state)
        s->ops->fini(s);
    s->state = NULL;
}

void seal_fini(struct seal *s)
{
    seal_idle(s);
    traffic_keys_wipe(&s->keys);
    s->ops = NULL;
}

int seal_update(struct seal *s)
{
    seal_idle(s);
    return schedule_update(&s->keys);
}

static int seal_awake(struct seal *s)
{
    return s->state ? 0 : s->ops->init(s);
}

size_t seal_prefix(const struct seal *s)
{
    return HEADER + s->keys.suite->explicit_len;
}

size_t seal_overhead(const struct seal *s)
{
    return seal_prefix(s) + (is13(s) ? 1 : 0) + SUITE_TAG;
}

static void put_be64(uint8_t *out, uint64_t v)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

/*
 * RFC 8446 5.3 and RFC 7905: the 12-byte IV XOR the sequence number. RFC 5288 (TLS 1.2 GCM): 4
 * implicit bytes, then the 8 explicit ones of the record.
 */
static void make_nonce(const struct seal *s, const uint8_t *explicit_nonce, uint8_t nonce[NONCE])
{
    uint8_t seq[8];

    memcpy(nonce, s->keys.iv, s->keys.suite->iv_len);
    if (s->keys.suite->explicit_len) {
        memcpy(nonce + 4, explicit_nonce, 8);
        return;
    }
    put_be64(seq, s->keys.seq);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] ^= seq[i];
}

/* The additional data: in TLS 1.3 the record's header, in 1.2 seq | type | version | content
 * length. */
static size_t make_aad(const struct seal *s, const uint8_t *header, size_t content, uint8_t aad[13])
{
    if (is13(s)) {
        memcpy(aad, header, HEADER);
        return HEADER;
    }
    put_be64(aad, s->keys.seq);
    memcpy(aad + 8, header, 3);
    aad[11] = (uint8_t)(content >> 8);
    aad[12] = (uint8_t)content;
    return 13;
}

int seal_record(struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
                size_t *n_out)
{
    size_t prefix = seal_prefix(s), inner = n + (is13(s) ? 1 : 0), n_aad;
    size_t body = seal_overhead(s) + n - HEADER;
    uint8_t nonce[NONCE], aad[13];
    int rc;

    check(n <= RECORD_PLAIN_MAX);
    if (s->keys.seq == UINT64_MAX)
        return -EOVERFLOW;
    rc = seal_awake(s);
    if (rc)
        return rc;
    if (in != out + prefix) /* the type byte must lie behind the content: bring both together */
        memcpy(out + prefix, in, n);
    if (is13(s))
        out[prefix + n] = type;
    out[0] = is13(s) ? CONTENT_DATA : type;
    out[1] = 3;
    out[2] = 3;
    out[3] = (uint8_t)(body >> 8);
    out[4] = (uint8_t)body;
    if (s->keys.suite->explicit_len)
        put_be64(out + HEADER, s->keys.seq);
    make_nonce(s, out + HEADER, nonce);
    n_aad = make_aad(s, out, n, aad);
    rc = s->ops->encrypt(s, nonce, aad, n_aad, out + prefix, out + prefix, inner);
    if (rc)
        return rc;
    s->keys.seq++;
    *n_out = HEADER + body;
    return 0;
}

/* Header and sizes, before anything is computed. Returns the protected bytes without the tag, or
 * -errno. */
static long check_record(const struct seal *s, const uint8_t *record, size_t n)
{
    size_t prefix = seal_prefix(s), body, inner;

    if (n < HEADER)
        return -EMSGSIZE;
    body = (size_t)record[3] << 8 | record[4];
    if (body != n - HEADER)
        return -EMSGSIZE;
    if (record[1] != 3 || record[2] != 3)
        return -EPROTO;
    if (is13(s) ? record[0] != CONTENT_DATA : record[0] < CONTENT_ALERT || record[0] > CONTENT_DATA)
        return -EPROTO;
    if (n < prefix + SUITE_TAG + (is13(s) ? 1 : 0) || (is13(s) && body > BODY_MAX_13))
        return -EMSGSIZE;
    inner = n - prefix - SUITE_TAG;
    if (!is13(s) && inner > RECORD_PLAIN_MAX)
        return -EMSGSIZE;
    return (long)inner;
}

/* RFC 8446 5.4: the last non-zero byte is the type; what follows it is padding. */
static int strip_padding(struct opened *o)
{
    while (o->n > 0 && o->data[o->n - 1] == 0)
        o->n--;
    if (o->n == 0)
        return -EPROTO;
    o->type = o->data[--o->n];
    if (o->n > RECORD_PLAIN_MAX)
        return -EMSGSIZE;
    return o->type < CONTENT_ALERT || o->type > CONTENT_DATA ? -EPROTO : 0;
}

int open_record(struct seal *s, uint8_t *record, size_t n, struct opened *out)
{
    size_t prefix = seal_prefix(s), n_aad;
    long inner = check_record(s, record, n);
    uint8_t nonce[NONCE], aad[13];
    struct opened o;
    int rc;

    if (inner < 0)
        return (int)inner;
    if (s->keys.seq == UINT64_MAX)
        return -EOVERFLOW;
    rc = seal_awake(s);
    if (rc)
        return rc;
    make_nonce(s, record + HEADER, nonce);
    n_aad = make_aad(s, record, (size_t)inner, aad);
    rc = s->ops->decrypt(s, nonce, aad, n_aad, record + prefix, record + prefix, (size_t)inner);
    if (rc)
        return rc;
    s->keys.seq++;
    o = (struct opened){.type = record[0], .data = record + prefix, .n = (size_t)inner};
    rc = is13(s) ? strip_padding(&o) : 0;
    if (rc)
        return rc;
    *out = o;
    return 0;
}
