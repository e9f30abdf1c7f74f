/*
 * gather: opening a record that lies in a dozen packets: gathered into a block first (what the DPDK
 * engine does), or in place, piece by piece (what a cryptodev with scatter-gather does, here by the
 * very library that it calls). CPU seconds per GB (10^9 bytes) of AES-256-GCM, 16 KiB records.
 *
 * Why: the copy buys one code for all engines; this is its price.
 */
#include <intel-ipsec-mb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"
#include "dataplane/record/record.h"
#include "dataplane/record/seal.h"

#define RECORD  (5 + 16384 + 1 + 16)
#define PACKET  1448 /* bytes of a record in one packet at MTU 1500 */
#define ROOM    2304 /* from one packet to the next in a pool */
#define PACKETS ((RECORD + PACKET - 1) / PACKET)
#define RECORDS 256 /* in the pool: more than the caches next to a processor hold */
#define ROUNDS  7

static uint8_t *pool; /* RECORDS * PACKETS * ROOM */

static double cpu_s(void)
{
    struct timespec t;

    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint8_t *packet(unsigned record, unsigned i)
{
    return pool + ((size_t)record * PACKETS + i) * ROOM;
}

static size_t piece(unsigned i)
{
    return i + 1 < PACKETS ? PACKET : RECORD - (size_t)i * PACKET;
}

static void gather(uint8_t *to, unsigned record)
{
    for (unsigned i = 0; i < PACKETS; i++)
        memcpy(to + (size_t)i * PACKET, packet(record, i), piece(i));
}

static double copying(uint8_t *block)
{
    double start = cpu_s();

    for (unsigned r = 0; r < RECORDS; r++)
        gather(block + (size_t)(r % 8) * RECORD, r);
    return cpu_s() - start;
}

/* Without its packets: a record that is in a block already. The tag fails, as late as it can. */
static double opening(uint8_t *block)
{
    struct traffic_keys k = {.suite = suite_by_name("TLS_AES_256_GCM_SHA384"), .key = {2}};
    struct seal rx;
    struct opened o;
    double start;

    check(seal_init(&rx, &k, NULL) == 0);
    start = cpu_s();
    for (unsigned r = 0; r < RECORDS; r++)
        (void)open_record(&rx, block + (size_t)(r % 8) * RECORD, RECORD, &o);
    start = cpu_s() - start;
    seal_fini(&rx);
    return start;
}

static double both(uint8_t *block)
{
    struct traffic_keys k = {.suite = suite_by_name("TLS_AES_256_GCM_SHA384"), .key = {2}};
    struct seal rx;
    struct opened o;
    double start;

    check(seal_init(&rx, &k, NULL) == 0);
    start = cpu_s();
    for (unsigned r = 0; r < RECORDS; r++) {
        uint8_t *to = block + (size_t)(r % 8) * RECORD;

        gather(to, r);
        memcpy(to, "\x17\x03\x03\x40\x11", 5);
        (void)open_record(&rx, to, RECORD, &o);
    }
    start = cpu_s() - start;
    seal_fini(&rx);
    return start;
}

static double in_place(IMB_MGR *m)
{
    struct gcm_key_data key;
    struct gcm_context_data context;
    uint8_t secret[32] = {2}, iv[12] = {0}, tag[16];
    double start;

    IMB_AES256_GCM_PRE(m, secret, &key);
    start = cpu_s();
    for (unsigned r = 0; r < RECORDS; r++) {
        IMB_AES256_GCM_INIT(m, &key, &context, iv, packet(r, 0), 5);
        for (unsigned i = 0; i < PACKETS; i++) {
            size_t skip = i ? 0 : 5, tail = i + 1 < PACKETS ? 0 : 16;
            uint8_t *p = packet(r, i) + skip;

            IMB_AES256_GCM_DEC_UPDATE(m, &key, &context, p, p, piece(i) - skip - tail);
        }
        IMB_AES256_GCM_DEC_FINALIZE(m, &key, &context, tag, sizeof tag);
    }
    return cpu_s() - start;
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

int main(void)
{
    IMB_MGR *m = alloc_mb_mgr(0);
    uint8_t *block = malloc(8 * RECORD);
    double copy = 1e9, open = 1e9, together = 1e9, place = 1e9, gb = RECORDS * 16384.0 / 1e9;

    pool = malloc((size_t)RECORDS * PACKETS * ROOM);
    check(m && block && pool && record_init() == 0);
    init_mb_mgr_auto(m, NULL);
    memset(pool, 7, (size_t)RECORDS * PACKETS * ROOM);
    memset(block, 7, 8 * RECORD);
    for (unsigned i = 0; i < 8; i++)
        memcpy(block + (size_t)i * RECORD, "\x17\x03\x03\x40\x11", 5);
    for (int i = 0; i < ROUNDS; i++) {
        copy = least(copy, copying(block));
        for (unsigned k = 0; k < 8; k++)
            memcpy(block + (size_t)k * RECORD, "\x17\x03\x03\x40\x11", 5);
        open = least(open, opening(block));
        together = least(together, both(block));
        place = least(place, in_place(m));
    }
    printf("AES-256-GCM, records of 16 KiB in packets of %d bytes, CPU s/GB\n", PACKET);
    printf("  gather into a block       %.3f\n", copy / gb);
    printf("  open a block              %.3f\n", open / gb);
    printf("  gather, then open         %.3f\n", together / gb);
    printf("  open in place, by packets %.3f  (the other is %.2f times as much)\n", place / gb,
           together / place);
    free(pool);
    free(block);
    free_mb_mgr(m);
    return 0;
}
