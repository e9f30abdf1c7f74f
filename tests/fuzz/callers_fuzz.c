/* Goal: no header on a stream of the management link, however broken, is read beyond its end. */
#include <string.h>
#include "dataplane/base/check.h"
#include "mgmt/callers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct caller_facts f;
    char text[ADDR_TEXT_MAX];

    if (n >= 16)
        check(callers_header_size(data) <= CALLERS_HEADER_MAX);
    if (callers_parse(data, n, &f) == 0) {
        check(strlen(f.common_name) < sizeof f.common_name);
        addr_text(&f.source, text);
    }
    return 0;
}
