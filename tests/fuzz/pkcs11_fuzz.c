/* A PKCS#11 URI of a configuration, what the launcher hands to a token process, what that tells
 * mgmt, and a token's raw signature. The first byte says which. */
#include <errno.h>
#include "dataplane/wire/pkcs11.h"
#include "dataplane/wire/tokenstate.h"
#include "handshake/token/mechanism.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 16];

FUZZ_ROUND(token_key, token_key_get, token_key_put, struct token_key);
FUZZ_ROUND(state, tokenstate_get, tokenstate_put, struct tokenstate_key);

static void uri(const uint8_t *data, size_t n)
{
    char text[4096];
    struct pkcs11_uri u;
    struct err e = {.what = ""};

    if (n >= sizeof text)
        return;
    memcpy(text, data, n);
    text[n] = '\0';
    if (pkcs11_parse(&u, text, "/", &e)) {
        check(e.what[0] && e.fix[0]);
        return;
    }
    check(pkcs11_is(text) && !strstr(text, "pin-value"));
    check(u.given & (PKCS11_OBJECT | PKCS11_ID));
    check(!(u.given & PKCS11_MODULE_PATH) != !(u.given & PKCS11_MODULE_NAME));
    check(!(u.given & PKCS11_PIN_SOURCE) || u.pin_source[0]);
}

static void raw(const uint8_t *data, size_t n)
{
    int len = mechanism_ecdsa_der(data, n, out, sizeof out);

    check(len == -EINVAL || (len >= 8 && len <= 3 + 2 * (3 + 66) && out[0] == 0x30));
}

static const struct fuzz_kind kinds[] = {
    {'u', uri}, {'k', round_token_key}, {'s', round_state}, {'r', raw}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
