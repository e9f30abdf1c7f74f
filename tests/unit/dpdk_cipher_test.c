/*
 * cipher: do crypto devices compute records as the other libraries do, alone and in batches, and
 * does a link survive a device that does not? DPDK's own drivers are the devices: real ones with
 * queues (crypto_openssl) and such that compute at once (ipsec-mb's).
 */
#include <errno.h>
#include <pthread.h>
#include <rte_cryptodev.h>
#include <rte_eal.h>
#include <rte_lcore.h>
#include "dataplane/base/check.h"
#include "dataplane/dpdk/cipher.h"
#include "tests/unit/test.h"

#define RECORD_MOST (RECORD_PLAIN_MAX + SEAL_PREFIX_MAX + SEAL_SUFFIX_MAX)
#define WORKERS     2

static void start_dpdk(void)
{
    static const char *const args[] = {"cipher",
                                       "--no-huge",
                                       "--no-shconf",
                                       "--no-pci",
                                       "--no-telemetry",
                                       "--lcores=0",
                                       "-m",
                                       "192",
                                       "--log-level=*:alert",
                                       "--vdev=crypto_aesni_gcm",
                                       "--vdev=crypto_aesni_mb",
                                       "--vdev=crypto_openssl0",
                                       "--vdev=crypto_openssl1,max_nb_queue_pairs=1",
                                       "--vdev=crypto_null"};
    static char text[ARRAY_LEN(args)][64], *argv[ARRAY_LEN(args) + 1];

    for (size_t i = 0; i < ARRAY_LEN(args); i++) {
        snprintf(text[i], sizeof text[i], "%s", args[i]);
        argv[i] = text[i];
    }
    check(rte_eal_init((int)ARRAY_LEN(args), argv) >= 0);
}

/* As they were before an open: a gateway has no need of it. */
static void close_devices(void)
{
    static const char *const pools[] = {"crypto_ops", "crypto_data", "crypto_keys"};
    char name[32];

    for (unsigned id = 0; id < rte_cryptodev_count(); id++) {
        rte_cryptodev_stop((uint8_t)id);
        for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
            snprintf(name, sizeof name, "%s%u", pools[i], id);
            rte_mempool_free(rte_mempool_lookup(name));
        }
    }
}

static int open_devices(unsigned workers, const char *first, const char *second, struct err *e)
{
    static bool started;
    struct policy_dpdk p = {.n_lcores = (uint16_t)workers, .memory_mb = 64, .n_crypto = 1};

    if (!started)
        start_dpdk();
    started = true;
    close_devices();
    snprintf(p.crypto[0], sizeof p.crypto[0], "%s", first);
    if (second)
        snprintf(p.crypto[p.n_crypto++], sizeof p.crypto[0], "%s", second);
    cipher_begin(0);
    return cipher_open(&p, e);
}

/* AES by a device with queues, ChaCha20 by one that computes at once. */
static void open_both(void)
{
    struct err e = {0};

    EXPECT(open_devices(WORKERS, "crypto_openssl0", "crypto_aesni_mb", &e) == 0);
    if (e.where[0])
        printf("    %s: %s\n", e.where, e.what);
}

static struct seal with_keys(const struct suite *suite, const struct seal_ops *ops, uint8_t salt)
{
    struct traffic_keys k = {.suite = suite, .seq = 7};
    struct seal s;

    for (size_t i = 0; i < sizeof k.secret; i++)
        k.secret[i] = (uint8_t)(i * 3 + salt);
    for (size_t i = 0; i < sizeof k.key; i++)
        k.key[i] = (uint8_t)(i * 5 + salt);
    for (size_t i = 0; i < sizeof k.iv; i++)
        k.iv[i] = (uint8_t)(i * 7 + salt);
    check(seal_init(&s, &k, ops) == 0);
    return s;
}

static struct seal by_device(const struct suite *suite)
{
    return with_keys(suite, cipher_library(suite->aead), 1);
}

static struct seal by_evp(const struct suite *suite)
{
    return with_keys(suite, &seal_evp, 1);
}

static const uint8_t *content(void)
{
    static _Thread_local uint8_t mem[RECORD_PLAIN_MAX];

    for (size_t i = 0; i < sizeof mem; i++)
        mem[i] = (uint8_t)(i * 11 + (i >> 8));
    return mem;
}

/* The record's content is right. */
static bool opens(struct seal *s, uint8_t *record, size_t n, size_t want)
{
    struct opened o = {0};

    return open_record(s, record, n, &o) == 0 && o.n == want &&
           memcmp(o.data, content(), want) == 0;
}

static const struct suite *aes(void)
{
    return suite_by_name("TLS_AES_256_GCM_SHA384");
}

/* count records of size bytes in a row by EVP; all their bytes. */
static size_t row(struct seal *tx, unsigned count, size_t size, uint8_t *out)
{
    size_t all = 0;

    for (unsigned i = 0; i < count; i++) {
        size_t n;

        EXPECT(seal_record(tx, CONTENT_DATA, content(), size, out + all, &n) == 0);
        all += n;
    }
    return all;
}

/* ---- what a configuration may name ---- */

static void refused(unsigned workers, const char *first, const char *second, int rc,
                    const char *where, const char *what)
{
    struct err e = {0};

    EXPECT(open_devices(workers, first, second, &e) == rc);
    EXPECT(!strcmp(e.where, where) && strstr(e.what, what) && e.fix[0]);
    if (strcmp(e.where, where) || !strstr(e.what, what))
        printf("    %s: %s; %s\n", e.where, e.what, e.fix);
}

TEST("a device that is not there, or of no use, is refused with its place")
{
    refused(1, "crypto_nothing", NULL, -ENODEV, "/dpdk/crypto/0", "no such");
    refused(1, "crypto_null", NULL, -ENOTSUP, "/dpdk/crypto/0", "no AEAD");
    refused(1, "crypto_aesni_gcm", "crypto_openssl1", -EINVAL, "/dpdk/crypto/1", "before");
    refused(2, "crypto_openssl1", NULL, -EINVAL, "/dpdk/crypto", "queues for 1 workers");
}

TEST("without devices, and for what they have not, records are this processor's")
{
    struct policy_dpdk none = {.n_lcores = 1};
    struct err e;

    EXPECT(cipher_open(&none, &e) == 0);
    EXPECT(cipher_library(AEAD_AES_128_GCM) == seal_best(AEAD_AES_128_GCM));
    EXPECT(open_devices(1, "crypto_openssl0,x=y", NULL, &e) == 0);
}

/* ---- records ---- */

TEST("a device seals every suite byte for byte as EVP does, and opens what EVP sealed")
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 1400, 4096, RECORD_PLAIN_MAX};

    open_both();
    for (size_t k = 0; suite_at(k); k++) {
        struct seal dev = by_device(suite_at(k)), evp = by_evp(suite_at(k)),
                    rx = by_device(suite_at(k));

        EXPECT(dev.ops != seal_best(suite_at(k)->aead));
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            uint8_t a[RECORD_MOST], b[RECORD_MOST];
            size_t n_a = 0, n_b = 0;

            EXPECT(seal_record(&dev, CONTENT_DATA, content(), sizes[i], a, &n_a) == 0);
            EXPECT(seal_record(&evp, CONTENT_DATA, content(), sizes[i], b, &n_b) == 0);
            EXPECT(n_a == n_b && memcmp(a, b, n_a) == 0);
            EXPECT(opens(&rx, b, n_b, sizes[i]));
        }
        seal_fini(&dev);
        seal_fini(&evp);
        seal_fini(&rx);
    }
}

TEST("records begun together are sealed when they are finished, more than a batch of them")
{
    enum { COUNT = SEAL_AHEAD + 9 };
    static uint8_t a[COUNT][RECORD_MOST], b[RECORD_MOST];
    struct seal dev, evp = by_evp(aes());
    size_t n[COUNT], n_b;

    open_both();
    dev = by_device(aes());
    for (size_t i = 0; i < COUNT; i++)
        EXPECT(seal_begin(&dev, CONTENT_DATA, content(), 100 + i * 300, a[i], &n[i]) == 0);
    EXPECT(seal_finish(&dev) == 0);
    EXPECT(seal_finish(&dev) == 0); /* nothing is left to do */
    for (size_t i = 0; i < COUNT; i++) {
        EXPECT(seal_record(&evp, CONTENT_DATA, content(), 100 + i * 300, b, &n_b) == 0);
        EXPECT(n[i] == n_b && memcmp(a[i], b, n_b) == 0);
    }
    seal_fini(&dev);
    seal_fini(&evp);
}

static uint8_t stream[8 * RECORD_MOST];

TEST("records ahead are opened in their order; the end of one that is not whole is left alone")
{
    struct seal rx, tx = by_evp(aes());
    size_t all = row(&tx, 6, 5000, stream), one = all / 6;

    open_both();
    rx = by_device(aes());
    open_ahead(&rx, stream, all - 1);
    for (unsigned i = 0; i < 6; i++)
        EXPECT(opens(&rx, stream + i * one, one, 5000));
    seal_fini(&rx);
    seal_fini(&tx);
}

TEST("a forged record among them is refused and wiped, and the device works for others")
{
    struct seal rx, other, tx = by_evp(aes());
    size_t all = row(&tx, 5, 1000, stream), one = all / 5;
    struct opened o;

    open_both();
    rx = by_device(aes());
    other = by_device(aes());
    stream[2 * one + 500] ^= 1;
    open_ahead(&rx, stream, all);
    EXPECT(opens(&rx, stream, one, 1000) && opens(&rx, stream + one, one, 1000));
    EXPECT(open_record(&rx, stream + 2 * one, one, &o) == -EBADMSG);
    for (size_t i = 0; i < 1000; i++)
        EXPECT(stream[2 * one + RECORD_HEADER + i] == 0);
    seal_fini(&tx);
    tx = by_evp(aes());
    all = row(&tx, 3, 700, stream);
    open_ahead(&other, stream, all);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(opens(&other, stream + i * (all / 3), all / 3, 700));
    EXPECT(cipher_library(AEAD_AES_256_GCM) ==
           other.ops); /* a wrong tag is not the device's fault */
    seal_fini(&rx);
    seal_fini(&other);
    seal_fini(&tx);
}

TEST("a key update amid records ahead: what follows is opened with the next key")
{
    struct seal rx, tx = by_evp(aes());
    size_t first = row(&tx, 2, 900, stream), all, one = first / 2;

    open_both();
    rx = by_device(aes());
    EXPECT(seal_update(&tx) == 0);
    all = first + row(&tx, 2, 900, stream + first);
    open_ahead(&rx, stream, all);
    EXPECT(opens(&rx, stream, one, 900) && opens(&rx, stream + one, one, 900));
    EXPECT(seal_update(&rx) == 0);
    EXPECT(opens(&rx, stream + 2 * one, one, 900) && opens(&rx, stream + 3 * one, one, 900));
    seal_fini(&rx);
    seal_fini(&tx);
}

TEST("records are sealed while others are being opened")
{
    struct seal rx, tx = by_evp(aes()), dev, evp = by_evp(aes());
    size_t all = row(&tx, 4, 2000, stream), one = all / 4, n;
    uint8_t record[RECORD_MOST];

    open_both();
    rx = by_device(aes());
    dev = by_device(aes());
    open_ahead(&rx, stream, all);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT(opens(&rx, stream + i * one, one, 2000));
        EXPECT(seal_record(&dev, CONTENT_DATA, content(), 50, record, &n) == 0);
        EXPECT(opens(&evp, record, n, 50));
    }
    seal_fini(&rx);
    seal_fini(&tx);
    seal_fini(&dev);
    seal_fini(&evp);
}

TEST("more keys than the device has room for are computed on this processor")
{
    enum { KEYS = 12000 };
    static struct seal many[KEYS];
    uint8_t record[256];
    struct seal evp;
    size_t n;
    struct err e;

    /* 8 MiB for keys of 1.2 KB. */
    EXPECT(open_devices(1, "crypto_aesni_gcm", NULL, &e) == 0);
    for (unsigned i = 0; i < KEYS; i++) {
        many[i] = by_device(aes());
        EXPECT(seal_record(&many[i], CONTENT_DATA, content(), 100, record, &n) == 0);
        evp = by_evp(aes());
        EXPECT(opens(&evp, record, n, 100));
        seal_fini(&evp);
    }
    EXPECT(rte_mempool_empty(rte_mempool_lookup("crypto_keys0")));
    for (unsigned i = 0; i < KEYS; i++)
        seal_fini(&many[i]);
    EXPECT(rte_mempool_full(rte_mempool_lookup("crypto_keys0")));
}

/* How often the key stands in the pool's memory. */
static void seek_key(struct rte_mempool *mp, void *found, struct rte_mempool_memhdr *h, unsigned i)
{
    struct seal s = by_evp(aes());

    (void)mp;
    (void)i;
    for (size_t at = 0; at + 16 <= h->len; at++)
        *(unsigned *)found += !memcmp((uint8_t *)h->addr + at, s.keys.key, 16);
    seal_fini(&s);
}

TEST("a key that is not needed any more is wiped from the device's memory")
{
    uint8_t record[256];
    unsigned found = 0;
    struct seal s;
    struct err e;
    size_t n;

    EXPECT(open_devices(1, "crypto_aesni_gcm", NULL, &e) == 0);
    s = by_device(aes());
    EXPECT(seal_record(&s, CONTENT_DATA, content(), 100, record, &n) == 0);
    rte_mempool_mem_iter(rte_mempool_lookup("crypto_keys0"), seek_key, &found);
    EXPECT(found > 0); /* its schedule begins with it */
    seal_fini(&s);
    found = 0;
    rte_mempool_mem_iter(rte_mempool_lookup("crypto_keys0"), seek_key, &found);
    EXPECT(found == 0);
}

/* ---- a device that is late, lies, or is gone: its driver's functions are ours for a while ---- */

static dequeue_pkt_burst_t real_dequeue;
static enqueue_pkt_burst_t real_enqueue;
static unsigned looks, answers, late;

static struct rte_crypto_fp_ops *driver(void)
{
    return &rte_crypto_fp_ops[rte_cryptodev_get_dev_id("crypto_openssl0")];
}

/* All that is there, the last first, at every 500th look. */
static uint16_t late_and_reversed(void *queue, struct rte_crypto_op **op, uint16_t n)
{
    uint16_t got = ++looks % 500 ? 0 : real_dequeue(queue, op, n);

    for (uint16_t i = 0; i < got / 2; i++) {
        struct rte_crypto_op *one = op[i];

        op[i] = op[got - 1 - i];
        op[got - 1 - i] = one;
    }
    late += got > 1;
    answers += got;
    return got;
}

static uint16_t never(void *queue, struct rte_crypto_op **op, uint16_t n)
{
    (void)queue;
    (void)op;
    (void)n;
    looks++;
    return 0;
}

/* What was right is called forged, and what was done is called failed. */
static uint16_t lying(void *queue, struct rte_crypto_op **op, uint16_t n)
{
    uint16_t got = real_dequeue(queue, op, n);

    for (uint16_t i = 0; i < got; i++)
        op[i]->status = RTE_CRYPTO_OP_STATUS_AUTH_FAILED;
    return got;
}

static void hook(dequeue_pkt_burst_t dequeue, enqueue_pkt_burst_t enqueue)
{
    real_dequeue = driver()->dequeue_burst;
    real_enqueue = driver()->enqueue_burst;
    driver()->dequeue_burst = dequeue ? dequeue : real_dequeue;
    driver()->enqueue_burst = enqueue ? enqueue : real_enqueue;
    looks = answers = late = 0;
}

static void unhook(void)
{
    driver()->dequeue_burst = real_dequeue;
    driver()->enqueue_burst = real_enqueue;
}

/* Records go both ways, in batches, and all is right. */
static void both_ways(unsigned times)
{
    struct seal rx = by_device(aes()), dev = by_device(aes()), tx = by_evp(aes()),
                evp = by_evp(aes());

    for (unsigned t = 0; t < times; t++) {
        uint8_t in[5 * 400], out[5][400];
        size_t all = row(&tx, 5, 333, in), one = all / 5, n[5];

        open_ahead(&rx, in, all);
        for (unsigned i = 0; i < 5; i++)
            EXPECT(opens(&rx, in + i * one, one, 333));
        for (unsigned i = 0; i < 5; i++)
            EXPECT(seal_begin(&dev, CONTENT_DATA, content(), 222, out[i], &n[i]) == 0);
        EXPECT(seal_finish(&dev) == 0);
        for (unsigned i = 0; i < 5; i++)
            EXPECT(opens(&evp, out[i], n[i], 222));
    }
    seal_fini(&rx);
    seal_fini(&dev);
    seal_fini(&tx);
    seal_fini(&evp);
}

/* The next key goes to this processor's own library. */
static bool is_lost(void)
{
    struct seal s = by_device(aes());
    uint8_t record[64];
    bool lost;
    size_t n;

    EXPECT(seal_record(&s, CONTENT_DATA, content(), 10, record, &n) == 0);
    lost = s.ops == seal_best(AEAD_AES_256_GCM);
    seal_fini(&s);
    return lost;
}

TEST("answers that come late, and in another order, are waited for")
{
    open_both();
    hook(late_and_reversed, NULL);
    both_ways(3);
    EXPECT(answers == 30 && late == 6); /* three times each way, a whole batch at once */
    EXPECT(!is_lost());
    unhook();
}

TEST("jobs that nobody asks for are waited for before their packets are used again")
{
    struct seal rx, tx = by_evp(aes());
    size_t all = row(&tx, 4, 100, stream);

    open_both();
    rx = by_device(aes());
    hook(late_and_reversed, NULL);
    open_ahead(&rx, stream, all);
    seal_fini(&rx); /* the session ended */
    EXPECT(answers == 4);
    both_ways(1);
    unhook();
    seal_fini(&tx);
}

TEST("a device that answers no more costs half a second, and no session")
{
    open_both();
    hook(never, NULL);
    both_ways(3);
    EXPECT(looks > 0 && is_lost());
    unhook();
    both_ways(1); /* what may still come is not looked at */
    cipher_begin(1);
    EXPECT(!is_lost()); /* another worker's queue is well */
    both_ways(1);
}

static uint16_t full(void *queue, struct rte_crypto_op **op, uint16_t n)
{
    return never(queue, op, n);
}

TEST("a queue that takes nothing any more is lost in the same way")
{
    open_both();
    hook(NULL, full);
    both_ways(2);
    EXPECT(is_lost());
    unhook();
}

TEST("what a device calls forged, and is not, is opened here, and the device is not asked again")
{
    open_both();
    hook(lying, NULL);
    both_ways(2);
    EXPECT(is_lost());
    unhook();
}

static void *worker(void *arg)
{
    cipher_begin(*(unsigned *)arg);
    both_ways(50);
    return NULL;
}

TEST("two workers use one device at the same time, each its queue")
{
    unsigned numbers[WORKERS] = {0, 1};
    pthread_t thread[WORKERS];

    open_both();
    for (unsigned i = 0; i < WORKERS; i++)
        check(pthread_create(&thread[i], NULL, worker, &numbers[i]) == 0);
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(thread[i], NULL);
}

int main(void)
{
    return test_run();
}
