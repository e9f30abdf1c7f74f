/*
 * sealed: the file keyring.kek where a TPM has sealed the key-encryption key: what penstock-seal
 * writes, and by which the launcher tells such a file from a key in clear.
 *
 *   "PSKEK1\n\0"  binding (u8)  name (blob)  public (blob)  private (blob)
 *
 * Why: it has the name of the key in clear, so that one rename puts it in its place, and a version
 * that knows nothing of sealing refuses it as too long in place of making a new key.
 * Owner: plain memory. Never: holds anything that is of use without the TPM.
 */
#ifndef PENSTOCK_WIRE_SEALED_H
#define PENSTOCK_WIRE_SEALED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SEALED_KEY      32 /* bytes of a key-encryption key */
#define SEALED_NAME_MAX 68 /* TPM2B_NAME: an algorithm and a hash */
#define SEALED_PART_MAX 512
#define SEALED_FILE_MAX (8 + 1 + 4 + SEALED_NAME_MAX + 2 * (4 + SEALED_PART_MAX))

enum sealed_binding {
    SEALED_TPM,         /* this TPM opens it for whoever asks */
    SEALED_SECURE_BOOT, /* and only as long as PCR 7 says what it said */
    SEALED_BINDINGS
};

struct sealed {
    enum sealed_binding binding;
    uint8_t name[SEALED_NAME_MAX]; /* of the TPM's storage root key */
    size_t n_name;
    uint8_t public_part[SEALED_PART_MAX],
        private_part[SEALED_PART_MAX]; /* TPM2B_PUBLIC, _PRIVATE */
    size_t n_public, n_private;
};

/* Where the key-encryption key is kept, in the order of the words, as the API spells them. */
enum kek_kept { KEK_CREDENTIAL, KEK_FILE, KEK_TPM, KEK_TPM_SECURE_BOOT, KEK_KEPT };
extern const char *const kek_kept_names[KEK_KEPT];

/* Do these bytes begin as a sealed key does? */
bool sealed_is(const uint8_t *p, size_t n);
/* 0 with *s, or -EPROTO: they are not one, or a damaged one. */
int sealed_get(const uint8_t *p, size_t n, struct sealed *s);
/* The file's bytes; how many. */
size_t sealed_put(const struct sealed *s, uint8_t out[SEALED_FILE_MAX]);

#endif
