/* Is each record sealed and opened as its RFC says, alike by both libraries, and else refused? */
#include <errno.h>
#include <stdlib.h>
#include "dataplane/base/check.h"
#include "dataplane/record/record.h"
#include "dataplane/record/seal.h"
#include "tests/unit/hex.h"
#include "tests/unit/test.h"

#define SPACE       (RECORD_PLAIN_MAX + 256 + SEAL_PREFIX_MAX + SEAL_SUFFIX_MAX)
#define RECORD_MOST (RECORD_PLAIN_MAX + SEAL_PREFIX_MAX + SEAL_SUFFIX_MAX)

static const size_t sizes[] = {0, 1, 15, 16, 17, 255, 256, 1400, 4096, RECORD_PLAIN_MAX};

/* Every library that can do this AEAD here, NULL at the end. */
static const struct seal_ops *library(const struct suite *s, size_t i)
{
    const struct seal_ops *all[] = {&seal_evp, seal_ipsecmb(s->aead), NULL, NULL};

    return all[i];
}

static struct seal with_keys(const struct suite *suite, const struct seal_ops *ops, uint64_t seq)
{
    struct traffic_keys k = {.suite = suite, .seq = seq};
    struct seal s;

    for (size_t i = 0; i < sizeof k.secret; i++)
        k.secret[i] = (uint8_t)(i * 3 + 1);
    for (size_t i = 0; i < sizeof k.key; i++)
        k.key[i] = (uint8_t)(i * 5 + 2);
    for (size_t i = 0; i < sizeof k.iv; i++)
        k.iv[i] = (uint8_t)(i * 7 + 3);
    check(seal_init(&s, &k, ops) == 0);
    return s;
}

static uint8_t *content_of(size_t n)
{
    static uint8_t mem[RECORD_PLAIN_MAX];

    for (size_t i = 0; i < n; i++)
        mem[i] = (uint8_t)(i * 11 + n);
    return mem;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    while (n && p[n - 1] == 0)
        n--;
    return n == 0;
}

/* An inner text of any form as a TLS 1.3 record of s, and s goes on: what a bad peer could send. */
static size_t seal_inner(struct seal *s, const uint8_t *inner, size_t n, uint8_t *record)
{
    uint8_t nonce[12], header[5] = {23, 3, 3, (uint8_t)((n + 16) >> 8), (uint8_t)(n + 16)};

    memcpy(nonce, s->keys.iv, sizeof nonce);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] ^= (uint8_t)(s->keys.seq >> (56 - 8 * i));
    s->keys.seq++;
    memcpy(record, header, sizeof header);
    check(s->state || s->ops->init(s) == 0);
    check(s->ops->encrypt(s, nonce, header, 5, inner, record + 5, n) == 0);
    return n + 5 + 16;
}

/* What opening this inner text gives. */
static int open_inner(const uint8_t *inner, size_t n, struct opened *o)
{
    static uint8_t record[SPACE];
    struct seal tx = with_keys(suite_at(0), NULL, 0), rx = with_keys(suite_at(0), NULL, 0);
    int rc = open_record(&rx, record, seal_inner(&tx, inner, n, record), o);

    seal_fini(&tx);
    seal_fini(&rx);
    return rc;
}

struct vector {
    enum aead aead;
    const char *key, *nonce, *aad, *text, *sealed; /* sealed: ciphertext, tag */
};

/* McGrew and Viega's GCM test cases 4 and 16; RFC 8439 2.8.2. */
static const struct vector vectors[] = {
    {AEAD_AES_128_GCM, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "5"
     "25b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84a"
     "a"
     "051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {AEAD_AES_256_GCM, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "5"
     "25b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "8"
     "38c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    {AEAD_CHACHA20_POLY1305, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7",
     "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620492"
     "0"
     "636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c20737"
     "5"
     "6e73637265656e20776f756c642062652069742e",
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da927"
     "2"
     "8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b483"
     "1"
     "d7bc3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
};

static const struct suite *suite_with(enum aead aead)
{
    for (size_t i = 0; suite_at(i); i++)
        if (suite_at(i)->aead == aead)
            return suite_at(i);
    return NULL;
}

TEST("each library computes the published vectors, and opens them")
{
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        const struct vector *v = &vectors[i];
        uint8_t nonce[12], aad[32], text[128], sealed[128 + SUITE_TAG];
        const struct suite *suite = suite_with(v->aead);

        unhex(v->nonce, nonce, sizeof nonce);
        for (size_t j = 0; library(suite, j); j++) {
            struct seal s = {.keys = {.suite = suite}, .ops = library(suite, j)};
            size_t n_aad = unhex(v->aad, aad, sizeof aad), n = unhex(v->text, text, sizeof text);

            unhex(v->key, s.keys.key, sizeof s.keys.key);
            EXPECT(s.ops->init(&s) == 0);
            EXPECT(s.ops->encrypt(&s, nonce, aad, n_aad, text, sealed, n) == 0);
            EXPECT(hex_equal(sealed, n + 16, v->sealed));
            EXPECT(s.ops->decrypt(&s, nonce, aad, n_aad, sealed, sealed, n) == 0);
            EXPECT(hex_equal(sealed, n, v->text));
            seal_fini(&s);
        }
    }
}

TEST("ipsec-mb serves exactly the x86-64 machines with AES instructions, and is then the best")
{
    char line[8192];
    bool able = false;
    FILE *f = fopen("/proc/cpuinfo", "r");

    while (f && fgets(line, sizeof line, f))
        able |= strstr(line, " pclmulqdq") && strstr(line, " aes");
    if (f)
        fclose(f);
    for (int aead = AEAD_AES_128_GCM; aead <= AEAD_CHACHA20_POLY1305; aead++) {
        const struct seal_ops *fast = seal_ipsecmb((enum aead)aead);

        EXPECT((fast != NULL) == able);
        EXPECT(seal_best((enum aead)aead) == (able ? fast : &seal_evp));
    }
}

/* One record of n bytes by `a`, also in place, and by `b`: the same bytes; each opens the other's.
 */
static void both_ways(const struct suite *suite, const struct seal_ops *a, const struct seal_ops *b,
                      size_t n)
{
    static uint8_t one[SPACE], two[SPACE], three[SPACE];
    struct seal sa = with_keys(suite, a, 5), sb = with_keys(suite, b, 5);
    struct seal place = with_keys(suite, a, 5), ra = with_keys(suite, a, 5);
    const uint8_t *content = content_of(n);
    size_t n1 = 0, n2 = 0, n3 = 0;
    struct opened o1 = {0}, o2 = {0};

    memcpy(three + seal_prefix(&place), content, n);
    EXPECT(seal_record(&sa, CONTENT_DATA, content, n, one, &n1) == 0);
    EXPECT(seal_record(&sb, CONTENT_DATA, content, n, two, &n2) == 0);
    EXPECT(seal_record(&place, CONTENT_DATA, three + seal_prefix(&place), n, three, &n3) == 0);
    EXPECT(n1 == n + seal_overhead(&sa) && n2 == n1 && n3 == n1);
    EXPECT(!memcmp(one, two, n1) && !memcmp(one, three, n1));
    sb.keys.seq = 5;
    EXPECT(open_record(&ra, two, n2, &o1) == 0 && open_record(&sb, one, n1, &o2) == 0);
    EXPECT(o1.type == CONTENT_DATA && o1.n == n && !memcmp(o1.data, content, n));
    EXPECT(o2.type == CONTENT_DATA && o2.n == n && !memcmp(o2.data, content, n));
    EXPECT(o1.data == two + seal_prefix(&ra));
    seal_fini(&sa);
    seal_fini(&sb);
    seal_fini(&place);
    seal_fini(&ra);
}

TEST("all libraries agree on every suite and size, in place and out of place")
{
    for (size_t i = 0; suite_at(i); i++)
        for (size_t a = 0; library(suite_at(i), a); a++)
            for (size_t b = 0; library(suite_at(i), b); b++)
                for (size_t n = 0; n < ARRAY_LEN(sizes); n++)
                    both_ways(suite_at(i), library(suite_at(i), a), library(suite_at(i), b),
                              sizes[n]);
}

TEST("a record carries its type: in the header in TLS 1.2, within in TLS 1.3")
{
    for (size_t i = 0; suite_at(i); i++) {
        struct seal tx = with_keys(suite_at(i), NULL, 0), rx = with_keys(suite_at(i), NULL, 0);

        for (uint8_t type = CONTENT_ALERT; type <= CONTENT_DATA; type++) {
            uint8_t record[64];
            struct opened o = {0};
            size_t n = 0;

            EXPECT(seal_record(&tx, type, (const uint8_t *)"ab", 2, record, &n) == 0);
            EXPECT(record[0] == (suite_at(i)->version == TLS13 ? CONTENT_DATA : type));
            EXPECT(record[1] == 3 && record[2] == 3 && (record[3] << 8 | record[4]) == (int)n - 5);
            EXPECT(open_record(&rx, record, n, &o) == 0);
            EXPECT(o.type == type && o.n == 2 && !memcmp(o.data, "ab", 2));
        }
        seal_fini(&tx);
        seal_fini(&rx);
    }
}

/* Flip one bit of a small record: refused, nothing of the content left, no sequence number used. */
static void flip(struct seal *rx, const uint8_t *good, size_t n, size_t bit)
{
    uint8_t bad[64];
    struct opened o = {.n = 99};
    size_t prefix = seal_prefix(rx);
    int rc;

    memcpy(bad, good, n);
    bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
    rc = open_record(rx, bad, n, &o);
    if (bit >= 5 * 8)
        EXPECT(rc == -EBADMSG);
    EXPECT(rc == -EBADMSG || rc == -EPROTO || rc == -EMSGSIZE);
    if (rc == -EBADMSG)
        EXPECT(all_zero(bad + prefix, n - prefix - SUITE_TAG));
    EXPECT(o.n == 99 && o.data == NULL && rx->keys.seq == 3);
}

TEST("a record with any one bit flipped is refused and its content wiped, by every library")
{
    for (size_t i = 0; suite_at(i); i++) {
        for (size_t j = 0; library(suite_at(i), j); j++) {
            struct seal tx = with_keys(suite_at(i), NULL, 3);
            struct seal rx = with_keys(suite_at(i), library(suite_at(i), j), 3);
            uint8_t good[64];
            struct opened o = {0};
            size_t n = 0;

            EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"hello", 5, good, &n) == 0);
            for (size_t bit = 0; bit < n * 8; bit++)
                flip(&rx, good, n, bit);
            EXPECT(open_record(&rx, good, n, &o) == 0 && o.n == 5);
            seal_fini(&tx);
            seal_fini(&rx);
        }
    }
}

TEST("a record can not be opened twice, late, or early")
{
    for (size_t i = 0; suite_at(i); i++) {
        struct seal tx = with_keys(suite_at(i), NULL, 0), rx = with_keys(suite_at(i), NULL, 0);
        uint8_t one[64], again[64], two[64], early[64];
        size_t n = 0;
        struct opened o;

        EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"1", 1, one, &n) == 0);
        EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"2", 1, two, &n) == 0);
        memcpy(again, one, n);
        memcpy(early, two, n);
        EXPECT(open_record(&rx, early, n, &o) == -EBADMSG);
        EXPECT(open_record(&rx, one, n, &o) == 0);
        EXPECT(open_record(&rx, again, n, &o) == -EBADMSG);
        EXPECT(open_record(&rx, two, n, &o) == 0);
        seal_fini(&tx);
        seal_fini(&rx);
    }
}

TEST("TLS 1.3 padding is taken off, up to the limit that it shares with the content")
{
    static uint8_t inner[RECORD_PLAIN_MAX + 2];
    struct opened o = {0};

    memcpy(inner, "abc\0\x17", 5);
    EXPECT(open_inner(inner, 5, &o) == 0 && o.n == 4 && o.type == CONTENT_DATA);
    EXPECT(open_inner(inner, 600, &o) == 0 && o.n == 4 && o.type == CONTENT_DATA);
    EXPECT(open_inner(inner, RECORD_PLAIN_MAX + 1, &o) == 0 && o.n == 4);
    EXPECT(open_inner(inner, RECORD_PLAIN_MAX + 2, &o) == -EMSGSIZE);
}

TEST("a TLS 1.3 record of zeros alone has no type and is refused")
{
    static const uint8_t zeros[300];
    struct opened o;

    /* Every length: looking past the content's beginning would find the header's last byte. */
    for (size_t n = 1; n <= sizeof zeros; n++)
        EXPECT(open_inner(zeros, n, &o) == -EPROTO);
}

TEST("within a TLS 1.3 record only alert, handshake and data are legal")
{
    for (int type = 1; type < 256; type++) {
        const uint8_t inner[] = {1, (uint8_t)type};
        struct opened o = {0};

        EXPECT(open_inner(inner, 2, &o) == (type >= 21 && type <= 23 ? 0 : -EPROTO));
    }
}

TEST("data may be empty; an alert or a handshake record may not")
{
    for (size_t i = 0; suite_at(i); i++) {
        for (uint8_t type = CONTENT_ALERT; type <= CONTENT_DATA; type++) {
            struct seal tx = with_keys(suite_at(i), NULL, 0), rx = with_keys(suite_at(i), NULL, 0);
            uint8_t record[64];
            struct opened o = {.n = 1};
            size_t n = 0;

            EXPECT(seal_record(&tx, type, NULL, 0, record, &n) == 0);
            EXPECT(open_record(&rx, record, n, &o) == (type == CONTENT_DATA ? 0 : -EPROTO));
            EXPECT(o.n == (type == CONTENT_DATA ? 0 : 1));
            seal_fini(&tx);
            seal_fini(&rx);
        }
    }
}

TEST("a header of another type or version is refused before anything is computed")
{
    for (size_t i = 0; suite_at(i); i++) {
        struct seal rx = with_keys(suite_at(i), NULL, 0);
        const int least = suite_at(i)->version == TLS13 ? CONTENT_DATA : CONTENT_ALERT;
        struct opened o;

        for (int v = 0; v < 256; v++) {
            uint8_t type[45] = {(uint8_t)v, 3, 3, 0, 40}, major[45] = {23, (uint8_t)v, 3, 0, 40};
            uint8_t minor[45] = {23, 3, (uint8_t)v, 0, 40};
            int want = v >= least && v <= CONTENT_DATA ? -EBADMSG : -EPROTO;

            EXPECT(open_record(&rx, type, 45, &o) == want);
            EXPECT(open_record(&rx, major, 45, &o) == (v == 3 ? -EBADMSG : -EPROTO));
            EXPECT(open_record(&rx, minor, 45, &o) == (v == 3 ? -EBADMSG : -EPROTO));
        }
        seal_fini(&rx);
    }
}

TEST("a record's length is its header's, enough for a tag, and not too long")
{
    static uint8_t record[RECORD_MOST + 2];

    for (size_t i = 0; suite_at(i); i++) {
        struct seal rx = with_keys(suite_at(i), NULL, 0);
        const size_t least = seal_overhead(&rx), most = least + RECORD_PLAIN_MAX;
        struct opened o;

        for (size_t n = 0; n <= most + 1; n += n < 60 || n > most - 20 ? 1 : 97) {
            memcpy(record, (uint8_t[]){23, 3, 3, (uint8_t)((n - 5) >> 8), (uint8_t)(n - 5)}, 5);
            EXPECT(open_record(&rx, record, n, &o) ==
                   (n < least || n > most ? -EMSGSIZE : -EBADMSG));
        }
        memcpy(record, (uint8_t[]){23, 3, 3, 0, 50}, 5);
        EXPECT(open_record(&rx, record, 54, &o) == -EMSGSIZE);
        EXPECT(open_record(&rx, record, 55, &o) == -EBADMSG);
        EXPECT(open_record(&rx, record, 56, &o) == -EMSGSIZE);
        seal_fini(&rx);
    }
}

TEST("the last sequence number is never used, in either direction")
{
    for (size_t i = 0; suite_at(i); i++) {
        struct seal tx = with_keys(suite_at(i), NULL, UINT64_MAX - 1);
        struct seal rx = with_keys(suite_at(i), NULL, UINT64_MAX - 1);
        uint8_t record[64], untouched[64] = {0};
        struct opened o;
        size_t n = 0;

        EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"x", 1, record, &n) == 0);
        EXPECT(open_record(&rx, record, n, &o) == 0);
        EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"x", 1, untouched, &n) ==
               -EOVERFLOW);
        EXPECT(all_zero(untouched, sizeof untouched) && tx.keys.seq == UINT64_MAX);
        EXPECT(open_record(&rx, record, n, &o) == -EOVERFLOW);
        seal_fini(&tx);
        seal_fini(&rx);
    }
}

TEST("an idle direction holds no expanded key, and goes on where it stopped")
{
    for (size_t i = 0; suite_at(i); i++) {
        for (size_t j = 0; library(suite_at(i), j); j++) {
            struct seal tx = with_keys(suite_at(i), library(suite_at(i), j), 0);
            struct seal rx = with_keys(suite_at(i), library(suite_at(i), j), 0);

            EXPECT(tx.state == NULL); /* nothing is expanded before the first record */
            for (int round = 0; round < 3; round++) {
                uint8_t record[64];
                struct opened o = {0};
                size_t n = 0;

                EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"x", 1, record, &n) == 0);
                EXPECT(open_record(&rx, record, n, &o) == 0 && o.n == 1 && tx.state && rx.state);
                seal_idle(&tx);
                seal_idle(&rx);
                seal_idle(&rx);
                EXPECT(!tx.state && !rx.state && tx.keys.seq == (uint64_t)round + 1);
            }
            seal_fini(&tx);
            seal_fini(&rx);
        }
    }
}

TEST("after an update both ends understand each other, and the old key opens nothing new")
{
    for (size_t i = 0; suite_at(i) && suite_at(i)->version == TLS13; i++) {
        for (size_t j = 0; library(suite_at(i), j); j++) {
            struct seal tx = with_keys(suite_at(i), library(suite_at(i), j), 0);
            struct seal rx = with_keys(suite_at(i), library(suite_at(i), j), 0);
            struct seal old = with_keys(suite_at(i), library(suite_at(i), j), 0);
            uint8_t record[64], copy[64];
            struct opened o = {0};
            size_t n = 0;

            EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"x", 1, record, &n) == 0);
            EXPECT(seal_update(&tx) == 0 && seal_update(&rx) == 0);
            EXPECT(tx.keys.seq == 0 && tx.keys.epoch == 1 && tx.state == NULL);
            EXPECT(seal_record(&tx, CONTENT_DATA, (const uint8_t *)"y", 1, record, &n) == 0);
            memcpy(copy, record, n);
            EXPECT(open_record(&rx, record, n, &o) == 0 && o.n == 1 && o.data[0] == 'y');
            EXPECT(open_record(&old, copy, n, &o) == -EBADMSG);
            seal_fini(&tx);
            seal_fini(&rx);
            seal_fini(&old);
        }
    }
}

TEST("TLS 1.2 has no update, and a refused one changes nothing")
{
    struct seal s = with_keys(suite_by_id(0xc030), NULL, 7);
    struct traffic_keys before = s.keys;

    EXPECT(seal_update(&s) == -EINVAL && !memcmp(&before, &s.keys, sizeof before));
    seal_fini(&s);
}

TEST("keys move in, and are wiped at the end")
{
    struct traffic_keys k = {.suite = suite_at(0), .secret = {1, 2, 3}};
    static struct seal s;
    uint8_t record[64];
    size_t n;

    EXPECT(seal_init(&s, &k, NULL) == 0 && all_zero((const uint8_t *)&k, sizeof k));
    EXPECT(!all_zero(s.keys.key, sizeof s.keys.key));
    EXPECT(seal_record(&s, CONTENT_DATA, NULL, 0, record, &n) == 0);
    seal_fini(&s);
    EXPECT(all_zero((const uint8_t *)&s, sizeof s));
    seal_fini(&s);
    seal_idle(&s);
}

int main(void)
{
    check(record_init() == 0);
    return test_run();
}
