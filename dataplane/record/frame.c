#include "dataplane/record/frame.h"

#include <errno.h>
#include "dataplane/record/seal.h"

long frame_size(const uint8_t *p, size_t n, size_t max_body)
{
    size_t body;

    /* Each byte is judged as soon as it is there: rubbish must not wait for a fifth one. */
    if (n >= 1 && (p[0] < CONTENT_CHANGE_CIPHER_SPEC || p[0] > CONTENT_DATA))
        return -EPROTO;
    if (n >= 2 && p[1] != RECORD_VERSION_MAJOR)
        return -EPROTO;
    if (n < RECORD_HEADER)
        return 0;
    body = (size_t)p[3] << 8 | p[4];
    return body > max_body ? -EMSGSIZE : (long)(RECORD_HEADER + body);
}
