#include "dataplane/record/frame.h"

#include <errno.h>
#include "dataplane/record/seal.h"

#define HEADER 5

long frame_size(const uint8_t *p, size_t n, size_t max_body)
{
    size_t body;

    if (n >= 1 && (p[0] < CONTENT_CHANGE_CIPHER_SPEC || p[0] > CONTENT_DATA))
        return -EPROTO;
    if (n >= 2 && p[1] != 3)
        return -EPROTO;
    if (n < HEADER)
        return 0;
    body = (size_t)p[3] << 8 | p[4];
    return body > max_body ? -EMSGSIZE : (long)(HEADER + body);
}
