#include "dataplane/core/bucket.h"
#include "tests/unit/test.h"

TEST("a new bucket holds its whole burst and not one token more")
{
    struct bucket b = {0};

    for (int i = 0; i < 5; i++)
        EXPECT(bucket_take(&b, 5, 5, 1000));
    EXPECT(!bucket_take(&b, 5, 5, 1000));
}

TEST("tokens come back at the rate, fractions kept")
{
    struct bucket b = {0};

    while (bucket_take(&b, 2, 2, 1000))
        ;
    EXPECT(!bucket_take(&b, 2, 2, 1250)); /* half a token */
    EXPECT(bucket_take(&b, 2, 2, 1500));  /* the other half */
    EXPECT(!bucket_take(&b, 2, 2, 1500));
}

TEST("a long silence fills a bucket no higher than its burst")
{
    struct bucket b = {0};

    while (bucket_take(&b, 10, 3, 1000))
        ;
    for (int i = 0; i < 3; i++)
        EXPECT(bucket_take(&b, 10, 3, 10000000));
    EXPECT(!bucket_take(&b, 10, 3, 10000000));
}

TEST("a clock that goes back gives no tokens")
{
    struct bucket b = {0};

    while (bucket_take(&b, 10, 3, 5000))
        ;
    EXPECT(!bucket_take(&b, 10, 3, 1000));
}

TEST("one source that storms does not spend another's share, nor its own on another link")
{
    struct sources s;
    uint8_t a[16] = {1}, b[16] = {2};

    EXPECT(sources_init(&s) == 0);
    for (int i = 0; i < 4; i++)
        EXPECT(sources_take(&s, a, 1, 4, 1000));
    EXPECT(!sources_take(&s, a, 1, 4, 1000));
    EXPECT(sources_take(&s, b, 1, 4, 1000));
    EXPECT(sources_take(&s, a, 2, 4, 1000));
    sources_fini(&s);
}

TEST("more sources than the table holds are still limited and served")
{
    struct sources s;
    unsigned allowed = 0;

    EXPECT(sources_init(&s) == 0);
    for (uint32_t i = 0; i < SOURCE_SETS * SOURCE_WAYS * 2; i++) {
        uint8_t net[16] = {0};
        memcpy(net, &i, 4);
        allowed += sources_take(&s, net, 1, 1, 1000 + i / 1000);
    }
    EXPECT(allowed == SOURCE_SETS * SOURCE_WAYS * 2);
    sources_fini(&s);
}

int main(void)
{
    return test_run();
}
