/* keyring_content: the contents that TLS signs, made for tests. */
#ifndef PENSTOCK_TEST_KEYRING_CONTENT_H
#define PENSTOCK_TEST_KEYRING_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CONTENT_ROOM 4096

/* RFC 8446 4.4.3. Bytes written. */
static inline size_t make_tls13(uint8_t *out, bool server, size_t n_hash)
{
    const char *context = server ? "TLS 1.3, server CertificateVerify"
                                 : "TLS 1.3, client CertificateVerify";

    memset(out, 0x20, 64);
    memcpy(out + 64, context, 34);
    memset(out + 98, 0xa5, n_hash);
    return 98 + n_hash;
}

/* RFC 8422 5.4: what a ServerKeyExchange signs. */
static inline size_t make_key_exchange(uint8_t *out, uint16_t group, uint8_t n_point)
{
    memset(out, 0x11, 64);
    out[64] = 3;
    out[65] = (uint8_t)(group >> 8);
    out[66] = (uint8_t)group;
    out[67] = n_point;
    memset(out + 68, 4, n_point);
    return 68u + n_point;
}

/* RFC 5246 7.4.8: a client's transcript, of messages with these types and 40 bytes each. */
static inline size_t make_transcript(uint8_t *out, const uint8_t *types, size_t n_types)
{
    size_t n = 0;

    for (size_t i = 0; i < n_types; i++) {
        out[n++] = types[i];
        out[n++] = 0;
        out[n++] = 0;
        out[n++] = 40;
        memset(out + n, types[i], 40);
        n += 40;
    }
    return n;
}

#endif
