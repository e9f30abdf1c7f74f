/*
 * vault: the contract between mgmt (M) and the keyring (K) about private keys that the gateway
 * makes or is given over its API.
 *
 * Why: M has to make keys, take in key files, ask for certificates and issue its own, and must
 * never see a key in clear. What it gets and stores is the wrapped key: encrypted in K under a key
 * that M does not have.
 *   M: MAKE, IMPORT (+ the file), WRAP, CSR, ISSUE, PROVE, BACKUP, REWRAP       K: ANSWER
 * Requests are answered one by one, in order. A message that breaks the rules costs M the channel.
 * Owner: `struct vault_bytes` borrows: from the caller to put, from the message after get.
 * Never: a private key, but for the file that rides along with IMPORT as a sealed descriptor.
 */
#ifndef PENSTOCK_WIRE_VAULT_H
#define PENSTOCK_WIRE_VAULT_H

#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"
#include "dataplane/wire/backup.h"

#define VAULT_PASSPHRASE_MAX 1024
#define VAULT_KEY_MAX        (16 * 1024) /* a wrapped key; RSA-4096 takes 2.5 KiB, ML-DSA-87 5 */
#define VAULT_SPKI_MAX       (4 * 1024)
#define VAULT_DER_MAX        (32 * 1024) /* a certificate or a request for one */
#define VAULT_DERS_MAX       16
#define VAULT_DERS_BYTES     (96 * 1024) /* of all together */
#define VAULT_SUBJECT_MAX    16
#define VAULT_SUBJECT_VALUE  256
#define VAULT_SANS_MAX       64
#define VAULT_SAN_VALUE      512
#define VAULT_SANS_BYTES     (16 * 1024) /* of all together */
#define VAULT_SERIAL_MAX     20
#define VAULT_SEALED_MAX     128           /* a backup's key, wrapped */
#define VAULT_PEM_MAX        (64 * 1024)   /* the file of IMPORT as PEM */
#define VAULT_PKCS12_MAX     (1024 * 1024) /* and as PKCS#12 */

enum vault_type {
    VAULT_MAKE = 1,
    VAULT_IMPORT, /* with one descriptor: a sealed memfd with PEM or PKCS#12 */
    VAULT_WRAP,
    VAULT_CSR,
    VAULT_ISSUE,
    VAULT_PROVE,
    VAULT_BACKUP, /* derive a backup's keys */
    VAULT_REWRAP, /* a private key into a backup, or out of one */
    VAULT_ANSWER = 16,
};

/* Each enumeration has its words, as the API spells them, in an array of the same order. */
enum vault_kind {
    VAULT_EC_P256,
    VAULT_EC_P384,
    VAULT_RSA_2048,
    VAULT_RSA_3072,
    VAULT_RSA_4096,
    VAULT_ED25519,
    VAULT_ML_DSA_44,
    VAULT_ML_DSA_65,
    VAULT_ML_DSA_87,
    VAULT_KINDS
};
extern const char *const vault_kinds[VAULT_KINDS];

enum vault_attribute {
    VAULT_C,
    VAULT_ST,
    VAULT_L,
    VAULT_O,
    VAULT_OU,
    VAULT_CN,
    VAULT_EMAIL_ADDRESS,
    VAULT_SERIAL_NUMBER,
    VAULT_ATTRIBUTES
};
extern const char *const vault_attributes[VAULT_ATTRIBUTES];

enum vault_san { VAULT_DNS, VAULT_URI, VAULT_EMAIL, VAULT_IP, VAULT_SAN_KINDS };
extern const char *const vault_sans[VAULT_SAN_KINDS];

enum vault_role { VAULT_CA, VAULT_SERVER, VAULT_CLIENT, VAULT_SERVER_CLIENT, VAULT_ROLES };
extern const char *const vault_roles[VAULT_ROLES];

/* Where the public key of a certificate to be issued comes from. */
enum vault_form {
    VAULT_FORM_SELF, /* the CA key's own public half: a root; subject_key is empty */
    VAULT_FORM_CSR,  /* PKCS#10 DER, whose signature is verified; its names are not used */
    VAULT_FORM_SPKI, /* SubjectPublicKeyInfo DER */
    VAULT_FORMS
};

struct vault_bytes {
    const uint8_t *p;
    size_t n;
};

struct vault_pair {
    uint8_t type;             /* enum vault_attribute, enum vault_san */
    struct vault_bytes value; /* UTF-8; an address as text; never empty */
};

struct vault_names {
    uint8_t n_subject, n_sans;
    struct vault_pair subject[VAULT_SUBJECT_MAX]; /* in the order of the name, C first by custom */
    struct vault_pair sans[VAULT_SANS_MAX];
};

struct vault_make {
    uint32_t request; /* echoed, here and below */
    uint8_t kind;
};
struct vault_import {
    uint32_t request;
    struct vault_bytes passphrase; /* empty: none is known */
};
struct vault_wrap {
    uint32_t request;
    uint32_t token; /* of the copy that the launcher sent as ATTACH(ATTACH_WRAP) */
};
struct vault_csr {
    uint32_t request;
    struct vault_bytes key; /* wrapped */
    struct vault_names names;
};
struct vault_issue {
    uint32_t request;
    struct vault_bytes ca_key;         /* wrapped */
    struct vault_bytes ca_certificate; /* DER; empty for VAULT_FORM_SELF and only there */
    uint8_t form;                      /* enum vault_form */
    struct vault_bytes subject_key;
    struct vault_names names;
    uint8_t role;                  /* enum vault_role */
    int64_t not_before, not_after; /* seconds since 1970 */
    struct vault_bytes serial;     /* 1 to 20 bytes, big-endian, positive as DER's INTEGER */
};
struct vault_prove {
    uint32_t request;
    struct vault_bytes key; /* wrapped */
    struct vault_bytes certificate;
};
struct vault_backup {
    uint32_t request;
    struct backup_head head;
    struct vault_bytes passphrase;
};
struct vault_rewrap {
    uint32_t request;
    uint8_t restore;           /* 0: from here into the backup; 1: out of it */
    struct vault_bytes sealed; /* as BACKUP gave it */
    struct vault_bytes key;    /* wrapped */
};

/*
 * MAKE, WRAP, REWRAP: key and spki. IMPORT: the same and the certificates of the file, the key's
 * own first and then its issuers as far as they are there. CSR: ders[0] is the request. ISSUE:
 * ders[0] is the certificate. PROVE: nothing more. BACKUP: the stream's key, and the key of private
 * keys, wrapped for REWRAP. An error says why and nothing else.
 */
struct vault_answer {
    uint32_t request;
    int32_t error; /* 0, or an errno (positive) */
    struct err why;
    struct vault_bytes key, spki;
    uint8_t n_ders;
    struct vault_bytes ders[VAULT_DERS_MAX];
    struct vault_bytes stream; /* BACKUP_KEY bytes */
    struct vault_bytes sealed;
};

/* The number of a word in one of the tables above, or -ENOENT. */
int vault_find(const char *const *words, int n, const char *word);

/* put writes the body; get reads it and returns 0 or -EPROTO (malformed, left over). */
void vault_put_make(struct buf *b, const struct vault_make *m);
int vault_get_make(struct buf *b, struct vault_make *m);
void vault_put_import(struct buf *b, const struct vault_import *m);
int vault_get_import(struct buf *b, struct vault_import *m);
void vault_put_wrap(struct buf *b, const struct vault_wrap *m);
int vault_get_wrap(struct buf *b, struct vault_wrap *m);
void vault_put_csr(struct buf *b, const struct vault_csr *m);
int vault_get_csr(struct buf *b, struct vault_csr *m);
void vault_put_issue(struct buf *b, const struct vault_issue *m);
int vault_get_issue(struct buf *b, struct vault_issue *m);
void vault_put_prove(struct buf *b, const struct vault_prove *m);
int vault_get_prove(struct buf *b, struct vault_prove *m);
void vault_put_backup(struct buf *b, const struct vault_backup *m);
int vault_get_backup(struct buf *b, struct vault_backup *m);
void vault_put_rewrap(struct buf *b, const struct vault_rewrap *m);
int vault_get_rewrap(struct buf *b, struct vault_rewrap *m);
void vault_put_answer(struct buf *b, const struct vault_answer *m);
int vault_get_answer(struct buf *b, struct vault_answer *m);

#endif
