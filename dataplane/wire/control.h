/*
 * control: the contract between the launcher (L) and its children, and of the children's query
 * channel.
 *
 * Why: the launcher opens every path and socket, keeps the running revision, and gives it again to
 * a process that came back. A change of policy is two-phase over these messages.
 *
 *   start        L: (exec)              child: READY          after it is sandboxed
 *   channels     L: CHANNEL(kind,index)+fd
 *   a revision   L: ATTACH(revision,kind,index)+fd ...        each descriptor that belongs to it
 *                L: PREPARE(revision)   child: PREPARED | REFUSED(err)
 *                L: COMMIT(revision)    child: COMMITTED
 *                L: ABORT(revision)     (forget what was attached and prepared; no answer)
 *   mgmt only    L: LOAD(revision, name, resume)+fd           the configuration text to compile
 *                mgmt: OPEN(token, kind, path)       L: OPENED(token, error)+fd (no fd for keys)
 *                mgmt: ATTACH... then APPLY(revision)  or  REJECT(revision, err)
 *                L: APPLIED(revision) | REFUSED(revision, err)
 *                The very first revision has the number that mgmt's first ATTACH gives it.
 *   data plane   DIAL(token, addr): connect to a unix: target of the running revision; without an
 *                address: to mgmt, which gets the other end as CHANNEL(CALLER)
 *                L: DIALLED(token, error)+fd
 *   tokens       L starts one process for each PKCS#11 module that a revision names; it gets the
 *                keyring's image and TOKEN_KEYs, tells L by PIN_REFUSED(index) what not to try
 * again a call       mgmt: CALL(link)+fd: a stream to be carried by an internal link of the running
 *                revision, which nobody else can reach; L passes it on to the data plane
 *   shutdown     L: DRAIN(ms)           data plane: DRAINED;  all: exit when the channel closes
 *
 * mgmt to the launcher, ATTACH kinds: the three images, CRL tables (index = attachment), and KEY:
 * a wrapped key as a descriptor, or the token of an OPEN in its place: key files never reach mgmt.
 *
 * The launcher to the keyring, outside any revision (its number is not looked at): KEK, once, ahead
 * of every other ATTACH and of CHANNEL(VAULT); WRAP, before mgmt hears that the file was opened.
 */
#ifndef PENSTOCK_WIRE_CONTROL_H
#define PENSTOCK_WIRE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/addr.h"
#include "dataplane/base/buf.h"
#include "dataplane/base/err.h"

#define CONTROL_PATH_MAX   1024
#define CONTROL_LINK_MAX   64
#define CONTROL_TOKENS_MAX 8 /* PKCS#11 modules, each with its process */

enum control_type {
    CONTROL_CHANNEL = 1, /* L to child */
    CONTROL_ATTACH,      /* both ways */
    CONTROL_PREPARE,
    CONTROL_COMMIT,
    CONTROL_ABORT,
    CONTROL_DRAIN,
    CONTROL_LOAD,
    CONTROL_OPENED,
    CONTROL_APPLIED,
    CONTROL_DIALLED,
    CONTROL_CALL,       /* mgmt to L, L to the data plane */
    CONTROL_READY = 32, /* child to L */
    CONTROL_PREPARED,
    CONTROL_REFUSED, /* both ways */
    CONTROL_COMMITTED,
    CONTROL_DRAINED,
    CONTROL_OPEN,
    CONTROL_APPLY,
    CONTROL_REJECT,
    CONTROL_DIAL,
    CONTROL_PIN_REFUSED, /* token process to L: the PIN of key `index` of the running revision */
};

enum channel_kind {
    CHANNEL_HANDOFF, /* worker i <-> handshake i */
    CHANNEL_JUDGE,   /* worker i <-> the judge (as index i on the judge's side) */
    CHANNEL_KEYS,    /* handshake i (the judge has none) <-> keyring (as index i) */
    CHANNEL_QUERY,   /* worker i <-> mgmt (as index i) */
    CHANNEL_LOCAL,   /* mgmt: the listening local socket */
    CHANNEL_STATE,   /* mgmt: its directory, to be its working directory */
    CHANNEL_EXPLAIN, /* mgmt <-> the judge */
    CHANNEL_CALLER,  /* mgmt: one connection of the management link: a byte stream */
    CHANNEL_VAULT,   /* mgmt <-> keyring (see vault.h); to mgmt, index 1 says that the KEK lies in
                        a file, guarded by nothing but its mode */
    CHANNEL_TOKEN,   /* token process i <-> keyring (as index i): see keywire.h */
    CHANNEL_TOKENSTATE, /* token process (index) -> mgmt (see tokenstate.h) */
    CHANNEL_NOTICES,    /* data plane worker (index) -> mgmt (see notice.h) */
    CHANNEL_LOG,        /* mgmt: a pipe of which it reads all processes' log lines (logtap.h) */
    CHANNEL_KINDS
};

enum attach_kind {
    ATTACH_IMAGE_DATAPLANE,
    ATTACH_IMAGE_HANDSHAKE,
    ATTACH_IMAGE_KEYRING,
    ATTACH_CRL,        /* index: attachment number in the handshake image */
    ATTACH_KEY,        /* index: attachment number in the keyring image */
    ATTACH_LISTENER,   /* index: listener * workers + worker */
    ATTACH_TEXT,       /* mgmt to L: what LOAD gives back when mgmt has to resume */
    ATTACH_KEK,        /* keyring: the key-encryption key, a sealed memfd of 32 bytes; see below */
    ATTACH_WRAP,       /* keyring: the copy of a key file that VAULT_WRAP names by its token */
    ATTACH_TOKEN_KEY,  /* token process: a struct token_key (index as of KEY); token: TOKEN_KEY_* */
    ATTACH_TOKEN_SLOT, /* keyring: key `index` is in token process `token`; no descriptor */
    ATTACH_KINDS
};

enum {
    TOKEN_KEY_RUNS = 1,    /* of the running revision, again: it is no reason to refuse that it is
                              away */
    TOKEN_KEY_REFUSED = 2, /* its PIN was refused, and must not be tried again */
};

enum open_kind {
    OPEN_CERTIFICATE,
    OPEN_CRL,
    OPEN_KEY,
    OPEN_TOKEN, /* the path is a PKCS#11 URI: the module is judged, its PIN's file is read */
};

struct control_channel {
    uint8_t kind;
    uint16_t index;
};
struct control_attach {
    uint64_t revision;
    uint8_t kind;
    uint32_t index;
    uint32_t token;
};
struct control_load {
    uint64_t revision;
    bool resume;
    char name[CONTROL_PATH_MAX];
};
struct control_open {
    uint32_t token;
    uint8_t kind;
    char path[CONTROL_PATH_MAX];
};
struct control_result {
    uint32_t token;
    int32_t error;
}; /* OPENED, DIALLED */
struct control_refused {
    uint64_t revision;
    struct err err;
}; /* REFUSED, REJECT; L to mgmt with revision 0: an engine of what runs is missing, or (all empty)
      is not */
struct control_dial {
    uint32_t token;
    struct addr addr;
};
struct control_call {
    char link[CONTROL_LINK_MAX];
};

/* put writes the body; get reads it and returns 0 or -EPROTO (malformed, left over). */
void control_put_channel(struct buf *b, const struct control_channel *m);
int control_get_channel(struct buf *b, struct control_channel *m);
void control_put_attach(struct buf *b, const struct control_attach *m);
int control_get_attach(struct buf *b, struct control_attach *m);
/* PREPARE, COMMIT, ABORT, PREPARED, COMMITTED, APPLY, APPLIED: a revision; DRAIN: milliseconds;
 * PIN_REFUSED: an index; READY, DRAINED: 0. */
void control_put_number(struct buf *b, uint64_t v);
int control_get_number(struct buf *b, uint64_t *v);
void control_put_load(struct buf *b, const struct control_load *m);
int control_get_load(struct buf *b, struct control_load *m);
void control_put_open(struct buf *b, const struct control_open *m);
int control_get_open(struct buf *b, struct control_open *m);
void control_put_result(struct buf *b, const struct control_result *m);
int control_get_result(struct buf *b, struct control_result *m);
void control_put_refused(struct buf *b, const struct control_refused *m);
int control_get_refused(struct buf *b, struct control_refused *m);
void control_put_dial(struct buf *b, const struct control_dial *m);
int control_get_dial(struct buf *b, struct control_dial *m);
void control_put_call(struct buf *b, const struct control_call *m);
int control_get_call(struct buf *b, struct control_call *m);

#endif
