/* pkcs11: is a URI understood as RFC 7512 means it, and refused with the way out where it is not?
 */
#include "dataplane/wire/pkcs11.h"

#include "dataplane/base/check.h"
#include "dataplane/wire/tokenstate.h"
#include "tests/unit/decode.h"
#include "tests/unit/hex.h"
#include "tests/unit/test.h"

#define TAIL "?module-path=/usr/lib/m.so"

DECODER(token_key_get, struct token_key);
DECODER(tokenstate_get, struct tokenstate_key);

static int parse(struct pkcs11_uri *u, const char *text, struct err *e)
{
    memset(e, 0, sizeof(*e));
    return pkcs11_parse(u, text, "/identities/gw/key", e);
}

TEST("every attribute is taken, with its bytes decoded")
{
    struct pkcs11_uri u;
    struct err e;

    EXPECT(
        parse(&u,
              "pkcs11:token=My%20token%3b1;manufacturer=M;model=X1;serial=0a0b;object=gw%2Fone;"
              "id=%00%ffA;slot-manufacturer=S;slot-description=a%20b;slot-id=1234567;type=private"
              "?module-path=/opt/hsm/lib.so&pin-source=file:pins/gw.txt",
              &e) == 0);
    EXPECT(!strcmp(u.token, "My token;1") && !strcmp(u.manufacturer, "M"));
    EXPECT(!strcmp(u.model, "X1") && !strcmp(u.serial, "0a0b") && !strcmp(u.object, "gw/one"));
    EXPECT(u.n_id == 3 && !memcmp(u.id,
                                  "\x00\xff"
                                  "A",
                                  3));
    EXPECT(!strcmp(u.slot_manufacturer, "S") && !strcmp(u.slot_description, "a b"));
    EXPECT(u.slot_id == 1234567 && !strcmp(u.module_path, "/opt/hsm/lib.so"));
    EXPECT(!strcmp(u.pin_source, "pins/gw.txt") && u.given == 8191 - PKCS11_MODULE_NAME);
}

TEST("a PIN's file is named by a path or a file: URI")
{
    static const char *const forms[][2] = {
        {"file:pin.txt", "pin.txt"},     {"pin.txt", "pin.txt"},   {"file:/etc/pin", "/etc/pin"},
        {"file:///etc/pin", "/etc/pin"}, {"/etc/pin", "/etc/pin"}, {"file:a%20b%26c", "a b&c"},
    };
    struct pkcs11_uri u;
    char text[256];
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        snprintf(text, sizeof(text), "pkcs11:object=a" TAIL "&pin-source=%s", forms[i][0]);
        EXPECT(parse(&u, text, &e) == 0 && !strcmp(u.pin_source, forms[i][1]));
    }
}

TEST("what is no URI of a private key is refused with what is wrong and what would be right")
{
    static const char *const bad[][2] = {
        {"pkcs11:" TAIL, "which key"},
        {"pkcs11:token=a" TAIL, "which key"},
        {"pkcs11:object=a", "which module"},
        {"pkcs11:object=a" TAIL "&module-name=b", "which module"},
        {"pkcs11:object=a?module-path=lib.so", "no absolute path"},
        {"pkcs11:object=a?module-name=../x", "no name of a library"},
        {"pkcs11:object=a?module-name=.x", "no name of a library"},
        {"pkcs11:object=a?module-name=", "no name of a library"},
        {"pkcs11:object=a;object=b" TAIL, "stands twice"},
        {"pkcs11:object=a" TAIL "&module-path=/x", "stands twice"},
        {"pkcs11:object=a;" TAIL, "ends with a separator"},
        {"pkcs11:object=a;;id=%01" TAIL, "not known"},
        {"pkcs11:object=a" TAIL "&", "ends with a separator"},
        {"pkcs11:object" TAIL, "not known"},
        {"pkcs11:object=a;x-vendor=b" TAIL, "not known"},
        {"pkcs11:object=a;library-version=3" TAIL, "not known"},
        {"pkcs11:object=a;type=cert" TAIL, "something else than a private key"},
        {"pkcs11:object=a;module-path=/x", "not known"},
        {"pkcs11:object=a b" TAIL, "has to be encoded"},
        {"pkcs11:object=a%2" TAIL, "has to be encoded"},
        {"pkcs11:object=a%zz" TAIL, "has to be encoded"},
        {"pkcs11:object=a/b" TAIL, "has to be encoded"},
        {"pkcs11:object=a%00b" TAIL, "holds a zero"},
        {"pkcs11:object=a;token=123456789012345678901234567890123" TAIL, "longer than 32"},
        {"pkcs11:object=a;model=12345678901234567" TAIL, "longer than 16"},
        {"pkcs11:id=" TAIL, "empty or too long"},
        {"pkcs11:object=a;slot-id=" TAIL, "is empty"},
        {"pkcs11:object=a;slot-id=1x" TAIL, "is no number"},
        {"pkcs11:object=a;slot-id=1234567890123456789" TAIL, "is no number"},
        {"pkcs11:object=a" TAIL "&pin-source=", "names no file"},
        {"pkcs11:object=a" TAIL "&pin-source=file:", "names no file"},
        {"pkcs11:object=a" TAIL "&pin-source=file://host/x", "names no file"},
        {"pkcs11:object=a" TAIL "&pin-source=|cat", "names no file"},
        {"pkcs11:object=a" TAIL "&pin-source=http://x", "names no file"},
        {"PKCS11:object=a" TAIL, "no PKCS#11 URI"},
    };
    struct pkcs11_uri u;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        EXPECT(parse(&u, bad[i][0], &e) == -EINVAL);
        EXPECT(strstr(e.what, bad[i][1]) && e.fix[0] && !strcmp(e.where, "/identities/gw/key"));
    }
}

TEST("a PIN in a URI is refused wherever it stands, and not a word of it is said")
{
    static const char *const secrets[] = {"pkcs11:object=a" TAIL "&pin-value=s3cret",
                                          "pkcs11:pin-value=s3cret;object=a" TAIL,
                                          "pkcs11:object=a;x y" TAIL "&pin-value=s3cret"};
    struct pkcs11_uri u;
    struct err e;

    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        EXPECT(parse(&u, secrets[i], &e) == -EINVAL && strstr(e.fix, "pin-source"));
        EXPECT(!strstr(e.what, "s3cret") && !strstr(e.fix, "s3cret"));
    }
}

TEST("a URI of 1000 bytes is taken, and not a byte more")
{
    char text[PKCS11_URI_MAX + 2] = "pkcs11:object=a;id=";
    struct pkcs11_uri u;
    struct err e;

    while (strlen(text) + strlen(TAIL) + 3 <= PKCS11_URI_MAX && strlen(text) < 19 + 3 * 255)
        strcat(text, "%41");
    strcat(text, ";token=%41%41" TAIL);
    EXPECT(parse(&u, text, &e) == 0 && u.n_id == 255);
    while (strlen(text) < PKCS11_URI_MAX)
        strcat(text, "x");
    EXPECT(parse(&u, text, &e) == 0);
    strcat(text, "x");
    EXPECT(parse(&u, text, &e) == -EINVAL && strstr(e.what, "1000 bytes"));
}

TEST("what the launcher hands over has its golden bytes, comes back, and is refused cut or longer")
{
    struct token_key k = {.uri = "pkcs11:x", .pin = (const uint8_t *)"1234", .n_pin = 4}, got;
    uint8_t mem[2048], pin[PKCS11_PIN_MAX + 1] = {0};
    struct buf b, r;

    buf_init(&b, mem, sizeof(mem));
    token_key_put(&b, &k);
    EXPECT(hex_equal(mem, b.len,
                     "0008706b637331313a78"
                     "00000004"
                     "31323334"));
    EXPECT(only_whole(decode_token_key_get, mem, b.len));
    buf_init_read(&r, mem, b.len);
    EXPECT(token_key_get(&r, &got) == 0);
    EXPECT(!strcmp(got.uri, k.uri) && got.n_pin == 4 && !memcmp(got.pin, "1234", 4));
    k.pin = pin;
    k.n_pin = sizeof(pin);
    buf_init(&b, mem, sizeof(mem));
    token_key_put(&b, &k);
    EXPECT(!buf_ok(&b));
}

TEST("how a key stands has its golden bytes, comes back, and is refused cut, longer or unknown")
{
    struct tokenstate_key k = {.identity = "gw", .state = TOKENSTATE_AWAY, .why = "no"}, got;
    uint8_t mem[1024];
    struct buf b, r;

    buf_init(&b, mem, sizeof(mem));
    tokenstate_put(&b, &k);
    EXPECT(hex_equal(mem, b.len,
                     "00026777"
                     "00"
                     "00026e6f"));
    EXPECT(only_whole(decode_tokenstate_get, mem, b.len));
    EXPECT(refuses(decode_tokenstate_get, mem, b.len, 4, TOKENSTATES));
    buf_init_read(&r, mem, b.len);
    EXPECT(tokenstate_get(&r, &got) == 0 && !strcmp(got.identity, "gw") && !strcmp(got.why, "no"));
    k.identity[0] = '\0';
    buf_init(&b, mem, sizeof(mem));
    tokenstate_put(&b, &k);
    EXPECT(decode(decode_tokenstate_get, mem, b.len) == -EPROTO);
}

int main(void)
{
    return test_run();
}
