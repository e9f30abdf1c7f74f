#define ALLOW_EXPERIMENTAL_API  /* pools of sessions and calls that compute at once, in DPDK 22.11 \
                                 */
#include "dataplane/dpdk/cryptodev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_lcore.h>

#define DESCRIPTORS   128
#define SESSIONS_PART 8 /* of the memory */
#define BUFFER_ROOM   (RTE_PKTMBUF_HEADROOM + CRYPTO_AAD + RECORD_PLAIN_MAX + SEAL_SUFFIX_MAX)

_Static_assert(DESCRIPTORS > 2 * SEAL_AHEAD, "both sides' jobs fit into a queue");

struct op_words { /* behind DPDK's own in each operation */
    uint8_t nonce[16];
    struct crypto_job *job;
};

static struct op_words *words(struct rte_crypto_op *op)
{
    return rte_crypto_op_ctod_offset(op, struct op_words *, CRYPTO_IV_OFFSET);
}

struct crypto_job *cryptodev_job(struct rte_crypto_op *op)
{
    return words(op)->job;
}

uint8_t *cryptodev_nonce(struct rte_crypto_op *op)
{
    return words(op)->nonce;
}

static enum rte_crypto_aead_algorithm algorithm(enum aead aead)
{
    return aead == AEAD_CHACHA20_POLY1305 ? RTE_CRYPTO_AEAD_CHACHA20_POLY1305
                                          : RTE_CRYPTO_AEAD_AES_GCM;
}

static uint8_t aad_len(const struct suite *suite)
{
    return suite->version == TLS13 ? 5 : 13;
}

void *cryptodev_session(const struct cryptodev *dev, const struct traffic_keys *k, size_t n_aad,
                        enum rte_crypto_aead_operation way)
{
    struct rte_crypto_sym_xform x = {
        .type = RTE_CRYPTO_SYM_XFORM_AEAD,
        .aead = {.op = way,
                 .algo = algorithm(k->suite->aead),
                 .key = {.data = k->key, .length = k->suite->key_len},
                 .iv = {.offset = CRYPTO_IV_OFFSET, .length = 12},
                 .digest_length = SUITE_TAG,
                 .aad_length = (uint16_t)n_aad},
    };

    if (rte_mempool_empty(dev->sessions)) /* DPDK would say so in the log, of each record */
        return NULL;
    return rte_cryptodev_sym_session_create(dev->id, &x, dev->sessions);
}

int cryptodev_compute(const struct cryptodev *dev, void *session, const struct crypto_call *c)
{
    uint8_t nonce[12], aad[CRYPTO_AAD]; /* DPDK has no const there */
    struct rte_crypto_vec piece = {.base = c->out, .len = (uint32_t)c->len};
    struct rte_crypto_sgl message = {.vec = &piece, .num = 1};
    struct rte_crypto_va_iova_ptr iv = {.va = nonce}, more = {.va = aad},
                                  tag = {.va = c->out + c->len};
    int32_t status = EIO;
    struct rte_crypto_sym_vec v = {
        .num = 1, .src_sgl = &message, .iv = &iv, .digest = &tag, .aad = &more, .status = &status};

    memcpy(nonce, c->nonce, sizeof nonce);
    memcpy(aad, c->aad, c->n_aad);
    (void)rte_cryptodev_sym_cpu_crypto_process(dev->id, session,
                                               (union rte_crypto_sym_ofs){.raw = 0}, &v);
    return abs(status);
}

/* Does it have what the suite needs? */
static bool able(uint8_t id, const struct suite *suite)
{
    struct rte_cryptodev_sym_capability_idx index = {.type = RTE_CRYPTO_SYM_XFORM_AEAD,
                                                     .algo.aead = algorithm(suite->aead)};
    const struct rte_cryptodev_symmetric_capability *c = rte_cryptodev_sym_capability_get(id,
                                                                                          &index);

    return c && rte_cryptodev_sym_capability_check_aead(c, suite->key_len, SUITE_TAG,
                                                        aad_len(suite), 12) == 0;
}

static bool ask_aeads(struct cryptodev *dev)
{
    bool any = false;

    memset(dev->has, true, sizeof dev->has);
    for (size_t i = 0; suite_at(i); i++)
        dev->has[suite_at(i)->aead] &= able(dev->id, suite_at(i));
    for (unsigned a = 0; a < CRYPTO_AEADS; a++)
        any |= dev->has[a];
    return any;
}

/* By the device's name, or by that of the bus's device it is on. -1: there is none. */
static int find(const char *name)
{
    char bare[POLICY_DEVICE_MAX];

    snprintf(bare, sizeof bare, "%.*s", (int)strcspn(name, ","), name);
    for (int id = 0; id < RTE_CRYPTO_MAX_DEVS; id++) {
        struct rte_cryptodev_info info;

        if (!rte_cryptodev_is_valid_dev((uint8_t)id))
            continue;
        rte_cryptodev_info_get((uint8_t)id, &info);
        if (!strcmp(rte_cryptodev_name_get((uint8_t)id), bare) ||
            (info.device && !strcmp(rte_dev_name(info.device), bare) &&
             info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO))
            return id;
    }
    return -1;
}

/* Operations and packets of one worker's queue, for good. */
static int fill_side(struct crypto_side *side, struct rte_mempool *ops, struct rte_mempool *packets)
{
    for (unsigned i = 0; i < SEAL_AHEAD; i++) {
        struct crypto_job *job = &side->job[i];

        job->op = rte_crypto_op_alloc(ops, RTE_CRYPTO_OP_TYPE_SYMMETRIC);
        job->m = rte_pktmbuf_alloc(packets);
        if (!job->op || !job->m)
            return -ENOMEM;
        words(job->op)->job = job;
    }
    return 0;
}

static int fill_lanes(struct cryptodev *dev)
{
    unsigned jobs = dev->queues * 2u * SEAL_AHEAD;
    struct rte_mempool *ops, *packets;
    char name[RTE_MEMPOOL_NAMESIZE];
    int rc = 0;

    snprintf(name, sizeof name, "crypto_ops%u", dev->id);
    ops = rte_crypto_op_pool_create(name, RTE_CRYPTO_OP_TYPE_SYMMETRIC, jobs, 0,
                                    sizeof(struct op_words), SOCKET_ID_ANY);
    snprintf(name, sizeof name, "crypto_data%u", dev->id);
    packets = rte_pktmbuf_pool_create(name, jobs, 0, 0, BUFFER_ROOM, SOCKET_ID_ANY);
    if (!ops || !packets)
        return -rte_errno;
    for (unsigned w = 0; w < POLICY_LCORES_MAX && !rc; w++) {
        struct crypto_lane *lane = &dev->lane[w];

        if (!lane->used)
            continue;
        rc = fill_side(&lane->sealing, ops, packets);
        if (!rc)
            rc = fill_side(&lane->opening, ops, packets);
    }
    return rc;
}

static struct rte_mempool *sessions(const struct cryptodev *dev, const struct policy_dpdk *p)
{
    unsigned size = rte_cryptodev_sym_get_private_session_size(dev->id);
    size_t all = ((size_t)p->memory_mb << 20) / SESSIONS_PART / p->n_crypto;
    char name[RTE_MEMPOOL_NAMESIZE];

    snprintf(name, sizeof name, "crypto_keys%u", dev->id);
    return rte_cryptodev_sym_session_pool_create(name, (uint32_t)(all / (size + 128)), size, 0, 0,
                                                 SOCKET_ID_ANY);
}

/* Some that say so can not (crypto_chacha20_poly1305 in DPDK 22.11 and 24.11). */
static bool computes_at_once(const struct cryptodev *dev)
{
    uint8_t message[16 + SUITE_TAG] = {0};
    const struct crypto_call c = {message, message, 5, message, message, 16};
    struct rte_cryptodev_info info;
    struct traffic_keys k = {0};
    void *session;
    int rc;

    rte_cryptodev_info_get(dev->id, &info);
    if (!(info.feature_flags & RTE_CRYPTODEV_FF_SYM_CPU_CRYPTO))
        return false;
    for (size_t i = 0; !k.suite; i++)
        if (dev->has[suite_at(i)->aead])
            k.suite = suite_at(i);
    session = cryptodev_session(dev, &k, c.n_aad, RTE_CRYPTO_AEAD_OP_ENCRYPT);
    rc = session ? cryptodev_compute(dev, session, &c) : ENOMEM;
    if (session)
        rte_cryptodev_sym_session_free(dev->id, session);
    return rc == 0;
}

static int start(struct cryptodev *dev, const struct policy_dpdk *p)
{
    struct rte_cryptodev_config conf = {.socket_id = SOCKET_ID_ANY,
                                        .nb_queue_pairs = dev->queues,
                                        .ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO |
                                                      RTE_CRYPTODEV_FF_SECURITY};
    int rc = rte_cryptodev_configure(dev->id, &conf);

    dev->sessions = rc ? NULL : sessions(dev, p);
    if (!rc && !dev->sessions)
        rc = -ENOMEM;
    for (uint16_t q = 0; q < dev->queues && !rc; q++)
        rc = rte_cryptodev_queue_pair_setup(
            dev->id, q, &(struct rte_cryptodev_qp_conf){DESCRIPTORS, dev->sessions}, SOCKET_ID_ANY);
    if (!rc)
        rc = rte_cryptodev_start(dev->id);
    dev->direct = !rc && computes_at_once(dev);
    return rc || dev->direct ? rc : fill_lanes(dev);
}

/* Of each device, in their order, every worker that still lacks what it has gets a queue. */
static void deal(struct cryptodevs *all, struct cryptodev *dev, unsigned most, unsigned workers)
{
    for (unsigned w = 0; w < workers; w++) {
        struct crypto_lane *lane = &dev->lane[w];

        for (unsigned a = 0; a < CRYPTO_AEADS; a++) {
            if (!dev->has[a] || all->chosen[w][a] >= 0 || (!lane->used && dev->queues >= most))
                continue;
            all->chosen[w][a] = (int8_t)(dev - all->dev);
            if (!lane->used)
                lane->queue = dev->queues++;
            lane->used = true;
        }
    }
}

static int open_one(struct cryptodevs *all, const struct policy_dpdk *p, unsigned i, struct err *e)
{
    struct cryptodev *dev = &all->dev[i];
    char where[32];
    struct rte_cryptodev_info info;
    int id = find(p->crypto[i]), rc;

    snprintf(where, sizeof where, "/dpdk/crypto/%u", i);
    memcpy(dev->name, p->crypto[i], sizeof dev->name);
    if (id < 0)
        return err_set(e, -ENODEV, where, "see the lines before this one",
                       "DPDK has no such crypto device: %s", dev->name);
    dev->id = (uint8_t)id;
    rte_cryptodev_info_get(dev->id, &info);
    if (!ask_aeads(dev))
        return err_set(e, -ENOTSUP, where, "take it out, or give another",
                       "%s computes no AEAD of TLS", dev->name);
    deal(all, dev, info.max_nb_queue_pairs, p->n_lcores);
    if (!dev->queues)
        return err_set(e, -EINVAL, where, "take it out",
                       "the devices before %s have all that it could do", dev->name);
    rc = start(dev, p);
    return rc ? err_set(e, rc < 0 ? rc : -EIO, where, "see the lines before this one",
                        "the crypto device does not start: %s", strerror(rc < 0 ? -rc : EIO))
              : 0;
}

/* Some workers would compute what others have done: nobody could say how fast this is. */
static int check_shared(const struct cryptodevs *all, const struct policy_dpdk *p, struct err *e)
{
    for (unsigned w = 1; w < p->n_lcores; w++)
        for (unsigned a = 0; a < CRYPTO_AEADS; a++)
            if (all->chosen[0][a] >= 0 && all->chosen[w][a] < 0)
                return err_set(e, -EINVAL, "/dpdk/crypto",
                               "give more devices (of a card, more virtual functions), or fewer "
                               "lcores",
                               "the devices have queues for %u workers, and there are %u", w,
                               p->n_lcores);
    return 0;
}

int cryptodevs_open(struct cryptodevs *all, const struct policy_dpdk *p, struct err *e)
{
    int rc = 0;

    memset(all, 0, sizeof *all);
    memset(all->chosen, -1, sizeof all->chosen);
    for (; all->n < p->n_crypto && !rc; all->n++)
        rc = open_one(all, p, all->n, e);
    return rc ? rc : check_shared(all, p, e);
}
