#include "dataplane/base/err.h"

#include <stdarg.h>
#include <stdio.h>

int err_set(struct err *e, int code, const char *where, const char *fix, const char *what, ...)
{
    struct err made; /* apart from *e, so that a part of *e may be an argument */
    va_list ap;

    if (!e)
        return code;
    snprintf(made.where, sizeof(made.where), "%s", where ? where : "");
    snprintf(made.fix, sizeof(made.fix), "%s", fix ? fix : "");
    va_start(ap, what);
    if (vsnprintf(made.what, sizeof(made.what), what, ap) < 0)
        made.what[0] = '\0';
    va_end(ap);
    snprintf(e->where, sizeof(e->where), "%s", made.where);
    snprintf(e->what, sizeof(e->what), "%s", made.what);
    snprintf(e->fix, sizeof(e->fix), "%s", made.fix);
    return code;
}

const char *err_text(const struct err *e, char *out, unsigned long n)
{
    snprintf(out, n, "%s%s%s%s%s", e->where, e->where[0] ? ": " : "", e->what,
             e->fix[0] ? "; " : "", e->fix);
    return out;
}
