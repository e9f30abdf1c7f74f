/*
 * coming: the one configuration that is on its way to become the running revision.
 *
 *   text or document -> parse, validate, compile (what it names is kept as objects) -> canonical
 *   document -> staged in the store -> images to the launcher -> APPLIED or REFUSED -> whoever
 * asked
 *
 * Why: a file, a request and a rollback go the same way, all or nothing, one at a time.
 * Owner: the manager. Never: changes what runs before every process accepted; leaves the one who
 * asked without an answer.
 */
#ifndef PENSTOCK_MGMT_COMING_H
#define PENSTOCK_MGMT_COMING_H

#include <jansson.h>
#include <stdbool.h>
#include "dataplane/base/err.h"
#include "mgmt/model/compile.h"

struct manager;

/* What came of it: rc 0, or -errno with *e. */
typedef void coming_done(void *arg, int rc, uint64_t revision, const struct err *e);

/* Who wants it, and why. */
struct coming_wish {
    const char *actor, *action, *comment; /* action: a word for the audit */
    coming_done *done;                    /* may be NULL */
    void *arg;
    bool of_partner;   /* the other gateway of a pair has it: it counts on the passive one too */
    json_t *authority; /* a new state of it (authority.h); NULL: as it is */
};

struct coming {
    bool busy;
    uint64_t number, parent;
    char *actor, *action, *comment;
    char *document;  /* canonical text */
    char *imported;  /* hash of it when it came from the file, else NULL */
    char name[1024]; /* the file's */
    json_t *warnings, *offered;
    json_t *authority, *access; /* that it was made with; NULL: it has none */
    struct compile_date *dates;
    unsigned n_dates;
    unsigned *roles; /* of the management link, by peer rule */
    unsigned n_roles;
    coming_done *done;
    void *arg;
};

/* A document judged but not applied. */
struct coming_trial {
    const json_t *authority; /* given: a new state of it; NULL: as it is */
    json_t *document;        /* canonical */
    json_t *warnings;
    json_t *cuts; /* NULL: they were not asked for */
};

/*
 * Have a document become the next revision. 0: under way, w->done will be called once; -EBUSY:
 * another is; else -errno with *e, and w->done is not called.
 */
int coming_propose(struct manager *m, const json_t *document, const struct coming_wish *w,
                   struct err *e);
/*
 * Parse, validate and compile only; and if wanted, find out whom it would cut (trial.h). 0 and *t
 * (coming_trial_free() it), or -errno with *e.
 */
int coming_try(struct manager *m, const json_t *document, bool cuts, struct coming_trial *t,
               struct err *e);
void coming_trial_free(struct coming_trial *t);

#endif
