#include "dataplane/wire/reason.h"
#include "tests/unit/test.h"

static bool is_name(const char *s)
{
    return s[0] && strspn(s, "abcdefghijklmnopqrstuvwxyz_") == strlen(s);
}

TEST("every reason has a name for logs and metrics, and no two share one")
{
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *name = reason_name((enum reason)i);
        EXPECT(is_name(name) && strcmp(name, "unknown"));
        for (int k = 0; k < i; k++)
            EXPECT(strcmp(name, reason_name((enum reason)k)));
    }
}

TEST("every reason has a sentence of its own, without a full stop")
{
    for (int i = 0; i < REASON_COUNT; i++) {
        const char *text = reason_text((enum reason)i);
        EXPECT(strlen(text) > 5 && text[strlen(text) - 1] != '.');
        EXPECT(strcmp(text, "an unknown reason"));
        for (int k = 0; k < i; k++)
            EXPECT(strcmp(text, reason_text((enum reason)k)));
    }
}

TEST("names that others build on stay as they are")
{
    EXPECT(!strcmp(reason_name(REASON_CLOSED), "closed"));
    EXPECT(!strcmp(reason_name(REASON_TRUNCATED), "truncated"));
    EXPECT(!strcmp(reason_name(REASON_UNKNOWN_CA), "unknown_ca"));
    EXPECT(!strcmp(reason_name(REASON_REVOKED), "revoked"));
    EXPECT(!strcmp(reason_name(REASON_EXPIRED), "expired"));
    EXPECT(!strcmp(reason_name(REASON_NO_RULE), "no_rule"));
    EXPECT(!strcmp(reason_name(REASON_INTERNAL), "internal"));
}

TEST("any number is safe")
{
    EXPECT(!strcmp(reason_name(REASON_COUNT), "unknown"));
    EXPECT(!strcmp(reason_name((enum reason) - 1), "unknown"));
    EXPECT(!strcmp(reason_text((enum reason)100000), "an unknown reason"));
}

int main(void)
{
    return test_run();
}
