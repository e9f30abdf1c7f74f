/* bundle: is an update taken only whole, unchanged and signed, however it comes in pieces? */
#include <errno.h>

#include "tests/unit/update_make.h"

struct seen {
    struct bundle_head head;
    unsigned heads;
    uint64_t bytes[BUNDLE_PARTS];
    int refuse; /* what the sink says to the head */
    bool blind; /* the bytes are not what they should be */
};

static int on_head(void *arg, const struct bundle_head *h, struct err *e)
{
    struct seen *s = arg;

    s->heads++;
    s->head = *h;
    return s->refuse ? err_set(e, s->refuse, "here", "that", "no") : 0;
}

static int on_data(void *arg, enum bundle_part part, uint64_t at, const uint8_t *data, size_t n,
                   struct err *e)
{
    struct seen *s = arg;

    (void)e;
    EXPECT(s->heads == 1 && n > 0 && at == s->bytes[part]);
    for (size_t i = 0; !s->blind && part != BUNDLE_TREE && i < n; i++)
        EXPECT(data[i] == (part == BUNDLE_ROOT ? 0x52 : 0x4b));
    s->bytes[part] += n;
    return 0;
}

static const struct bundle_sink sink = {.head = on_head, .data = on_data};

/* Read n bytes in pieces of this size, and the end. */
static int run(const struct update *u, size_t n, size_t piece, struct seen *s, struct err *e)
{
    struct bundle_reader *r = bundle_new(u->key, &sink, s);
    int rc = 0, again;

    for (size_t at = 0; !rc && at < n; at += piece)
        rc = bundle_feed(r, u->bytes + at, n - at < piece ? n - at : piece, e);
    again = bundle_end(r, e);
    EXPECT(!rc || again == rc); /* what was said stands */
    bundle_free(r);
    return again;
}

TEST("an update is read whole in pieces of any size")
{
    struct update *u = update_make(UPDATE_NEW);
    const size_t pieces[] = {1, 7, BUNDLE_HEAD_BYTES, BUNDLE_BLOCK, 10000, UPDATE_SIZE};

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct seen s = {0};
        struct err e;

        EXPECT(!run(u, UPDATE_SIZE, pieces[i], &s, &e));
        EXPECT(s.head.version == UPDATE_NEW && s.heads == 1);
        EXPECT(s.bytes[BUNDLE_ROOT] == UPDATE_ROOT && s.bytes[BUNDLE_TREE] == UPDATE_TREE &&
               s.bytes[BUNDLE_KERNEL] == UPDATE_KERNEL);
    }
    update_free(u);
}

TEST("each changed bit of the head is refused before a byte is handed on")
{
    struct update *u = update_make(UPDATE_NEW);

    for (size_t bit = 0; bit < 8 * BUNDLE_HEAD_BYTES; bit += 3) {
        struct seen s = {0};
        struct err e;
        int rc;

        u->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        rc = run(u, UPDATE_SIZE, 4096, &s, &e);
        EXPECT(rc == -EKEYREJECTED || rc == -EPROTO);
        EXPECT(!s.heads && !s.bytes[0]);
        u->bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    update_free(u);
}

TEST("another key's signature is refused")
{
    struct update *u = update_make(UPDATE_NEW), *other = update_make(UPDATE_NEW);
    struct seen s = {0};
    struct err e;

    memcpy(u->key, other->key, sizeof u->key);
    EXPECT(run(u, UPDATE_SIZE, 4096, &s, &e) == -EKEYREJECTED && !s.heads);
    update_free(u);
    update_free(other);
}

TEST("a changed byte of any part is found at the end of the part")
{
    struct update *u = update_make(UPDATE_NEW);
    const size_t at[] = {BUNDLE_HEAD_BYTES, BUNDLE_HEAD_BYTES + UPDATE_ROOT + 9, UPDATE_SIZE - 1};
    static const char *const names[] = {"root", "tree", "kernel"};

    for (size_t i = 0; i < 3; i++) {
        struct seen s = {.blind = true};
        struct err e;

        u->bytes[at[i]] ^= 1;
        EXPECT(run(u, UPDATE_SIZE, 999, &s, &e) == -EBADMSG);
        EXPECT(strstr(e.what, names[i]) != NULL);
        u->bytes[at[i]] ^= 1;
    }
    update_free(u);
}

TEST("one that ends early, or goes on behind its end, is refused")
{
    struct update *u = update_make(UPDATE_NEW);
    const size_t ends[] = {0, 1, BUNDLE_HEAD_BYTES - 1, BUNDLE_HEAD_BYTES, UPDATE_SIZE - 1};
    struct bundle_reader *r;
    struct seen s = {0};
    struct err e;

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct seen t = {0};

        EXPECT(run(u, ends[i], 4096, &t, &e) == -EPROTO);
    }
    r = bundle_new(u->key, &sink, &s);
    EXPECT(!bundle_feed(r, u->bytes, UPDATE_SIZE, &e));
    EXPECT(bundle_feed(r, u->bytes, 1, &e) == -EPROTO);
    EXPECT(bundle_end(r, &e) == -EPROTO);
    bundle_free(r);
    update_free(u);
}

TEST("what the receiver says to the head ends the reading with its words")
{
    struct update *u = update_make(UPDATE_NEW);
    struct seen s = {.refuse = -EPERM};
    struct err e;

    EXPECT(run(u, UPDATE_SIZE, 4096, &s, &e) == -EPERM);
    EXPECT(!strcmp(e.what, "no") && !s.bytes[0]);
    update_free(u);
}

TEST("a signed head with sizes or a version out of bounds is refused")
{
    static const struct {
        uint64_t version, root, tree, kernel;
    } rows[] = {
        {1, BUNDLE_BLOCK, BUNDLE_BLOCK, 1},
        {BUNDLE_VERSION_LAST + 1ULL, BUNDLE_BLOCK, BUNDLE_BLOCK, 1},
        {UPDATE_NEW, 0, BUNDLE_BLOCK, 1},
        {UPDATE_NEW, BUNDLE_BLOCK + 1, BUNDLE_BLOCK, 1},
        {UPDATE_NEW, BUNDLE_BLOCK, 100, 1},
        {UPDATE_NEW, BUNDLE_BLOCK, BUNDLE_BLOCK, 0},
        {UPDATE_NEW, BUNDLE_BLOCK, BUNDLE_BLOCK, BUNDLE_PART_MAX + 1},
        {UPDATE_NEW, UINT64_MAX / BUNDLE_BLOCK * BUNDLE_BLOCK, BUNDLE_BLOCK, 1},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bundle_head h = {
            .version = rows[i].version,
            .parts = {{.size = rows[i].root}, {.size = rows[i].tree}, {.size = rows[i].kernel}}};
        struct bundle_head got = {.version = 5};
        uint8_t mem[BUNDLE_SIGNED_BYTES];
        struct buf b;

        buf_init(&b, mem, sizeof mem);
        bundle_put_head(&b, &h);
        EXPECT(buf_ok(&b));
        buf_init_read(&b, mem, sizeof mem);
        EXPECT(bundle_get_head(&b, &got) == -EPROTO && got.version == 5);
    }
}

int main(void)
{
    return test_run();
}
