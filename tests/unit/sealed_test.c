/* sealed: is the file of a sealed key read as it was written, and nothing else taken for one? */
#include "dataplane/wire/sealed.h"

#include <errno.h>

#include "tests/unit/test.h"

static struct sealed sample(void)
{
    struct sealed s = {
        .binding = SEALED_SECURE_BOOT, .n_name = 34, .n_public = 78, .n_private = 222};

    memset(s.name, 1, s.n_name);
    memset(s.public_part, 2, s.n_public);
    memset(s.private_part, 3, s.n_private);
    return s;
}

TEST("what is written is read again")
{
    struct sealed s = sample(), got;
    uint8_t bytes[SEALED_FILE_MAX];
    size_t n = sealed_put(&s, bytes);

    EXPECT(sealed_is(bytes, n) && n != SEALED_KEY);
    EXPECT(!sealed_get(bytes, n, &got) && !memcmp(&got, &s, sizeof s));
    s.n_name = SEALED_NAME_MAX;
    s.n_public = s.n_private = SEALED_PART_MAX;
    EXPECT(sealed_put(&s, bytes) == SEALED_FILE_MAX);
    EXPECT(!sealed_get(bytes, SEALED_FILE_MAX, &got));
}

TEST("one that is cut, longer, empty in a part, or bound to something unknown is refused")
{
    struct sealed s = sample(), got = {.n_name = 7};
    uint8_t bytes[SEALED_FILE_MAX + 1] = {0};
    size_t n = sealed_put(&s, bytes);

    for (size_t cut = 0; cut < n; cut++)
        EXPECT(sealed_get(bytes, cut, &got) == -EPROTO);
    EXPECT(sealed_get(bytes, n + 1, &got) == -EPROTO);
    bytes[8] = SEALED_BINDINGS;
    EXPECT(sealed_get(bytes, n, &got) == -EPROTO);
    bytes[8] = SEALED_TPM;
    bytes[12] = 0; /* the name's length */
    EXPECT(sealed_get(bytes, n, &got) == -EPROTO);
    bytes[12] = SEALED_NAME_MAX + 1;
    EXPECT(sealed_get(bytes, n, &got) == -EPROTO);
    EXPECT(got.n_name == 7); /* untouched */
    bytes[12] = 34;
    EXPECT(!sealed_get(bytes, n, &got));
    bytes[0] ^= 1;
    EXPECT(!sealed_is(bytes, n) && sealed_get(bytes, n, &got) == -EPROTO);
}

TEST("each place where the key may be kept has a name")
{
    for (unsigned i = 0; i < KEK_KEPT; i++)
        EXPECT(kek_kept_names[i] && kek_kept_names[i][0]);
}

int main(void)
{
    return test_run();
}
