/*
 * objects: what a configuration refers to, kept by its own hash.
 *
 * Why: a revision is immutable. A certificate or a CRL is kept once, as it came, under the SHA-256
 * of its bytes; the configuration names it "sha256:<64 hex digits>", so that an old revision means
 * what it meant. They are plain files: the gateway starts from them when the database is gone.
 * Owner: the manager; below the working directory. Never: gives bytes out that are not the hash's.
 */
#ifndef PENSTOCK_MGMT_STORE_OBJECTS_H
#define PENSTOCK_MGMT_STORE_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OBJECTS_REF_MAX 80
#define OBJECTS_MAX     (256u * 1024 * 1024) /* bytes of one */

/* Make the directory. 0 or -errno. */
int objects_init(void);
/* True for the form of a reference; it may name nothing. */
bool objects_is_ref(const char *text);
/* Keep n bytes; ref gets the name. Harmless if they are there. 0 or -errno. */
int objects_put(const void *data, size_t n, char ref[OBJECTS_REF_MAX]);
/* *data is the caller's to free. 0, -ENOENT, -EFBIG, -EBADMSG (the file is not what it was). */
int objects_get(const char *ref, size_t max, uint8_t **data, size_t *n);
/* Bytes of one, or -errno. */
int64_t objects_size(const char *ref);
/* Remove every object that `used` denies. 0 or -errno. */
int objects_sweep(bool (*used)(void *arg, const char *ref), void *arg);

/* Lower-case hex of SHA-256: 64 digits and a NUL. */
void objects_hash(const void *data, size_t n, char hex[65]);

#endif
