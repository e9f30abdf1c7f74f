/*
 * A backup that somebody made up: its head, its pieces under a known key, and the records in them.
 * fuzz: max_len=70000
 *
 * The first byte says how large the parts are in which the rest comes, and whether it is a file, or
 * records as they are (no search finds a tag of AES-GCM).
 */
#include <errno.h>
#include <stdlib.h>
#include "mgmt/backup/reader.h"
#include "tests/fuzz/fuzz.h"

static unsigned taken, sum;
static uint8_t last;

static int take(void *arg, enum records_kind kind, const uint8_t *body, size_t n, struct err *e)
{
    uint8_t all = 0;

    (void)arg;
    (void)e;
    for (size_t i = 0; i < n; i++) /* every byte is there to be read */
        all ^= body[i];
    sum += all;
    check(kind >= last && kind <= RECORDS_END && (taken || kind == RECORDS_MANIFEST));
    last = (uint8_t)kind;
    taken++;
    return 0;
}

static void as_records(const uint8_t *data, size_t n, size_t part)
{
    struct records r;
    struct err e;
    int rc = 0;

    records_init(&r, NULL, take);
    for (size_t at = 0; at < n && !rc; at += part)
        rc = records_feed(&r, data + at, n - at < part ? n - at : part, &e);
    check(rc || !records_ended(&r) || last == RECORDS_END);
    records_fini(&r);
}

static void as_file(const uint8_t *data, size_t n, size_t part)
{
    static const uint8_t key[BACKUP_KEY] = {1};
    static struct reader r;
    struct backup_head h;
    struct err e;
    int rc = 0;

    if (n < BACKUP_HEAD || reader_head(data, &h, &e))
        return;
    check(h.r == BACKUP_R && h.log2_n <= BACKUP_LOG2_N_MAX && h.p <= BACKUP_P_MAX);
    reader_init(&r, key, data);
    records_init(&r.records, NULL, take);
    for (size_t at = BACKUP_HEAD; at < n && !rc; at += part)
        rc = reader_feed(&r, data + at, n - at < part ? n - at : part, &e);
    if (!rc)
        rc = reader_end(&r, &e);
    check(rc || last == RECORDS_END);
    reader_fini(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    size_t part = n ? 1u + (data[0] >> 1) * 97u : 1;

    taken = last = 0;
    if (n && data[0] & 1)
        as_file(data + 1, n - 1, part);
    else if (n)
        as_records(data + 1, n - 1, part);
    return 0;
}
