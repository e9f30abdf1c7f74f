#include "dataplane/wire/suite.h"

#include <string.h>
#include "dataplane/base/check.h"

static const struct suite suites[] = {
    {0x1302, TLS13, "TLS_AES_256_GCM_SHA384", "TLS_AES_256_GCM_SHA384", AEAD_AES_256_GCM, 32, 12, 0,
     48, "SHA384", 52},
    {0x1301, TLS13, "TLS_AES_128_GCM_SHA256", "TLS_AES_128_GCM_SHA256", AEAD_AES_128_GCM, 16, 12, 0,
     32, "SHA256", 51},
    {0x1303, TLS13, "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256",
     AEAD_CHACHA20_POLY1305, 32, 12, 0, 32, "SHA256", 54},
    {0xc02c, TLS12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384",
     AEAD_AES_256_GCM, 32, 4, 8, 48, "SHA384", 52},
    {0xc030, TLS12, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
     AEAD_AES_256_GCM, 32, 4, 8, 48, "SHA384", 52},
    {0xc02b, TLS12, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256",
     AEAD_AES_128_GCM, 16, 4, 8, 32, "SHA256", 51},
    {0xc02f, TLS12, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
     AEAD_AES_128_GCM, 16, 4, 8, 32, "SHA256", 51},
    {0xcca9, TLS12, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
     "ECDHE-ECDSA-CHACHA20-POLY1305", AEAD_CHACHA20_POLY1305, 32, 12, 0, 32, "SHA256", 54},
    {0xcca8, TLS12, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305",
     AEAD_CHACHA20_POLY1305, 32, 12, 0, 32, "SHA256", 54},
};

const struct suite *suite_at(size_t i)
{
    return i < ARRAY_LEN(suites) ? &suites[i] : NULL;
}

const struct suite *suite_by_id(uint16_t id)
{
    for (size_t i = 0; i < ARRAY_LEN(suites); i++)
        if (suites[i].id == id)
            return &suites[i];
    return NULL;
}

const struct suite *suite_by_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(suites); i++)
        if (!strcmp(suites[i].name, name) || !strcmp(suites[i].openssl_name, name))
            return &suites[i];
    return NULL;
}
