/*
 * seal: protecting and unprotecting one TLS record, the seam between AEAD libraries.
 *
 * Why: ipsec-mb is three times as fast as OpenSSL 3.0 where it exists; everywhere else, and for
 * what it lacks, EVP does the work; a device that answers later (dpdk/cipher) gets several records
 * at once. Callers see one table of functions. Owner: a struct seal holds
 * one direction's keys (moved in, wiped by seal_fini). One thread. Never: reuses a nonce: seq
 * advances with each record, and wraps nowhere (-EOVERFLOW).
 *
 * A record on the wire is: header (5) | explicit nonce (suite->explicit_len) | ciphertext | tag
 * (16); in TLS 1.3 the ciphertext holds content, one byte of inner type, and padding.
 */
#ifndef PENSTOCK_RECORD_SEAL_H
#define PENSTOCK_RECORD_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/wire/keys.h"

#define RECORD_HEADER        5 /* type, version (2), length of what follows (2) */
#define RECORD_VERSION_MAJOR 3
#define RECORD_PLAIN_MAX     16384
#define SEAL_PREFIX_MAX      (5 + 8)  /* bytes before the content, at most */
#define SEAL_SUFFIX_MAX      (1 + 16) /* bytes after it, at most */

enum content_type {
    CONTENT_CHANGE_CIPHER_SPEC = 20,
    CONTENT_ALERT = 21,
    CONTENT_HANDSHAKE = 22,
    CONTENT_DATA = 23,
};

struct seal {
    struct traffic_keys keys;
    const struct seal_ops *ops;
    void *state; /* the library's expanded key; NULL while idle */
};

struct seal_job { /* a record that will be opened soon */
    uint8_t nonce[12], aad[13];
    uint8_t n_aad;
    const uint8_t *in; /* len bytes, then the tag */
    size_t len;
};

#define SEAL_AHEAD 32 /* records */

struct seal_ops {
    const char *name; /* "ipsec-mb", "evp" */
    /* Expand keys->key into s->state (not NULL afterwards); 0 or -errno. */
    int (*init)(struct seal *s);
    /* Wipe and free s->state, which is not NULL. */
    void (*fini)(struct seal *s);
    /*
     * AEAD over len bytes from in to out (may be equal; else must not overlap); tag at out+len.
     * 0 or -EIO.
     */
    int (*encrypt)(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                   const uint8_t *in, uint8_t *out, size_t len);
    /* in[len] is followed by the tag; -EBADMSG when it is wrong, -EIO; out is then wiped. */
    int (*decrypt)(struct seal *s, const uint8_t nonce[12], const uint8_t *aad, size_t n_aad,
                   const uint8_t *in, uint8_t *out, size_t len);
    /*
     * NULL: encrypt is done when it returns. Else it may only have begun: this waits for all that
     * it began. 0; -EIO: what was not encrypted is wiped.
     */
    int (*finish)(struct seal *s);
    /*
     * NULL, or: the n <= SEAL_AHEAD jobs are the next that decrypt is asked for, if nothing comes
     * between; it may begin, and writes nothing to them.
     */
    void (*ahead)(struct seal *s, const struct seal_job *job, unsigned n);
};

/* The best library for an AEAD on this machine (ipsec-mb on x86-64 with AES-NI, else EVP). */
const struct seal_ops *seal_best(enum aead aead);
extern const struct seal_ops seal_evp;
const struct seal_ops *seal_ipsecmb(enum aead aead); /* NULL where it is not built or not able */

/*
 * Take over *keys (moved, also on failure); TLS 1.3 keys are derived from the secret here. ops
 * NULL: seal_best(). The key is expanded by the first record, not here. 0 or -EIO.
 */
int seal_init(struct seal *s, struct traffic_keys *keys, const struct seal_ops *ops);
void seal_fini(struct seal *s); /* wipes; harmless on a zeroed struct */
/*
 * Wipe and free the expanded key, 1 KB of memory; the next record expands it again (0.16 us with
 * ipsec-mb). For a direction that has been quiet; harmless on an idle or zeroed struct.
 */
void seal_idle(struct seal *s);
/* KeyUpdate: next generation in place. 0; -EINVAL for TLS 1.2; -EIO. */
int seal_update(struct seal *s);

size_t seal_prefix(const struct seal *s);   /* header + explicit nonce */
size_t seal_overhead(const struct seal *s); /* record bytes beyond the content */

/*
 * Seal n <= RECORD_PLAIN_MAX bytes of content at `in` as one record of `type` into `out`, which has
 * room for n + seal_overhead(). In place when in == out + seal_prefix(); else the two areas must
 * not overlap, and the content is copied once. *n_out gets the record's size. 0, -EOVERFLOW
 * (sequence exhausted), -ENOMEM, -EIO (what was written to `out` is then wiped).
 */
int seal_record(struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
                size_t *n_out);
/*
 * The same for several: seal_begin() for each, in the order in which they are sent, and then
 * seal_finish(), before anything of them is sent or looked at. Errors as seal_record().
 */
int seal_begin(struct seal *s, uint8_t type, const uint8_t *in, size_t n, uint8_t *out,
               size_t *n_out);
int seal_finish(struct seal *s);

struct opened {
    uint8_t type;  /* enum content_type, the inner one for TLS 1.3 */
    uint8_t *data; /* content, inside the record's own memory */
    size_t n;
};

/*
 * Open one whole record of n bytes (header included) in place.
 * 0; -EBADMSG bad tag (the content is wiped); -EMSGSIZE too long or too short (RFC 8446 5.2, 5.4,
 * 5246 6.2.3); -EPROTO wrong header, no inner type, or an alert or handshake record without content
 * (8446 5.4, 5246 6.2.1); -EOVERFLOW; -ENOMEM, -EIO. A change_cipher_spec record is -EPROTO: after
 * the handshake it is not legal. After an error the session must end.
 */
int open_record(struct seal *s, uint8_t *record, size_t n, struct opened *out);
/* The records in the n bytes at p are opened next, in a row: the library may begin. */
void open_ahead(struct seal *s, const uint8_t *p, size_t n);

#endif
