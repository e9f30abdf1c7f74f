/* err, secret, clock: the smallest leaves. */
#include "dataplane/base/err.h"

#include <errno.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"
#include "tests/unit/test.h"

TEST("an error says where, what and the way out, and gives its code back")
{
    struct err e;
    char out[1200];

    EXPECT(err_set(&e, -EINVAL, "/links/a", "give a port", "no port in \"%s\"", "x") == -EINVAL);
    EXPECT(!strcmp(err_text(&e, out, sizeof(out)), "/links/a: no port in \"x\"; give a port"));
    EXPECT(err_set(NULL, -EPERM, "a", "b", "c") == -EPERM);
}

TEST("parts that are absent leave no separators behind")
{
    struct err e;
    char out[64];

    err_set(&e, -1, NULL, NULL, "what");
    EXPECT(!strcmp(err_text(&e, out, sizeof(out)), "what"));
}

TEST("each part is cut at its size")
{
    struct err e;
    char text[2000], out[8];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    err_set(&e, -1, text, text, "%s", text);
    EXPECT(strlen(e.where) == 255 && strlen(e.what) == 511 && strlen(e.fix) == 255);
    EXPECT(strlen(err_text(&e, out, sizeof(out))) == 7);
}

TEST("an error may be made from its own parts")
{
    struct err e;

    err_set(&e, -1, "inner", "the fix", "broken");
    err_set(&e, -1, "outer", e.fix, "%s: %s", e.where, e.what);
    EXPECT(!strcmp(e.where, "outer") && !strcmp(e.what, "inner: broken"));
    EXPECT(!strcmp(e.fix, "the fix"));
}

TEST("a secret that moved is gone from where it was")
{
    char from[8] = "1234567", to[8] = "", zero[8] = "";

    secret_move(to, from, sizeof(to));
    EXPECT(!memcmp(to, "1234567", 8) && !memcmp(from, zero, 8));
    secret_wipe(to, 4);
    EXPECT(!memcmp(to, zero, 4) && !memcmp(to + 4, "567", 4));
    secret_wipe(NULL, 0);
}

TEST("secrets are equal only if every byte is")
{
    char a[32] = "x", b[32] = "x";

    EXPECT(secret_equal(a, b, sizeof(a)) && secret_equal(a, b, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] ^= 0x80;
        EXPECT(!secret_equal(a, b, sizeof(a)));
        b[i] ^= 0x80;
    }
}

TEST("the monotonic clock never steps back, the wall clock is of this century")
{
    uint64_t before = clock_mono_ms();

    EXPECT(clock_mono_ms() >= before && before > 0);
    EXPECT(clock_wall_s() > 1700000000 && clock_wall_s() < 4102444800);
}

int main(void)
{
    return test_run();
}
