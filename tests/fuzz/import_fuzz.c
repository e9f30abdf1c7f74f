/*
 * A key file that an operator gave: PEM or PKCS#12, with the passphrase "cow". fuzz: max_len=8192
 * The first byte says whether one is given.
 */
#include "handshake/keyring/import.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t word[] = {'c', 'o', 'w'};
    struct vault_bytes passphrase = {word, n && (data[0] & 1) ? sizeof word : 0};
    struct imported found;
    struct err e;

    if (!n || import_read(data + 1, n - 1, &passphrase, &found, &e))
        return 0;
    if (!found.key)
        __builtin_trap();
    imported_fini(&found);
    return 0;
}
