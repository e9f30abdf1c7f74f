#include "mgmt/page/page.h"

#include <string.h>

/* The assembler takes a file as it is; paths are seen from the project's root. */
#define FILE_OF(name, file)                                                                        \
    __asm__(".section .rodata\n"                                                                   \
            ".global page_" name "\n"                                                              \
            ".global page_" name "_end\n"                                                          \
            "page_" name ":\n.incbin \"mgmt/page/" file "\"\n"                                     \
            "page_" name "_end:\n.byte 0\n.previous\n");
FILE_OF("html", "index.html")
FILE_OF("css", "page.css")
FILE_OF("js", "page.js")

extern const char page_html[], page_html_end[], page_css[], page_css_end[], page_js[],
    page_js_end[];

static const struct page_file files[] = {
    {"/", "text/html; charset=utf-8", page_html, page_html_end},
    {"/page.css", "text/css; charset=utf-8", page_css, page_css_end},
    {"/page.js", "text/javascript; charset=utf-8", page_js, page_js_end},
};

const struct page_file *page_find(const char *path)
{
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (!strcmp(files[i].path, path))
            return &files[i];
    return NULL;
}
