/* redact: does no form of a secret get through, and everything else unchanged? */
#include <stdlib.h>
#include "dataplane/base/log.h"
#include "mgmt/redact.h"
#include "tests/unit/test.h"

static bool becomes(const char *text, const char *want)
{
    char *got = redact_text(text, "ABCD-EFGH");
    bool same = got && !strcmp(got, want);

    if (!same)
        printf("    %s\n", got ? got : "(nothing)");
    free(got);
    return same;
}

TEST("values behind words that name secrets go, whatever stands around them")
{
    EXPECT(becomes("pin=1234", "pin=[redacted]"));
    EXPECT(becomes("a password=x y=z", "a password=[redacted] y=z"));
    EXPECT(becomes("Passphrase: hush now", "Passphrase: [redacted] now"));
    EXPECT(becomes("pkcs11:object=gw?pin-value=1234&module-name=p11",
                   "pkcs11:object=gw?pin-value=[redacted]&module-name=p11"));
    EXPECT(becomes("{\"token\": \"abc\", \"x\": 1}", "{\"token\": \"[redacted]\", \"x\": 1}"));
    EXPECT(becomes("secret=\"two words\"", "secret=\"[redacted] words\""));
    EXPECT(becomes("the word ABCD-EFGH here", "the word [redacted] here"));
}

TEST("a URL loses its user, a private key its bytes")
{
    EXPECT(becomes("https://ann:horse@est.test/x", "https://[redacted]@est.test/x"));
    EXPECT(becomes("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY-----\n",
                   "-----BEGIN EC PRIVATE KEY-----[redacted]-----END EC PRIVATE KEY-----\n"));
    EXPECT(becomes("-----BEGIN PRIVATE KEY-----\nMHc", "-----BEGIN PRIVATE KEY-----[redacted]"));
}

TEST("what is no secret stays as it is")
{
    static const char *const good[] = {
        "",
        "event=session_closed link=in bytes_up=5",
        "spinning=5",
        "pin-source=file:pin.txt",
        "https://est.test/x?a=b",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
        "spiffe://partner.example/client",
        "ann@example.test",
        "tokens",
        "a pin",
        "key=spki:00"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        EXPECT(becomes(good[i], good[i]));
}

TEST(
    "in JSON members that are named so go whole, at any depth, and the others' texts are looked at")
{
    json_t *v = json_pack("{s:s, s:[{s:s, s:i}, s], s:{s:{s:s}}, s:[s]}", "password", "x", "list",
                          "Secret", "y", "pin", 7, "pin=9", "identities", "token", "key", "fine",
                          "passphrase", "z");
    char *text;

    redact_json(v, NULL);
    text = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS);
    EXPECT(!strcmp(text, "{\"identities\":{\"token\":{\"key\":\"fine\"}},\"list\":[{\"Secret\":"
                         "\"[redacted]\",\"pin\":7},\"pin=[redacted]\"],\"passphrase\":"
                         "\"[redacted]\",\"password\":\"[redacted]\"}"));
    free(text);
    json_decref(v);
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
