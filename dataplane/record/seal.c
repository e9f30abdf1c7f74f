#include "dataplane/record/seal.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/record/schedule.h"

#define NONCE   12
#define AAD_MAX 13
#define SEQ     8 /* bytes of a sequence number on the wire */

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
    int rc = schedule_update(&s->keys);

    if (!rc)
        seal_idle(s); /* it was the old key's */
    return rc;
}

size_t seal_prefix(const struct seal *s)
{
    return RECORD_HEADER + s->keys.suite->explicit_len;
}

size_t seal_overhead(const struct seal *s)
{
    return seal_prefix(s) + (is13(s) ? 1 : 0) + SUITE_TAG;
}

/* What both directions ask before they touch a record. */
static int seal_ready(struct seal *s)
{
    if (s->keys.seq == UINT64_MAX)
        return -EOVERFLOW;
    return s->state ? 0 : s->ops->init(s);
}

static void put_seq(uint8_t out[SEQ], uint64_t v)
{
    for (int i = 0; i < SEQ; i++)
        out[i] = (uint8_t)(v >> (56 - 8 * i));
}

/*
 * RFC 8446 5.3 and RFC 7905 2: the 12-byte IV XOR the sequence number. RFC 5288 3 (TLS 1.2 GCM): 4
 * implicit bytes, then the 8 explicit ones of the record.
 */
static void make_nonce(const struct seal *s, uint64_t n, const uint8_t *explicit_nonce,
                       uint8_t nonce[NONCE])
{
    uint8_t seq[SEQ];

    memcpy(nonce, s->keys.iv, s->keys.suite->iv_len);
    if (s->keys.suite->explicit_len) {
        memcpy(nonce + NONCE - SEQ, explicit_nonce, SEQ);
        return;
    }
    put_seq(seq, n);
    for (int i = 0; i < SEQ; i++)
        nonce[NONCE - SEQ + i] ^= seq[i];
}

/*
 * The additional data. RFC 8446 5.2: the record's header as it is. RFC 5246 6.2.3.3: sequence
 * number, type, version, and the content's length, which differs from the header's.
 */
static size_t make_aad(const struct seal *s, uint64_t n, const uint8_t *header, size_t n_content,
                       uint8_t aad[AAD_MAX])
{
    if (is13(s)) {
        memcpy(aad, header, RECORD_HEADER);
        return RECORD_HEADER;
    }
    put_seq(aad, n);
    memcpy(aad + SEQ, header, 3);
    aad[11] = (uint8_t)(n_content >> 8);
    aad[12] = (uint8_t)n_content;
    return AAD_MAX;
}

static void put_header(uint8_t *out, uint8_t type, size_t n_body)
{
    out[0] = type;
    out[1] = RECORD_VERSION_MAJOR;
    out[2] = TLS12 & 0xff; /* TLS 1.3 too says 1.2 here */
    out[3] = (uint8_t)(n_body >> 8);
    out[4] = (uint8_t)n_body;
}

int seal_begin(struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
               size_t *n_out)
{
    uint8_t *content = out + seal_prefix(s), nonce[NONCE], aad[AAD_MAX];
    size_t n_record = seal_overhead(s) + n, n_aad, n_inner = n;
    int rc;

    check(n <= RECORD_PLAIN_MAX);
    rc = seal_ready(s);
    if (rc)
        return rc;
    if (in != content && n) /* TLS 1.3's type byte lies behind the content and is sealed with it */
        memcpy(content, in, n);
    if (is13(s))
        content[n_inner++] = type;
    put_header(out, is13(s) ? CONTENT_DATA : type, n_record - RECORD_HEADER);
    if (s->keys.suite->explicit_len)
        put_seq(out + RECORD_HEADER, s->keys.seq);
    make_nonce(s, s->keys.seq, out + RECORD_HEADER, nonce);
    n_aad = make_aad(s, s->keys.seq, out, n, aad);
    rc = s->ops->encrypt(s, nonce, aad, n_aad, content, content, n_inner);
    if (rc) {
        secret_wipe(content, n_inner);
        return rc;
    }
    s->keys.seq++;
    *n_out = n_record;
    return 0;
}

int seal_finish(struct seal *s)
{
    return s->ops->finish ? s->ops->finish(s) : 0;
}

int seal_record(struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
                size_t *n_out)
{
    int rc = seal_begin(s, type, in, n, out, n_out);

    return rc ? rc : seal_finish(s);
}

/*
 * Judge header and sizes before anything is computed. Returns the size of what the AEAD protects
 * (inner type and padding included), or -errno.
 */
static long judge_outside(const struct seal *s, const uint8_t *record, size_t n)
{
    const size_t least = is13(s) ? 1 : 0; /* TLS 1.3 always has the type byte */
    size_t n_inner;

    if (n < RECORD_HEADER || n - RECORD_HEADER != ((size_t)record[3] << 8 | record[4]))
        return -EMSGSIZE;
    if (record[1] != RECORD_VERSION_MAJOR || record[2] != (TLS12 & 0xff))
        return -EPROTO;
    if (record[0] < (is13(s) ? CONTENT_DATA : CONTENT_ALERT) || record[0] > CONTENT_DATA)
        return -EPROTO;
    if (n < seal_prefix(s) + least + SUITE_TAG)
        return -EMSGSIZE;
    n_inner = n - seal_prefix(s) - SUITE_TAG;
    /* Padding too counts towards the limit (RFC 8446 5.4), which is thus below 5.2's 2^14 + 256. */
    return n_inner > RECORD_PLAIN_MAX + least ? -EMSGSIZE : (long)n_inner;
}

/* RFC 8446 5.4: the last byte that is not zero is the type; what follows it is padding. */
static int strip_padding(struct opened *o)
{
    while (o->n > 0 && o->data[o->n - 1] == 0)
        o->n--;
    if (o->n == 0)
        return -EPROTO;
    o->type = o->data[--o->n];
    return o->type < CONTENT_ALERT || o->type > CONTENT_DATA ? -EPROTO : 0;
}

static int judge_inside(const struct seal *s, struct opened *o)
{
    int rc = is13(s) ? strip_padding(o) : 0;

    if (!rc && o->n == 0 && o->type != CONTENT_DATA)
        rc = -EPROTO;
    return rc;
}

/* What opening the record takes that is the seq-th. 0, or -errno: it is refused unopened. */
static int describe(const struct seal *s, uint64_t seq, const uint8_t *record, size_t n,
                    struct seal_job *job)
{
    long n_inner = judge_outside(s, record, n);

    if (n_inner < 0)
        return (int)n_inner;
    make_nonce(s, seq, record + RECORD_HEADER, job->nonce);
    job->n_aad = (uint8_t)make_aad(s, seq, record, (size_t)n_inner, job->aad);
    job->in = record + seal_prefix(s);
    job->len = (size_t)n_inner;
    return 0;
}

int open_record(struct seal *s, uint8_t *record, size_t n, struct opened *out)
{
    uint8_t *content = record + seal_prefix(s);
    struct seal_job job;
    struct opened o;
    int rc = describe(s, s->keys.seq, record, n, &job);

    if (!rc)
        rc = seal_ready(s);
    if (!rc)
        rc = s->ops->decrypt(s, job.nonce, job.aad, job.n_aad, content, content, job.len);
    if (rc)
        return rc;
    s->keys.seq++;
    o = (struct opened){.type = record[0], .data = content, .n = job.len};
    rc = judge_inside(s, &o);
    if (rc)
        return rc;
    *out = o;
    return 0;
}

void open_ahead(struct seal *s, const uint8_t *p, size_t n)
{
    struct seal_job job[SEAL_AHEAD];
    unsigned jobs = 0;

    if (!s->ops->ahead || seal_ready(s))
        return;
    if (!s->ops->ahead) /* it had no room, and left us to another library */
        return;
    while (jobs < SEAL_AHEAD && n >= RECORD_HEADER) {
        size_t size = RECORD_HEADER + ((size_t)p[3] << 8 | p[4]);

        /* The last number is never used, and what is refused ends the session. */
        if (size > n || s->keys.seq + jobs == UINT64_MAX ||
            describe(s, s->keys.seq + jobs, p, size, &job[jobs]))
            break;
        jobs++;
        p += size;
        n -= size;
    }
    if (jobs > 1)
        s->ops->ahead(s, job, jobs);
}
