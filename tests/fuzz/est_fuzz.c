/* An EST server's certificates: base64 of PKCS#7. fuzz: max_len=8192 */
#include <stdlib.h>
#include "mgmt/renew/est.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    STACK_OF(X509) * certs;
    struct est_names names;
    struct err e;

    certs = est_certs(data, n, &e);
    for (int i = 0; i < sk_X509_num(certs); i++) {
        if (!est_names_of(sk_X509_value(certs, i), &names, &e))
            est_names_free(&names);
        free(est_chain(certs, certs, (const uint8_t *)"x", 1, &e));
    }
    if (sk_X509_num(certs) > EST_CERTS_MAX)
        __builtin_trap();
    sk_X509_pop_free(certs, X509_free);
    return 0;
}
