/*
 * page: the status page's files, as they were when this program was built.
 *
 * Why: the gateway shows its state without a file to read at run time, and without anything from
 * elsewhere. Owner: const.
 */
#ifndef PENSTOCK_MGMT_PAGE_PAGE_H
#define PENSTOCK_MGMT_PAGE_PAGE_H

#include <stddef.h>

struct page_file {
    const char *path, *type;
    const char *data, *end;
};

/* The file of a path ("/", "/page.js"), or NULL. */
const struct page_file *page_find(const char *path);

#endif
