/* coming_parts: private to coming.c, apply.c and images.c. */
#ifndef PENSTOCK_MGMT_COMING_PARTS_H
#define PENSTOCK_MGMT_COMING_PARTS_H

#include "mgmt/opener.h"

struct coming_how {
    bool needs_store; /* refuse what can not be kept; a file's word is taken all the same */
    /*
     * The canonical document stands in m->coming: the last word on its number and the rest, before
     * it is staged. 0, or -errno with *e. May be NULL.
     */
    int (*settle)(struct manager *m, void *arg, struct compiled *c, struct err *e);
    void *arg;
};

/* The whole way from a text to APPLY. 0: under way; else -errno with *e and nothing has happened.
 */
int coming_start(struct manager *m, const char *text, size_t n, uint64_t number,
                 const struct coming_wish *w, const struct coming_how *how, struct err *e);
/* The launcher's word on the one under way: refused is NULL when it runs. */
void coming_ended(struct manager *m, uint64_t number, const struct err *refused);

/*
 * The document (with the authority that it was filled in from, or NULL), the slices, lists and keys
 * of a revision, then APPLY. 0 or -errno with *e.
 */
int images_send(struct manager *m, struct compiled *c, const char *document,
                const json_t *authority, struct err *e);

/* The handshake's slice, sealed: a descriptor, or -errno. */
int images_handshake(struct compiled *c);

#endif
