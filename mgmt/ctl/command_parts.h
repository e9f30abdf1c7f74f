/* command_parts: private to command*.c. */
#ifndef PENSTOCK_MGMT_CTL_COMMAND_PARTS_H
#define PENSTOCK_MGMT_CTL_COMMAND_PARTS_H

#include "mgmt/ctl/command.h"

#define COMMAND_PATH_ROOM       1024
#define COMMAND_PASSPHRASE_ROOM 2048 /* in base64 */
#define COMMAND_PEM_ROOM        (1024 * 1024)

/* Ask; say what went wrong. 0 with *a (http_free() it), or the exit code. */
int command_ask(const struct options *o, const struct http_ask *q, struct http_answer *a);
/* Ask and show the answer as the row says. The exit code. */
int command_finish(const struct options *o, const struct command *c, const struct http_ask *q);
/* Change what is at `read` (its tag is asked for first) with a request. */
int command_change(const struct options *o, const struct command *c, const char *read,
                   struct http_ask *q);
/* At most `max` bytes of a file; the caller frees them. NULL: said why. */
char *command_read_file(const char *file, size_t max, size_t *n);

/* A file, mapped, as the request's body; munmap() it. 0, or -1: said why. */
int command_map(const char *file, struct http_ask *q);
/*
 * A passphrase as its header has it: the first line of --passphrase-file ("-": of standard input),
 * else, if `ask`, typed at the terminal, twice if `twice`. False: said why.
 */
bool command_passphrase(const struct options *o, bool ask, bool twice,
                        char out[COMMAND_PASSPHRASE_ROOM]);

/* A document; the caller's. NULL: said why. */
json_t *command_read_json(const char *file);
/* "links/x" or a whole path, as a path. */
void command_path(char path[COMMAND_PATH_ROOM], const char *given);
/* With --dry-run the path asks for a trial. */
void command_trial(const struct options *o, char path[COMMAND_PATH_ROOM]);

/* command_resource.c */
int command_get(const struct options *o, const struct command *c);
int command_names(const struct options *o, const struct command *c);
int command_put(const struct options *o, const struct command *c);
int command_patch(const struct options *o, const struct command *c);
int command_delete(const struct options *o, const struct command *c);
int command_apply(const struct options *o, const struct command *c);
int command_candidate(const struct options *o, const struct command *c);
int command_discard(const struct options *o, const struct command *c);
int command_commit(const struct options *o, const struct command *c);
int command_confirm(const struct options *o, const struct command *c);
int command_rollback(const struct options *o, const struct command *c);
int command_diff(const struct options *o, const struct command *c);

/* command_keys.c */
int command_make_key(const struct options *o, const struct command *c);
int command_import_key(const struct options *o, const struct command *c);
int command_csr(const struct options *o, const struct command *c);
int command_install(const struct options *o, const struct command *c);
int command_remove_key(const struct options *o, const struct command *c);

/* command_admin.c */
int command_enroll(const struct options *o, const struct command *c);
int command_add_admin(const struct options *o, const struct command *c);
int command_renew_admin(const struct options *o, const struct command *c);
int command_close_token(const struct options *o, const struct command *c);
int command_remove_admin(const struct options *o, const struct command *c);
int command_recover(const struct options *o, const struct command *c);

int command_fetch(const struct options *o, const struct command *c);
int command_renew(const struct options *o, const struct command *c);

/* command_system.c */
int command_update(const struct options *o, const struct command *c);
int command_activate(const struct options *o, const struct command *c);
int command_network(const struct options *o, const struct command *c);
int command_power(const struct options *o, const struct command *c);

/* command_backup.c */
int command_backup(const struct options *o, const struct command *c);
int command_support(const struct options *o, const struct command *c);
int command_restore(const struct options *o, const struct command *c);

/* command_watch.c */
int command_events(const struct options *o, const struct command *c);

#endif
