/* Goal: patching and comparing any two JSON values keeps to memory, and a patch's result is what
 * the comparison says. Input: two texts with a NUL between them. */
#include <stdint.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "mgmt/api/document.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const uint8_t *second = memchr(data, 0, n);
    json_t *a, *b, *patched, *changes;
    char tag[DOCUMENT_TAG_MAX];

    if (!second)
        return 0;
    a = json_loadb((const char *)data, (size_t)(second - data),
                   JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    b = json_loadb((const char *)second + 1, n - (size_t)(second - data) - 1,
                   JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    if (a && b) {
        patched = document_merge(a, b);
        changes = patched ? document_diff(a, patched) : NULL;
        check(!patched || (json_array_size(changes) == 0) == json_equal(a, patched));
        document_tag(a, tag);
        json_decref(patched);
        json_decref(changes);
    }
    json_decref(a);
    json_decref(b);
    return 0;
}
