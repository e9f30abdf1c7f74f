/*
 * refs: what a JSON value names: objects and keys stand in it as strings.
 * Owner: pure over its arguments.
 */
#ifndef PENSTOCK_MGMT_BACKUP_REFS_H
#define PENSTOCK_MGMT_BACKUP_REFS_H

#include <jansson.h>
#include <stdbool.h>

/* Every string anywhere in it that `is` takes becomes a member of the object `into`. */
void refs_gather(const json_t *value, bool (*is)(const char *text), json_t *into);
/* Does this string stand anywhere in it? */
bool refs_named(const json_t *value, const char *ref);

#endif
