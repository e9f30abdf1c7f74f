/* front: the status page's files. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/page/page.h"
#include "mgmt/store/objects.h"

void front_get(struct call *c)
{
    const struct page_file *f = page_find(c->path);
    char hex[65];

    if (!f) {
        call_problem(c, 404, "Not Found", "there is no such resource");
        return;
    }
    objects_hash(f->data, (size_t)(f->end - f->data), hex);
    snprintf(c->tag, sizeof c->tag, "\"%.32s\"", hex);
    c->page = true;
    call_text(c, strdup(f->data), f->type); /* each ends with a NUL */
}
