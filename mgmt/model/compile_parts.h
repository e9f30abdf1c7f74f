/* compile_parts: private to compile*.c. */
#ifndef PENSTOCK_MGMT_MODEL_COMPILE_PARTS_H
#define PENSTOCK_MGMT_MODEL_COMPILE_PARTS_H

#include "mgmt/model/compile.h"

struct compile_block {
    struct compile_block *next;
    _Alignas(16) uint8_t mem[];
};

void *compile_alloc(struct compiled *c, size_t n); /* zeroed; NULL when out of memory */
char *compile_string(struct compiled *c, const char *s);
void compile_warn(struct compiled *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int compile_memory(struct err *e);
int compile_profiles(struct compiled *c, const struct model *m, struct err *e);
int compile_links(struct compiled *c, const struct model *m, struct err *e);

#endif
