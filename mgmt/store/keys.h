/*
 * keys: private keys as the keyring encrypted them, by their public half.
 *
 * Why: a key is made or imported before there is a certificate for it, and outlives the
 * certificates that it gets. A configuration names it "spki:<SHA-256 of the SubjectPublicKeyInfo>".
 * Each is one file, so that the gateway starts from them when the database is gone.
 * Owner: the manager; below the working directory. Never: sees a key in clear.
 */
#ifndef PENSTOCK_MGMT_STORE_KEYS_H
#define PENSTOCK_MGMT_STORE_KEYS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_REF_MAX 72

struct keys_row {
    const uint8_t *wrapped, *spki; /* DER */
    size_t n_wrapped, n_spki;
    const char *origin; /* "made", "imported", "file" (named by a configuration file) */
    const char *kind;   /* "RSA 3072" */
};

/* Make the directory. 0 or -errno. */
int keys_init(void);
/* True for the form of a reference; it may name nothing. */
bool keys_is_ref(const char *text);
/* The reference of a SubjectPublicKeyInfo. */
void keys_ref(const uint8_t *spki, size_t n, char ref[KEYS_REF_MAX]);
/* "RSA 3072", "EC P-256", ... of a SubjectPublicKeyInfo. */
void keys_kind(const uint8_t *spki, size_t n, char kind[64]);
/* Keep one, in place of the one of that name. 0 or -errno. */
int keys_put(const struct keys_row *k);
/* *wrapped is the caller's to free. 0, -ENOENT, -EBADMSG. */
int keys_get(const char *ref, uint8_t **wrapped, size_t *n);
/*
 * The file of one as it was written: {"spki", "wrapped", "kind", "origin", "made_at"}; NULL: there
 * is none, or it is damaged. And one put in its place, NULL: taken away. 0 or -errno.
 */
json_t *keys_load(const char *ref);
int keys_save(const char *ref, const json_t *file);
/* Bytes as such a file has them; *p is the caller's to free. 0, -EBADMSG, -ENOMEM. */
json_t *keys_encode(const uint8_t *p, size_t n);
int keys_decode(const json_t *v, uint8_t **p, size_t *n);
/* {"id", "kind", "origin", "made_at", "public_key"}, or NULL: there is none. */
json_t *keys_describe(const char *ref);
/* Every key, by name. NULL: out of memory, or the directory can not be read. */
json_t *keys_list(void);
/* 0, -ENOENT, -errno. */
int keys_remove(const char *ref);
/* Remove every key of a configuration file that `used` denies. 0 or -errno. */
int keys_sweep(bool (*used)(void *arg, const char *ref), void *arg);

#endif
