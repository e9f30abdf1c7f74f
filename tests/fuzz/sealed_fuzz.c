/* The file of a sealed key-encryption key, which whoever has the disk can write. */
#include "dataplane/wire/sealed.h"

#include <string.h>

#include "dataplane/base/check.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t again[SEALED_FILE_MAX];
    struct sealed s;

    if (sealed_get(data, n, &s))
        return 0;
    check(sealed_put(&s, again) == n && !memcmp(again, data, n));
    return 0;
}
