/* handlers: what the rows of the route table call. Each answers the call or lets it wait. */
#ifndef PENSTOCK_MGMT_API_HANDLERS_H
#define PENSTOCK_MGMT_API_HANDLERS_H

#include "mgmt/api/call.h"

/* live.c: what runs */
void live_status(struct call *c);
void live_sessions(struct call *c);
void live_end_session(struct call *c);
void live_stats(struct call *c);
void live_health(struct call *c);
void live_ready(struct call *c);

/* crl.c */
void crl_post(struct call *c);

/* explain.c */
void explain_post(struct call *c);

/* metrics.c, peers.c, inventory.c */
void inventory_get(struct call *c);
void metrics_get(struct call *c);
void peers_list(struct call *c);

/* keyring.c: private keys, as the keyring encrypted them */
void keyring_list(struct call *c);
void keyring_get(struct call *c);
void keyring_post(struct call *c);
void keyring_csr(struct call *c);
void keyring_remove(struct call *c);

/* watch.c: what has happened, and what happens */
void watch_refusals(struct call *c);
void watch_refusal(struct call *c);
void watch_events(struct call *c);

/* front.c: the status page */
void front_get(struct call *c);

/* schedule.c */
void schedule_get(struct call *c);
void schedule_fetch(struct call *c);
void schedule_renew(struct call *c);

/* administrators.c: of a gateway that keeps its own management CA */
void administrators_list(struct call *c);
void administrators_get(struct call *c);
void administrators_enroll(struct call *c);
void administrators_add(struct call *c);
void administrators_renew(struct call *c);
void administrators_remove(struct call *c);
void bootstrap_get(struct call *c);
void bootstrap_open(struct call *c);
void bootstrap_close(struct call *c);

/* resources.c: links, identities, trust, profiles: parts of the running document */
void resources_list(struct call *c);
void resources_get(struct call *c);
void resources_put(struct call *c);
void resources_patch(struct call *c);
void resources_delete(struct call *c);

/* config.c: the document as a whole */
void config_get(struct call *c);
void config_put(struct call *c);
void config_patch(struct call *c);
void config_revisions(struct call *c);
void config_revision(struct call *c);
void config_diff(struct call *c);
void config_rollback(struct call *c);

/* candidate.c: a document that is being prepared, and changes that must be confirmed */
json_t *candidate_document(const struct call *c); /* NULL: there is none; else the caller's */
void candidate_get(struct call *c);
void candidate_put(struct call *c);
void candidate_patch(struct call *c);
void candidate_delete(struct call *c);
void candidate_commit(struct call *c);
void candidate_confirm(struct call *c);

/* system.c: the appliance itself */
void system_get(struct call *c);
void system_update(struct call *c); /* its body goes on as it comes: upload.h */
void system_activate(struct call *c);
void system_reboot(struct call *c);
void system_shutdown(struct call *c);

/* backup.c */
void backup_post(struct call *c);
void backup_restore(struct call *c); /* its body goes on as it comes: upload.h */

/* availability.c: a pair of gateways */
void availability_get(struct call *c);
void availability_put(struct call *c);
void availability_patch(struct call *c);
void availability_delete(struct call *c);
void availability_status(struct call *c);
void availability_adopt(struct call *c);

/* partner.c: what the other gateway of the pair reads */
void partner_state(struct call *c);
void partner_document(struct call *c);
void partner_object(struct call *c);

/* network.c: the appliance's network and clock */
void network_get_settings(struct call *c);
void network_put_settings(struct call *c);
void network_confirm(struct call *c);
void network_get_links(struct call *c);
void network_get_time_settings(struct call *c);
void network_put_time_settings(struct call *c);

/* devices.c: its network cards */
void devices_get(struct call *c);

/* support.c */
void support_get(struct call *c);

/* trail.c: the audit */
void trail_list(struct call *c);
void trail_verify(struct call *c);

/* describe.c: the interface itself */
void describe_openapi(struct call *c);

/*
 * Make `document` (taken) the running revision, or only try it where the query says dry_run. The
 * answer has the resource at table and name of the document (NULL table: the whole; NULL name: the
 * table).
 */
void change_begin(struct call *c, json_t *document, const char *action, const char *comment,
                  const char *table, const char *name);
/* Does the query want it tried only? *good is false where it says neither yes nor no: answered. */
bool change_is_trial(struct call *c, bool *good);
/* What the document would change and whom it would cut, as the answer; nothing changes. */
void change_try(struct call *c, const json_t *document);

#endif
