/*
 * ask: questions to the workers, answered as JSON.
 *
 * Why: the API speaks JSON and of all workers as one; workers speak pages each of its own.
 * Owner: the manager's thread. Never: waits longer than QUERY_MS for all workers together; those
 * that did not answer are counted in missing_workers, and are asked again next time.
 */
#ifndef PENSTOCK_MGMT_ASK_H
#define PENSTOCK_MGMT_ASK_H

#include "dataplane/wire/explain.h"
#include "dataplane/wire/query.h"
#include "mgmt/manager.h"

#define QUERY_MS 2000

json_t *ask_sessions(struct manager *m); /* {"sessions": [...], "missing_workers": n} */
/*
 * At most `limit` of those that are wanted (NULL: all), in the order of their ids, behind the id
 * `after` (0: from the first); "next" is the last one's id if there are more. One that lives all
 * the time is in exactly one page.
 */
json_t *ask_sessions_page(struct manager *m, uint64_t after, uint64_t limit,
                          bool (*wanted)(void *arg, const json_t *session), void *arg);
/* A name of a certificate; what is no UTF-8 in it is masked. */
json_t *ask_text(const char *s);
json_t *ask_stats(struct manager *m); /* {"links": [...], "reasons": {...}} */
/* The judge's word on a chain. 0 or -errno: it did not answer. */
int ask_explain(struct manager *m, const struct explain_ask *q, struct explain_answer *a);
/*
 * Have the judge build a revision for ASKs with `trial`, or (NULL) forget it. 0 or -errno.
 */
int ask_trial(struct manager *m, struct compiled *c);
/* A page of live peers; its rows point into what is returned (free()). NULL: no answer. */
uint8_t *ask_peers(struct manager *m, uint64_t cursor, struct query_peers *page);
/* 0, -ENOENT (no such session), or -errno: a worker did not answer. */
int ask_end(struct manager *m, uint64_t session);

#endif
