/*
 * checkup: how the machine's parts are: the service manager's units, and what stands in the
 * journal.
 *
 * Why: whoever is asked for help wants to see which unit has failed, and why; the box has no shell.
 * Owner: main; single-threaded. Never: takes a word of a caller's; waits for the service manager
 * without an end.
 */
#ifndef PENSTOCK_IMAGE_CHECKUP_H
#define PENSTOCK_IMAGE_CHECKUP_H

#include <stddef.h>

#include "dataplane/wire/system.h"

/* What `manager` (systemctl) tells of services and mounts; none when it fails or takes too long. */
void checkup_units(const char *manager, struct system_checkup *out);
/*
 * The journal's last whole lines since the start by `journal` (journalctl), cap bytes at most, as
 * ASCII. Their length, or -errno.
 */
int checkup_journal(const char *journal, char *text, size_t cap);
/* systemctl's words: paragraphs of NAME=VALUE, one for each unit. text is terminated, and changed.
 */
void checkup_read(char *text, struct system_checkup *out);

#endif
