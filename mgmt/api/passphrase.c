#include "mgmt/api/passphrase.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

int passphrase_read(struct call *c, uint8_t mem[PASSPHRASE_ROOM])
{
    const char *text = call_header(c, PASSPHRASE_HEADER);
    size_t size = text ? strlen(text) : 0;
    int n = -1;

    if (!size)
        return 0;
    if (size % 4 == 0 && size / 4 * 3 <= VAULT_PASSPHRASE_MAX + 2)
        n = EVP_DecodeBlock(mem, (const unsigned char *)text, (int)size);
    if (n > 0)
        n -= (text[size - 1] == '=') + (text[size - 2] == '=');
    if (n >= 0 && n <= VAULT_PASSPHRASE_MAX)
        return n;
    call_problem(c, 400, "Bad Request", PASSPHRASE_HEADER ": give base64 of at most %d bytes",
                 VAULT_PASSPHRASE_MAX);
    return -EINVAL;
}
