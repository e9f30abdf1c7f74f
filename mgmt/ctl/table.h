/*
 * table: what the daemon says, for people.
 * Owner: pure printing to stdout.
 */
#ifndef PENSTOCK_MGMT_CTL_TABLE_H
#define PENSTOCK_MGMT_CTL_TABLE_H

#include <jansson.h>
#include <stdbool.h>

void table_sessions(const json_t *body, bool wide);
void table_status(const json_t *body, bool wide);
void table_stats(const json_t *body, bool wide);
/* table_change.c */
void table_change(const json_t *body, bool wide);
void table_restore(const json_t *body, bool wide);
void table_diff(const json_t *body, bool wide);
void table_names(const json_t *body, bool wide);
/* table_inventory.c */
void table_inventory(const json_t *body, bool wide);
void table_schedule(const json_t *body, bool wide);
/* table_keys.c */
void table_keys(const json_t *body, bool wide);
void table_key(const json_t *body, bool wide);
void table_bootstrap(const json_t *body, bool wide);
void table_admins(const json_t *body, bool wide);
/* command_system.c */
void table_system(const json_t *body, bool wide);
void table_interfaces(const json_t *body, bool wide);
void table_devices(const json_t *body, bool wide);
void table_time(const json_t *body, bool wide);
void table_version(const json_t *body, bool wide);
/* table_pair.c */
void table_pair(const json_t *body, bool wide);
/* table_watch.c */
void table_refusals(const json_t *body, bool wide);
void table_refusal(const json_t *body, bool wide);
/* table_config.c */
void table_revisions(const json_t *body, bool wide);
void table_audit(const json_t *body, bool wide);
void table_explain(const json_t *body, bool wide);
void table_peers(const json_t *body, bool wide);

#endif
