#include "mgmt/store/pem.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE 48 /* bytes: 64 characters */

char *pem_text(const char *label, const uint8_t *der, size_t n)
{
    size_t room = (n / LINE + 1) * 66 + 2 * strlen(label) + 40, used;
    char *out = malloc(room);

    if (!out)
        return NULL;
    used = (size_t)snprintf(out, room, "-----BEGIN %s-----\n", label);
    for (size_t at = 0; at < n; at += LINE) {
        size_t part = n - at < LINE ? n - at : LINE;

        used += (size_t)EVP_EncodeBlock((unsigned char *)out + used, der + at, (int)part);
        out[used++] = '\n';
    }
    snprintf(out + used, room - used, "-----END %s-----\n", label);
    return out;
}
