/* What workers tell mgmt: rows, one behind the other. fuzz: max_len=8192 */
#include <string.h>
#include "dataplane/wire/notice.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static uint8_t out[1 << 20];
    static struct notice row, again;
    struct buf b, w, r;

    buf_init_read(&b, data, n);
    while (buf_left(&b) && !notice_get(&b, &row)) {
        buf_init(&w, out, sizeof out);
        notice_put(&w, &row);
        if (!buf_ok(&w))
            __builtin_trap();
        buf_init_read(&r, out, w.len);
        if (notice_get(&r, &again) || again.kind != row.kind || again.reason != row.reason ||
            strcmp(again.text, row.text) != 0)
            __builtin_trap();
    }
    return 0;
}
