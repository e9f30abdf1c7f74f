/*
 * pkcs11: a PKCS#11 URI (RFC 7512), which names a private key in a token, and how the launcher
 * hands it over.
 *
 * Why: three processes read the same URI (mgmt judges it, the launcher finds the module and the
 * PIN, the token process finds the key) and must not disagree about its meaning.
 * Owner: plain memory of the caller; `struct token_key` borrows. Never: takes a PIN inside a URI,
 * where it would be written down; repeats a word of one that tried.
 */
#ifndef PENSTOCK_WIRE_PKCS11_H
#define PENSTOCK_WIRE_PKCS11_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"

#define PKCS11_SCHEME   "pkcs11:"
#define PKCS11_URI_MAX  1000 /* bytes; a path of a control message holds one */
#define PKCS11_PIN_MAX  256
#define PKCS11_ID_MAX   255
#define PKCS11_PATH_MAX 512

enum pkcs11_attribute { /* bits of `given` */
                        PKCS11_TOKEN = 1,
                        PKCS11_MANUFACTURER = 2,
                        PKCS11_MODEL = 4,
                        PKCS11_SERIAL = 8,
                        PKCS11_OBJECT = 16,
                        PKCS11_ID = 32,
                        PKCS11_SLOT_MANUFACTURER = 64,
                        PKCS11_SLOT_DESCRIPTION = 128,
                        PKCS11_SLOT_ID = 256,
                        PKCS11_TYPE = 512,
                        PKCS11_MODULE_PATH = 1024,
                        PKCS11_MODULE_NAME = 2048,
                        PKCS11_PIN_SOURCE = 4096,
};

struct pkcs11_uri {
    unsigned given; /* which of the following stand in it */
    char token[33], manufacturer[33], model[17], serial[17];
    char slot_manufacturer[33], slot_description[65];
    uint64_t slot_id;
    char object[256];
    uint8_t id[PKCS11_ID_MAX];
    size_t n_id;
    char module_path[PKCS11_PATH_MAX], module_name[65];
    char pin_source[PKCS11_PATH_MAX]; /* a path; relative ones to the configuration file */
};

/* Does the text claim to be one? */
bool pkcs11_is(const char *text);
/*
 * Parse one of a private key, which must have `object` or `id`, and one of `module-path` and
 * `module-name`. 0, or -EINVAL with *e at `where`; *u is then not to be used.
 */
int pkcs11_parse(struct pkcs11_uri *u, const char *text, const char *where, struct err *e);

/* What the launcher hands to the token process in a sealed descriptor. */
struct token_key {
    char uri[PKCS11_URI_MAX + 1];
    const uint8_t *pin; /* n_pin 0: there is none */
    size_t n_pin;
};

void token_key_put(struct buf *b, const struct token_key *k);
/* 0 or -EPROTO. */
int token_key_get(struct buf *b, struct token_key *k);

#endif
