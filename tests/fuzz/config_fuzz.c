/* config: does any text become a model that validation can judge, or a clear refusal? No file is
 * opened. fuzz: max_len=16384 */
#include "mgmt/model/model.h"
#include "tests/fuzz/fuzz.h"

static void check_clean(const char *text, size_t cap)
{
    size_t n = strnlen(text, cap);

    check(n < cap);
    for (size_t i = 0; i < n; i++)
        check((unsigned char)text[i] >= 0x20 && text[i] != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct err e = {{0}, {0}, {0}};
    struct model m = {0};
    int rc = model_parse(&m, (const char *)data, n, &e);

    if (!rc)
        rc = model_validate(&m, &e);
    if (rc) {
        check(rc < 0 && e.what[0] && e.where[0]);
        check_clean(e.where, sizeof e.where);
        check_clean(e.what, sizeof e.what);
        check_clean(e.fix, sizeof e.fix);
    } else {
        check(m.n_links > 0);
        for (unsigned i = 0; i < m.n_links; i++)
            check(m.links[i].listen.present || m.links[i].forward.present);
    }
    model_fini(&m);
    return 0;
}
