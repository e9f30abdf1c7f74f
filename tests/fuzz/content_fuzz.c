/* content: is anything but the forms of TLS ever signable, whatever a captured process sends? */
#include <stdint.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/policy.h"
#include "handshake/keyring/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The first byte is the mask of uses, the rest the content. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum content_kind kind = CONTENT_TLS13;
    uint8_t uses = n ? data[0] : 0;

    if (!n || content_check(data + 1, n - 1, uses, &kind))
        return 0;
    data++;
    n--;
    check(uses & (POLICY_USE_SERVER | POLICY_USE_CLIENT));
    if (kind == CONTENT_TLS13) {
        check(uses & POLICY_USE_TLS13);
        check((n == 130 || n == 146) && !memcmp(data + 64, "TLS 1.3, ", 9));
    } else {
        check(uses & POLICY_USE_TLS12);
        check((n >= 100 && data[64] == 3) || data[0] == 1);
    }
    return 0;
}
