/* frame: is a verdict on a stream's beginning kept as more of it comes, and within its bounds? */
#include <errno.h>
#include <stdint.h>
#include "dataplane/base/check.h"
#include "dataplane/record/frame.h"

#define MAX_BODY (16384 + 256)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    long before = 0;

    for (size_t i = 0; i <= n && i <= 8; i++) {
        long size = frame_size(data, i, MAX_BODY);

        check(size == -EPROTO || size == -EMSGSIZE || (size >= 0 && size <= 5 + MAX_BODY));
        check(size <= 0 || (i >= 5 && size >= 5));
        check(i < 5 || size != 0);
        check(before == 0 || size == before);
        before = size;
    }
    /* A stream of records: each step goes forward, so that cutting it ends. */
    for (size_t at = 0; at < n;) {
        long size = frame_size(data + at, n - at, MAX_BODY);

        if (size <= 0)
            break;
        at += (size_t)size;
    }
    return 0;
}
