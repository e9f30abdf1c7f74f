/* backup: is a backup read as it was written, and not at all when a bit of it was touched? */
#include <errno.h>
#include <stdlib.h>
#include "dataplane/base/log.h"
#include "mgmt/backup/reader.h"
#include "tests/unit/test.h"

static const uint8_t key[BACKUP_KEY] = {1}, head[BACKUP_HEAD] = {2};

/* What came out of a file. */
struct got {
    struct reader reader;
    unsigned kinds[RECORDS_END + 1];
    size_t bytes;
    int fail; /* what the taker says to an object */
};

static int take(void *arg, enum records_kind kind, const uint8_t *body, size_t n, struct err *e)
{
    struct got *g = arg;

    for (size_t i = 0; i < n; i++)
        EXPECT(body[i] == (uint8_t)(i + kind));
    g->kinds[kind]++;
    g->bytes += n;
    return kind == RECORDS_OBJECT && g->fail ? err_set(e, g->fail, "", "", "no") : 0;
}

/* ---- files ---- */

struct file {
    uint8_t *p;
    size_t n;
};

static void add(struct file *plain, uint8_t kind, size_t n)
{
    plain->p = realloc(plain->p, plain->n + RECORDS_HEAD + n);
    records_head(kind, n, plain->p + plain->n);
    plain->n += RECORDS_HEAD;
    for (size_t i = 0; i < n; i++)
        plain->p[plain->n++] = (uint8_t)(i + kind);
}

static struct file sealed(const struct file *plain)
{
    size_t pieces = (plain->n + CHUNK_DATA - 1) / CHUNK_DATA;
    struct file f = {malloc(plain->n + pieces * CHUNK_TAG), 0};
    struct chunks c;

    chunks_init(&c, key, head);
    for (size_t at = 0; at < plain->n; at += CHUNK_DATA) {
        size_t n = plain->n - at < CHUNK_DATA ? plain->n - at : CHUNK_DATA;

        EXPECT(chunks_seal(&c, plain->p + at, n, at + n == plain->n, f.p + f.n) == 0);
        f.n += n + CHUNK_TAG;
    }
    chunks_fini(&c);
    return f;
}

/* A backup with an object of that many bytes. */
static struct file sample(size_t n)
{
    struct file plain = {0}, f;

    add(&plain, RECORDS_MANIFEST, 3);
    add(&plain, RECORDS_DOCUMENT, 100);
    add(&plain, RECORDS_AUTHORITY, 10);
    add(&plain, RECORDS_OBJECT, n);
    add(&plain, RECORDS_OBJECT, 1);
    add(&plain, RECORDS_KEY, 20);
    add(&plain, RECORDS_END, 0);
    f = sealed(&plain);
    free(plain.p);
    return f;
}

/* Read a file in parts of that many bytes. */
static int read_file(struct got *g, const uint8_t *p, size_t n, size_t part)
{
    struct err e = {.what = ""};
    int rc = 0;

    reader_init(&g->reader, key, head);
    records_init(&g->reader.records, g, take);
    for (size_t at = 0; at < n && !rc; at += part)
        rc = reader_feed(&g->reader, p + at, n - at < part ? n - at : part, &e);
    if (!rc)
        rc = reader_end(&g->reader, &e);
    EXPECT(!rc || (e.what[0] && e.fix[0]) || g->fail);
    reader_fini(&g->reader);
    return rc;
}

static int reads(const uint8_t *p, size_t n)
{
    struct got *g = calloc(1, sizeof *g);
    int rc = read_file(g, p, n, 40000);

    free(g);
    return rc;
}

/* ---- cases ---- */

TEST("a backup is read as it was written, whatever parts it comes in")
{
    static const size_t parts[] = {1, 7, CHUNK_ROOM - 1, CHUNK_ROOM, CHUNK_ROOM + 1, 1 << 20};
    static const size_t sizes[] = {1, CHUNK_DATA, 3 * CHUNK_DATA};

    for (size_t s = 0; s < 3; s++) {
        struct file f = sample(sizes[s]);

        for (size_t i = s == 0 ? 0 : 1; i < 6; i++) {
            struct got *g = calloc(1, sizeof *g);

            EXPECT(read_file(g, f.p, f.n, parts[i]) == 0);
            EXPECT(g->kinds[RECORDS_OBJECT] == 2 && g->kinds[RECORDS_KEY] == 1 &&
                   g->kinds[RECORDS_END] == 1 && g->bytes == 134 + sizes[s]);
            free(g);
        }
        free(f.p);
    }
}

TEST("a backup that ends exactly with a piece is read, and cut at its last piece it is not")
{
    struct file f = sample(2 * CHUNK_DATA - 134 - 7 * RECORDS_HEAD);

    EXPECT(f.n == 2 * CHUNK_ROOM);
    EXPECT(reads(f.p, f.n) == 0);
    EXPECT(reads(f.p, CHUNK_ROOM) == -EKEYREJECTED);
    EXPECT(reads(f.p, 0) == -EBADMSG);
    free(f.p);
}

TEST("any bit changed, any byte missing or added is refused before a record of its piece is taken")
{
    struct file f = sample(50);
    uint8_t *bad = malloc(f.n + 1);

    for (size_t i = 0; i < f.n; i++) {
        struct got *g = calloc(1, sizeof *g);

        memcpy(bad, f.p, f.n);
        bad[i] ^= 1 << (i % 8);
        EXPECT(read_file(g, bad, f.n, f.n) == -EKEYREJECTED);
        EXPECT(g->bytes == 0 && !g->kinds[RECORDS_MANIFEST]);
        free(g);
    }
    for (size_t n = 0; n < f.n; n++)
        EXPECT(reads(f.p, n) == (n ? -EKEYREJECTED : -EBADMSG));
    memcpy(bad, f.p, f.n);
    bad[f.n] = 0;
    EXPECT(reads(bad, f.n + 1) == -EKEYREJECTED);
    free(bad);
    free(f.p);
}

TEST("pieces that were moved, repeated, left out, cut or added are refused")
{
    static const int orders[][5] = {{1, 0, 2, 3, -1}, {0, 2, 1, 3, -1},  {0, 2, 3, -1, -1},
                                    {0, 1, 1, 2, 3},  {0, 1, 2, -1, -1}, {1, 2, 3, -1, -1},
                                    {0, 1, 2, 3, 0},  {0, 1, 2, 3, 3},   {3, -1, -1, -1, -1}};
    struct file f = sample(3 * CHUNK_DATA);
    uint8_t *bad = malloc(5 * CHUNK_ROOM);

    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        size_t n = 0;

        for (int k = 0; k < 5 && orders[i][k] >= 0; k++) {
            size_t at = (size_t)orders[i][k] * CHUNK_ROOM;
            size_t size = f.n - at < CHUNK_ROOM ? f.n - at : CHUNK_ROOM;

            memcpy(bad + n, f.p + at, size);
            n += size;
        }
        EXPECT(reads(bad, n) != 0);
    }
    EXPECT(reads(f.p, f.n) == 0);
    free(bad);
    free(f.p);
}

TEST("another key or another head opens nothing")
{
    struct file f = sample(5);
    uint8_t other[BACKUP_HEAD] = {3}, out[CHUNK_DATA];
    struct chunks c;

    chunks_init(&c, key, other);
    EXPECT(chunks_open(&c, f.p, f.n, true, out) == -EBADMSG);
    chunks_init(&c, other, head);
    EXPECT(chunks_open(&c, f.p, f.n, true, out) == -EBADMSG);
    chunks_init(&c, key, head);
    EXPECT(chunks_open(&c, f.p, f.n, false, out) == -EBADMSG);
    EXPECT(chunks_open(&c, f.p, f.n, true, out) == 0);
    EXPECT(chunks_open(&c, f.p, f.n, true, out) == -EBADMSG); /* it has ended */
    free(f.p);
}

/* Records as the kinds of a string's digits, each of one byte but END. */
static int order(const char *kinds)
{
    struct file plain = {0}, f;
    int rc;

    for (const char *k = kinds; *k; k++)
        add(&plain, (uint8_t)(*k - '0'), *k == '6' ? 0 : 1);
    f = sealed(&plain);
    free(plain.p);
    rc = reads(f.p, f.n);
    free(f.p);
    return rc;
}

TEST("records come in their order, those that must be there are, and nothing comes behind the end")
{
    static const char *const good[] = {"126", "1236", "124446", "12556", "12345556"};
    static const char *const bad[] = {"6",      "16",    "26",    "216", "1126", "1226",
                                      "12336",  "12436", "12546", "12",  "1",    "12366",
                                      "123646", "1206",  "1276",  "012", "12345"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        EXPECT(order(good[i]) == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        EXPECT(order(bad[i]) == -EBADMSG);
}

TEST("a record that is longer than its kind may be is refused by its head alone")
{
    static const struct {
        uint8_t kind;
        uint32_t n;
    } rows[] = {{RECORDS_MANIFEST, 64 * 1024 + 1}, {RECORDS_MANIFEST, UINT32_MAX}};
    struct records r;
    struct err e;

    for (size_t i = 0; i < 2; i++) {
        uint8_t h[RECORDS_HEAD];

        records_init(&r, NULL, take);
        records_head(rows[i].kind, rows[i].n, h);
        EXPECT(records_feed(&r, h, sizeof h, &e) == -EBADMSG && !r.body);
        records_fini(&r);
    }
}

TEST("what the taker refuses ends the reading with the taker's word")
{
    struct file f = sample(5);
    struct got *g = calloc(1, sizeof *g);

    g->fail = -ENOSPC;
    EXPECT(read_file(g, f.p, f.n, f.n) == -ENOSPC);
    EXPECT(g->kinds[RECORDS_OBJECT] == 1 && !g->kinds[RECORDS_KEY]);
    free(g);
    free(f.p);
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
