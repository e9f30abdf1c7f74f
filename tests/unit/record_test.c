/* Is the record layer ready for a sandbox and for many threads, and does a wrong library stop it?
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include "dataplane/record/record.h"
#include "tests/unit/sandbox_run.h"
#include "tests/unit/test.h"

TEST("the record layer starts on this machine, also a second time")
{
    EXPECT(record_init() == 0);
    EXPECT(record_init() == 0);
}

/* A few records and a KeyUpdate through one library. Returns 0, or the line that went wrong. */
static int use(const struct suite *suite, const struct seal_ops *ops)
{
    struct traffic_keys k = {.suite = suite, .secret = {1}, .key = {2}};
    struct traffic_keys k2 = {.suite = suite, .secret = {1}, .key = {2}};
    struct seal tx, rx;

    WANT(seal_init(&tx, &k, ops) == 0 && seal_init(&rx, &k2, ops) == 0);
    for (int i = 0; i < 20; i++) {
        uint8_t record[128] = {0}, content[64] = {(uint8_t)i};
        struct opened o = {0};
        size_t n = 0;

        WANT(seal_record(&tx, CONTENT_DATA, content, sizeof content, record, &n) == 0);
        WANT(open_record(&rx, record, n, &o) == 0 && o.n == sizeof content);
        WANT(!memcmp(o.data, content, o.n));
        if (i % 5 == 4)
            seal_idle(&tx);
        if (i % 7 == 6 && suite->version == TLS13)
            WANT(seal_update(&tx) == 0 && seal_update(&rx) == 0);
    }
    seal_fini(&tx);
    seal_fini(&rx);
    return 0;
}

static int use_all(void)
{
    for (size_t i = 0; suite_at(i); i++) {
        const struct seal_ops *fast = seal_ipsecmb(suite_at(i)->aead);
        int line = use(suite_at(i), &seal_evp);

        if (!line && fast)
            line = use(suite_at(i), fast);
        if (line)
            return line;
    }
    return 0;
}

static int use_sandboxed(void)
{
    WANT(open("/etc/passwd", O_RDONLY) < 0); /* it is a sandbox */
    return use_all();
}

TEST("in the data plane's sandbox every suite works, by each library, with KeyUpdates")
{
    EXPECT(record_init() == 0);
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, use_sandboxed));
}

static void *thread(void *failed)
{
    for (int i = 0; i < 20; i++)
        if (use_all())
            *(bool *)failed = true;
    return NULL;
}

TEST("threads share the libraries without disturbing each other")
{
    bool failed[4] = {false};
    pthread_t t[4];

    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        EXPECT(pthread_create(&t[i], NULL, thread, &failed[i]) == 0);
    for (size_t i = 0; i < ARRAY_LEN(t); i++)
        EXPECT(pthread_join(t[i], NULL) == 0 && !failed[i]);
}

#define PAGE 65536 /* bytes; a multiple of every machine's page */

/* Seal and open a record of n bytes that ends at a forbidden page, or begins behind one. */
static void at_the_edge(const struct suite *suite, const struct seal_ops *ops, uint8_t *page,
                        size_t n, bool at_end)
{
    struct traffic_keys k = {.suite = suite, .secret = {1}, .key = {2}};
    struct traffic_keys k2 = {.suite = suite, .secret = {1}, .key = {2}};
    struct seal tx, rx;
    struct opened o = {0};
    size_t n_record = 0;
    uint8_t *at;

    EXPECT(seal_init(&tx, &k, ops) == 0 && seal_init(&rx, &k2, ops) == 0);
    at = at_end ? page + PAGE - n - seal_overhead(&tx) : page;
    memset(page, 0xee, PAGE);
    memset(at + seal_prefix(&tx), 'x', n);
    EXPECT(seal_record(&tx, CONTENT_DATA, at + seal_prefix(&tx), n, at, &n_record) == 0);
    EXPECT(open_record(&rx, at, n_record, &o) == 0 && o.n == n);
    /* Where there is no forbidden page, the neighbour must be as it was. */
    EXPECT(at_end ? at == page || at[-1] == 0xee
                  : at + n_record == page + PAGE || at[n_record] == 0xee);
    seal_fini(&tx);
    seal_fini(&rx);
}

TEST("no library reads or writes a byte outside of the record")
{
    uint8_t *all = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint8_t *page = all + PAGE;

    EXPECT(all != MAP_FAILED && mprotect(page, PAGE, PROT_READ | PROT_WRITE) == 0);
    for (size_t i = 0; suite_at(i) && !test_case_failed; i++) {
        const struct seal_ops *ops[] = {&seal_evp, seal_ipsecmb(suite_at(i)->aead)};

        for (size_t j = 0; j < ARRAY_LEN(ops) && ops[j]; j++) {
            for (size_t n = 0; n <= RECORD_PLAIN_MAX; n += n < 600 ? 1 : 263) {
                at_the_edge(suite_at(i), ops[j], page, n, true);
                at_the_edge(suite_at(i), ops[j], page, n, false);
            }
        }
    }
    munmap(all, 3 * PAGE);
}

/* Three libraries that are wrong, each in its own way. */
static int seal_wrong(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                      const uint8_t *in, uint8_t *out, size_t len)
{
    int rc = seal_evp.encrypt(s, nonce, aad, n_aad, in, out, len);

    out[len + 15] ^= 0x80;
    return rc;
}

static int open_wrong(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                      const uint8_t *in, uint8_t *out, size_t len)
{
    int rc = seal_evp.decrypt(s, nonce, aad, n_aad, in, out, len);

    out[len - 1] ^= 1;
    return rc;
}

static int open_any(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                    const uint8_t *in, uint8_t *out, size_t len)
{
    return seal_evp.decrypt(s, nonce, aad, n_aad, in, out, len) == -EIO ? -EIO : 0;
}

static int init_fails(struct seal *s)
{
    (void)s;
    return -ENOMEM;
}

TEST("a library that seals wrongly, opens wrongly or opens anything is found out")
{
    for (size_t i = 0; suite_at(i); i++) {
        struct seal_ops a = seal_evp, b = seal_evp, c = seal_evp, d = seal_evp;

        a.encrypt = seal_wrong;
        b.decrypt = open_wrong;
        c.decrypt = open_any;
        d.init = init_fails;
        EXPECT(record_test(suite_at(i), &seal_evp) == 0);
        EXPECT(record_test(suite_at(i), &a) == -EILSEQ);
        EXPECT(record_test(suite_at(i), &b) == -EILSEQ);
        EXPECT(record_test(suite_at(i), &c) == -EILSEQ);
        EXPECT(record_test(suite_at(i), &d) == -ENOMEM);
    }
}

int main(void)
{
    return test_run();
}
