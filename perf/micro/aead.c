/*
 * aead [--json]: what sealing and opening a record costs on this machine, by suite and library, in
 * CPU seconds per GB (10^9 bytes) of content; and what a key change and waking an idle direction
 * cost.
 *
 * Why: seal_best() chooses a library by what was measured on a few machines; this shows whether the
 * choice holds on another one. Each figure is the best of several rounds, so that a busy machine
 * spoils few of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/base/check.h"
#include "dataplane/record/record.h"
#include "dataplane/record/seal.h"

#define ROUNDS      5
#define ROUND_BYTES (32u << 20)
#define ROUND_CALLS 20000

static double cpu_s(void)
{
    struct timespec t;

    check(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct seal with_keys(const struct suite *suite, const struct seal_ops *ops)
{
    struct traffic_keys k = {.suite = suite, .secret = {1}, .key = {2}, .iv = {3}};
    struct seal s;

    check(seal_init(&s, &k, ops) == 0);
    return s;
}

struct cost {
    double seal, open; /* seconds a GB */
};

/* Seal records in place into fresh memory and open them there, as the soft engine does. */
static struct cost measure(const struct suite *suite, const struct seal_ops *ops, size_t n)
{
    const size_t count = ROUND_BYTES / n, room = SEAL_PREFIX_MAX + n + SEAL_SUFFIX_MAX;
    uint8_t *mem = calloc(64, room); /* 64 records: as much as a few connections have in flight */
    struct cost best = {1e9, 1e9};

    check(mem);
    for (int round = 0; round < ROUNDS; round++) {
        struct seal tx = with_keys(suite, ops), rx = with_keys(suite, ops);
        struct cost c = {0, 0};

        for (size_t i = 0; i < count; i += 64) {
            size_t n_record[64];
            struct opened o;
            double start = cpu_s(), middle;

            for (size_t j = 0; j < 64; j++) {
                uint8_t *at = mem + j * room;
                check(seal_record(&tx, CONTENT_DATA, at + seal_prefix(&tx), n, at, &n_record[j]) ==
                      0);
            }
            middle = cpu_s();
            for (size_t j = 0; j < 64; j++)
                check(open_record(&rx, mem + j * room, n_record[j], &o) == 0);
            c.seal += middle - start;
            c.open += cpu_s() - middle;
        }
        c.seal *= 1e9 / (double)((count + 63) / 64 * 64 * n);
        c.open *= 1e9 / (double)((count + 63) / 64 * 64 * n);
        best.seal = c.seal < best.seal ? c.seal : best.seal;
        best.open = c.open < best.open ? c.open : best.open;
        seal_fini(&tx);
        seal_fini(&rx);
    }
    free(mem);
    return best;
}

static int wake(struct seal *s)
{
    seal_idle(s);
    return s->ops->init(s);
}

/* Microseconds of one call of fn. */
static double call_us(const struct suite *suite, const struct seal_ops *ops,
                      int (*fn)(struct seal *s))
{
    struct seal s = with_keys(suite, ops);
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = cpu_s(), us;

        for (int i = 0; i < ROUND_CALLS; i++)
            check(fn(&s) == 0);
        us = (cpu_s() - start) * 1e6 / ROUND_CALLS;
        best = us < best ? us : best;
    }
    seal_fini(&s);
    return best;
}

static void report_json(const struct suite *suite, const struct seal_ops *ops)
{
    struct cost c = measure(suite, ops, RECORD_PLAIN_MAX);

    printf("{\"suite\": \"%s\", \"library\": \"%s\", \"seal\": %.5f, \"open\": %.5f, "
           "\"chosen\": %s}",
           suite->openssl_name, ops->name, c.seal, c.open,
           ops == seal_best(suite->aead) ? "true" : "false");
}

static void report(const struct suite *suite, const struct seal_ops *ops)
{
    struct cost large = measure(suite, ops, RECORD_PLAIN_MAX), small = measure(suite, ops, 1024);

    printf("%-30s %-8s %8.3f %8.3f %8.3f %8.3f %8.2f", suite->openssl_name, ops->name, large.seal,
           large.open, small.seal, small.open, call_us(suite, ops, wake));
    if (suite->version == TLS13)
        printf(" %8.2f", call_us(suite, ops, seal_update));
    printf("%s\n", ops == seal_best(suite->aead) ? "   chosen" : "");
}

/* The row says nothing new: an earlier suite has the same AEAD and record form. */
static bool repeats(size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (suite_at(j)->version == suite_at(i)->version && suite_at(j)->aead == suite_at(i)->aead)
            return true;
    return false;
}

static void each(void (*fn)(const struct suite *, const struct seal_ops *), const char *between)
{
    const char *separator = "";

    for (size_t i = 0; suite_at(i); i++) {
        const struct seal_ops *all[] = {&seal_evp, seal_ipsecmb(suite_at(i)->aead)};

        for (size_t k = 0; !repeats(i) && k < ARRAY_LEN(all); k++) {
            if (!all[k])
                continue;
            printf("%s", separator);
            fn(suite_at(i), all[k]);
            separator = between;
        }
    }
}

int main(int argc, char *argv[])
{
    int rc = record_init();

    if (rc) {
        fprintf(stderr, "the record layer does not start here: %s\n", strerror(-rc));
        return 1;
    }
    if (argc == 2 && !strcmp(argv[1], "--json")) {
        printf("[");
        each(report_json, ",\n");
        printf("]\n");
        return 0;
    }
    printf("%-39s %17s %17s %8s %8s\n", "CPU seconds per GB of content, in place", "16 KiB records",
           "1 KiB records", "wake", "update");
    printf("%-30s %-8s %8s %8s %8s %8s %8s %8s\n", "suite", "library", "seal", "open", "seal",
           "open", "us", "us");
    each(report, "");
    return 0;
}
