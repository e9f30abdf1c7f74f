#include "dataplane/base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void check_failed(const char *file, int line, const char *what)
{
    char text[512];
    int n = snprintf(text, sizeof(text), "%s:%d: check failed: %s\n", file, line, what);

    /* write(2), not stdio: a lock of stdio may be held by the very thread that fails. */
    if (n >= (int)sizeof(text)) {
        n = sizeof(text);
        text[n - 1] = '\n';
    }
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        abort();
    abort();
}
