/* The messages between a handshake process and the keyring. */
#include "dataplane/wire/keywire.h"
#include "tests/fuzz/fuzz.h"

static uint8_t out[1 << 20];

FUZZ_ROUND(sign, keywire_get_sign, keywire_put_sign, struct keywire_sign);
FUZZ_ROUND(signed, keywire_get_signed, keywire_put_signed, struct keywire_signed);

static const struct fuzz_kind kinds[] = {{KEYWIRE_SIGN, round_sign},
                                         {KEYWIRE_SIGNED, round_signed}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_by_type(kinds, ARRAY_LEN(kinds), data, n);
    return 0;
}
