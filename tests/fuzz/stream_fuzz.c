/* What comes over a stream in answer to a request, whole and in two pieces. fuzz: max_len=4096 */
#include <stdlib.h>
#include <string.h>
#include "mgmt/renew/stream.h"
#include "tests/fuzz/fuzz.h"

static int parse(const uint8_t *data, size_t n, bool ended, struct web_answer *a)
{
    uint8_t *copy = malloc(n + 1);
    size_t body = 0;
    int rc;

    memcpy(copy, data, n);
    memset(a, 0, sizeof *a);
    rc = stream_parse(copy, n, ended, a, &body);
    if (rc == 1 && (body > n || a->n > n - body || a->status < 200 || a->status > 599))
        __builtin_trap();
    free(copy);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct web_answer whole, half;

    if (parse(data, n, false, &whole) == 1 && parse(data, n, true, &half) != 1)
        __builtin_trap(); /* what is whole stays so when nothing more comes */
    parse(data, n / 2, true, &half);
    return 0;
}
