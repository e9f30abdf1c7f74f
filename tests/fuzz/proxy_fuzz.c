/* Goal: no PROXY header, however broken, makes the reader take a byte behind it or read beyond what
 * it has. */
#include "dataplane/core/proxy.h"
#include "dataplane/base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct addr src = {0}, dst = {0};
    char text[ADDR_TEXT_MAX];
    size_t have = 0;
    long want;

    while ((want = proxy_read(data, have, &src, &dst)) > 0) {
        have += (size_t)want;
        check(have <= PROXY_IN_MAX);
        if (have > n)
            return 0;
    }
    if (want == 0 && src.len) {
        addr_text(&src, text);
        addr_text(&dst, text);
    }
    return 0;
}
