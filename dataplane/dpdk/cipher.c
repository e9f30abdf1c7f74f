#include "dataplane/dpdk/cipher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "dataplane/dpdk/cryptodev.h"
#include "dataplane/record/record.h"

#define ANSWER_MS 500 /* a card takes less than one for a full queue */
#define LOOKS     256 /* at the queue, between two at the clock */

struct cipher_key { /* a seal's state: the device's key each way, once it is needed */
    void *session[2];
    size_t n_aad; /* that it is for, the same in all of a direction's records */
};

static struct cryptodevs all;
static struct seal_ops library[POLICY_CRYPTO_MAX]; /* one of each device */
static _Thread_local unsigned self;                /* which worker's thread this is */

void cipher_begin(unsigned worker)
{
    self = worker;
}

static struct cryptodev *dev_of(const struct seal *s)
{
    return &all.dev[s->ops - library];
}

static struct crypto_lane *lane_of(const struct seal *s)
{
    return &dev_of(s)->lane[self];
}

/* ---- keys ---- */

static int key_init(struct seal *s)
{
    s->state = lane_of(s)->lost ? NULL : calloc(1, sizeof(struct cipher_key));
    if (s->state)
        return 0;
    s->ops = seal_best(s->keys.suite->aead);
    return s->ops->init(s);
}

/* The device's key for a record. NULL: this one is not for the device. */
static void *key_for(struct seal *s, enum rte_crypto_aead_operation way, size_t n_aad, size_t len)
{
    struct cipher_key *k = s->state;

    if (!len || lane_of(s)->lost || (k->n_aad && k->n_aad != n_aad))
        return NULL;
    k->n_aad = n_aad;
    if (!k->session[way]) /* no room: asked again with the next record */
        k->session[way] = cryptodev_session(dev_of(s), &s->keys, n_aad, way);
    return k->session[way];
}

static void key_free(struct seal *s)
{
    struct cipher_key *k = s->state;

    for (unsigned way = 0; way < 2; way++)
        if (k->session[way])
            rte_cryptodev_sym_session_free(dev_of(s)->id, k->session[way]);
    free(k);
}

/* ---- without the device ---- */

/* On this processor, with a key for this record. */
static int aside(const struct seal *s, enum rte_crypto_aead_operation way,
                 const struct crypto_call *c)
{
    struct seal one = {.keys = s->keys, .ops = seal_best(s->keys.suite->aead)};
    int rc = one.ops->init(&one);

    if (!rc)
        rc = (way == RTE_CRYPTO_AEAD_OP_ENCRYPT ? one.ops->encrypt : one.ops->decrypt)(
            &one, c->nonce, c->aad, c->n_aad, c->in, c->out, c->len);
    seal_fini(&one);
    return rc;
}

/* ---- devices that compute within the call ---- */

static int direct_encrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    const struct crypto_call c = {nonce, aad, n_aad, in, out, len};
    void *session = key_for(s, RTE_CRYPTO_AEAD_OP_ENCRYPT, n_aad, len);

    if (!session)
        return aside(s, RTE_CRYPTO_AEAD_OP_ENCRYPT, &c);
    if (in != out)
        memcpy(out, in, len);
    return cryptodev_compute(dev_of(s), session, &c) ? -EIO : 0;
}

static int direct_decrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                          const uint8_t *in, uint8_t *out, size_t len)
{
    const struct crypto_call c = {nonce, aad, n_aad, in, out, len};
    void *session = in == out ? key_for(s, RTE_CRYPTO_AEAD_OP_DECRYPT, n_aad, len) : NULL;
    int rc;

    if (!session)
        return aside(s, RTE_CRYPTO_AEAD_OP_DECRYPT, &c);
    rc = cryptodev_compute(dev_of(s), session, &c);
    if (rc)
        secret_wipe(out, len);
    return rc == EBADMSG ? -EBADMSG : rc ? -EIO : 0;
}

/* ---- devices with queues ---- */

static void lose(const struct cryptodev *dev, struct crypto_lane *lane)
{
    if (!lane->lost)
        log_event(LOG_ERROR, "crypto_lost",
                  "device=\"%s\" queue=%u fix=\"records are computed without it; restart penstockd "
                  "when the device is well\"",
                  dev->name, lane->queue);
    lane->lost = true;
}

static void take_answers(const struct cryptodev *dev, struct crypto_lane *lane)
{
    struct rte_crypto_op *op[2 * SEAL_AHEAD];
    uint16_t n = rte_cryptodev_dequeue_burst(dev->id, lane->queue, op, 2 * SEAL_AHEAD);

    for (uint16_t i = 0; i < n; i++)
        cryptodev_job(op[i])->flying = false;
}

/* Called in a loop that waits for the device. False: it has been lost. */
static bool patience(const struct cryptodev *dev, struct crypto_lane *lane, unsigned *looks,
                     uint64_t *end_ms)
{
    take_answers(dev, lane);
    if (++*looks % LOOKS == 0) {
        uint64_t now_ms = clock_mono_ms();

        if (!*end_ms)
            *end_ms = now_ms + ANSWER_MS;
        else if (now_ms > *end_ms)
            lose(dev, lane);
    }
    return !lane->lost;
}

/* Until the device has let go of the job. False: it never will. */
static bool await(const struct cryptodev *dev, struct crypto_lane *lane,
                  const struct crypto_job *job)
{
    uint64_t end_ms = 0;
    unsigned looks = 0;

    while (job->flying && patience(dev, lane, &looks, &end_ms))
        ;
    return !job->flying;
}

/* Jobs that nobody asks for any more: their packets must be ours again. */
static void drop(const struct cryptodev *dev, struct crypto_lane *lane, struct crypto_side *side)
{
    for (; side->next < side->n; side->next++)
        (void)await(dev, lane, &side->job[side->next]);
    side->n = side->next = 0;
    side->of = NULL;
}

static void key_fini(struct seal *s)
{
    struct cryptodev *dev = dev_of(s);
    struct crypto_lane *lane = lane_of(s);

    if (lane->opening.of == s)
        drop(dev, lane, &lane->opening);
    if (lane->sealing.of == s)
        drop(dev, lane, &lane->sealing);
    key_free(s);
}

/* Lay out a job: its content, and when it is opened the tag behind it. */
static void prepare(struct crypto_job *job, void *session, const struct seal_job *r, size_t n)
{
    uint8_t *p = rte_pktmbuf_mtod(job->m, uint8_t *);
    rte_iova_t at = rte_pktmbuf_iova(job->m);
    struct rte_crypto_sym_op *sym = job->op->sym;

    memcpy(p, r->aad, r->n_aad);
    memcpy(p + CRYPTO_AAD, r->in, n);
    job->m->data_len = (uint16_t)(CRYPTO_AAD + r->len + SUITE_TAG);
    job->m->pkt_len = job->m->data_len;
    job->in = r->in;
    job->len = r->len;
    job->n_aad = r->n_aad;
    memcpy(job->nonce, r->nonce, sizeof job->nonce);
    memcpy(cryptodev_nonce(job->op), r->nonce, sizeof job->nonce);
    __rte_crypto_op_reset(job->op, RTE_CRYPTO_OP_TYPE_SYMMETRIC);
    rte_crypto_op_attach_sym_session(job->op, session);
    sym->m_src = job->m;
    sym->aead.data.offset = CRYPTO_AAD;
    sym->aead.data.length = (uint32_t)r->len;
    sym->aead.aad.data = p;
    sym->aead.aad.phys_addr = at;
    sym->aead.digest.data = p + CRYPTO_AAD + r->len;
    sym->aead.digest.phys_addr = at + CRYPTO_AAD + r->len;
}

/* To the device, all of a side's in one batch. */
static void submit(const struct cryptodev *dev, struct crypto_lane *lane, struct crypto_side *side)
{
    struct rte_crypto_op *op[SEAL_AHEAD];
    uint64_t end_ms = 0;
    unsigned looks = 0, sent = 0;

    for (unsigned i = 0; i < side->n; i++) {
        op[i] = side->job[i].op;
        side->job[i].flying = true;
    }
    do
        sent += rte_cryptodev_enqueue_burst(dev->id, lane->queue, op + sent,
                                            (uint16_t)(side->n - sent));
    while (sent < side->n && patience(dev, lane, &looks, &end_ms));
}

static bool answered(const struct cryptodev *dev, struct crypto_lane *lane,
                     const struct crypto_job *job, enum rte_crypto_op_status status)
{
    return await(dev, lane, job) && job->op->status == status;
}

/* The job's sealed content goes to where it lay. 0 or -errno. */
static int take_sealed(struct seal *s, struct crypto_job *job)
{
    const uint8_t *p = rte_pktmbuf_mtod(job->m, const uint8_t *);
    const struct crypto_call c = {job->nonce, p, job->n_aad, job->out, job->out, job->len};
    int rc;

    if (answered(dev_of(s), lane_of(s), job, RTE_CRYPTO_OP_STATUS_SUCCESS)) {
        memcpy(job->out, p + CRYPTO_AAD, job->len + SUITE_TAG);
        return 0;
    }
    lose(dev_of(s), lane_of(s)); /* nothing can be wrong with what we seal */
    rc = aside(s, RTE_CRYPTO_AEAD_OP_ENCRYPT, &c);
    if (rc)
        secret_wipe(job->out, job->len);
    return rc;
}

static int queue_finish(struct seal *s)
{
    struct crypto_side *side = &lane_of(s)->sealing;
    int rc = 0;

    if (!side->n)
        return 0;
    submit(dev_of(s), lane_of(s), side);
    for (; side->next < side->n; side->next++) {
        int one = take_sealed(s, &side->job[side->next]);

        rc = rc ? rc : one;
    }
    side->n = side->next = 0;
    side->of = NULL;
    return rc;
}

static int queue_encrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                         const uint8_t *in, uint8_t *out, size_t len)
{
    const struct crypto_call c = {nonce, aad, n_aad, in, out, len};
    struct crypto_side *side = &lane_of(s)->sealing;
    struct seal_job r = {.n_aad = (uint8_t)n_aad, .in = in, .len = len};
    int rc = side->n == SEAL_AHEAD ? queue_finish(s) : 0;
    void *session = rc ? NULL : key_for(s, RTE_CRYPTO_AEAD_OP_ENCRYPT, n_aad, len);

    if (!session)
        return rc ? rc : aside(s, RTE_CRYPTO_AEAD_OP_ENCRYPT, &c);
    check(!side->of || side->of == s); /* whoever begins finishes */
    if (in != out)
        memcpy(out, in, len);
    memcpy(r.nonce, nonce, sizeof r.nonce);
    memcpy(r.aad, aad, n_aad);
    side->of = s;
    side->job[side->n].out = out;
    prepare(&side->job[side->n++], session, &r, len);
    return 0;
}

static void queue_ahead(struct seal *s, const struct seal_job *job, unsigned n)
{
    struct crypto_lane *lane = lane_of(s);
    struct crypto_side *side = &lane->opening;
    void *session;

    drop(dev_of(s), lane, side);
    session = key_for(s, RTE_CRYPTO_AEAD_OP_DECRYPT, job->n_aad, job->len);
    if (!session)
        return;
    side->of = s;
    for (unsigned i = 0; i < n && job[i].len; i++)
        prepare(&side->job[side->n++], session, &job[i], job[i].len + SUITE_TAG);
    if (side->n)
        submit(dev_of(s), lane, side);
}

/* Is this the next of those that are under way? */
static bool foreseen(const struct crypto_side *side, const struct seal *s, const struct seal_job *r)
{
    const struct crypto_job *job = &side->job[side->next];

    return side->of == s && side->next < side->n && job->in == r->in && job->len == r->len &&
           !memcmp(job->nonce, r->nonce, sizeof job->nonce);
}

static int queue_decrypt(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                         const uint8_t *in, uint8_t *out, size_t len)
{
    const struct crypto_call c = {nonce, aad, n_aad, in, out, len};
    struct seal_job r = {.n_aad = (uint8_t)n_aad, .in = in, .len = len};
    struct crypto_side *side = &lane_of(s)->opening;
    const struct crypto_job *job;
    int rc;

    memcpy(r.nonce, nonce, sizeof r.nonce);
    memcpy(r.aad, aad, n_aad);
    if (!foreseen(side, s, &r))
        queue_ahead(s, &r, 1);
    if (!foreseen(side, s, &r))
        return aside(s, RTE_CRYPTO_AEAD_OP_DECRYPT, &c);
    job = &side->job[side->next++];
    if (answered(dev_of(s), lane_of(s), job, RTE_CRYPTO_OP_STATUS_SUCCESS)) {
        memcpy(out, rte_pktmbuf_mtod_offset(job->m, const uint8_t *, CRYPTO_AAD), len);
        return 0;
    }
    rc = aside(s, RTE_CRYPTO_AEAD_OP_DECRYPT, &c);
    if (!rc) /* it said no, and should not have */
        lose(dev_of(s), lane_of(s));
    return rc;
}

/* ---- the library ---- */

const struct seal_ops *cipher_library(enum aead aead)
{
    int dev = all.n ? all.chosen[self][aead] : -1;

    return dev < 0 ? seal_best(aead) : &library[dev];
}

static void make_library(unsigned i)
{
    static const struct seal_ops direct = {.init = key_init,
                                           .fini = key_free,
                                           .encrypt = direct_encrypt,
                                           .decrypt = direct_decrypt},
                                 queue = {.init = key_init,
                                          .fini = key_fini,
                                          .encrypt = queue_encrypt,
                                          .decrypt = queue_decrypt,
                                          .finish = queue_finish,
                                          .ahead = queue_ahead};

    library[i] = all.dev[i].direct ? direct : queue;
    library[i].name = all.dev[i].name;
}

/* Which of its AEADs it is used for, by the names of the first suites that have them. */
static void tell(unsigned i)
{
    char text[160] = "";
    size_t n = 0;

    for (size_t k = 0; suite_at(k); k++) {
        const struct suite *suite = suite_at(k);

        if (suite->version == TLS13 && all.chosen[0][suite->aead] == (int)i)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? "," : "", suite->name);
    }
    log_event(LOG_INFO, "crypto_open", "device=\"%s\" suites=%s queues=%u computes=%s",
              all.dev[i].name, text, all.dev[i].queues,
              all.dev[i].direct ? "at_once" : "in_queues");
}

static int test(struct err *e)
{
    for (size_t k = 0; suite_at(k); k++) {
        int dev = all.chosen[0][suite_at(k)->aead], rc;
        char where[32];

        if (dev < 0)
            continue;
        rc = record_test(suite_at(k), &library[dev]);
        snprintf(where, sizeof where, "/dpdk/crypto/%d", dev);
        if (rc)
            return err_set(e, rc, where, "take it out: it must not see traffic",
                           "%s computes %s wrongly", all.dev[dev].name, suite_at(k)->name);
    }
    return 0;
}

int cipher_open(const struct policy_dpdk *p, struct err *e)
{
    int rc = cryptodevs_open(&all, p, e);

    for (unsigned i = 0; i < all.n && !rc; i++) {
        make_library(i);
        tell(i);
    }
    return rc ? rc : test(e);
}
