/*
 * A key file that an operator gave: PEM or PKCS#12, with the passphrase "cow". fuzz: max_len=8192
 * The first byte says whether one is given, and of which kind of PEM block the rest is the body.
 */
#include <stdio.h>
#include <string.h>
#include "handshake/keyring/import.h"
#include "tests/fuzz/fuzz.h"

static const char *const labels[] = {NULL,
                                     "ENCRYPTED PRIVATE"
                                     " KEY",
                                     "EC PRIVATE"
                                     " KEY",
                                     "PRIVATE"
                                     " KEY"};

/* The file: as it is, or framed as PEM. */
static size_t frame(const uint8_t *data, size_t n, uint8_t *out, size_t room)
{
    const char *label = labels[data[0] >> 1 & 3];
    size_t used = 0;

    if (n - 1 + 128 > room)
        return 0;
    if (label)
        used = (size_t)snprintf((char *)out, 64, "-----BEGIN %s-----\n", label);
    memcpy(out + used, data + 1, n - 1);
    used += n - 1;
    if (label)
        used += (size_t)snprintf((char *)out + used, 64, "-----END %s-----\n", label);
    return used;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t file[128 * 1024];
    static const uint8_t word[] = {'c', 'o', 'w'};
    struct vault_bytes passphrase = {word, n && (data[0] & 1) ? sizeof word : 0};
    struct imported found;
    struct err e;

    if (!n || import_read(file, frame(data, n, file, sizeof file), &passphrase, &found, &e))
        return 0;
    if (!found.key)
        __builtin_trap();
    imported_fini(&found);
    return 0;
}
