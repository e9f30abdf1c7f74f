#include "dataplane/base/secret.h"

#include <stdint.h>
#include <string.h>

void secret_wipe(void *p, size_t n)
{
    if (n)
        explicit_bzero(p, n);
}

void secret_move(void *dst, void *src, size_t n)
{
    if (!n)
        return;
    memcpy(dst, src, n);
    secret_wipe(src, n);
}

bool secret_equal(const void *a, const void *b, size_t n)
{
    const volatile uint8_t *x = a, *y = b;
    uint8_t differ = 0;

    for (size_t i = 0; i < n; i++)
        differ |= x[i] ^ y[i];
    return differ == 0;
}
