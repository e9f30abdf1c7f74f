/*
 * tokenring: the process that has one PKCS#11 module: the launcher's channel, and the keyring's, on
 * which signatures are asked for.
 *
 * Why: a module is somebody else's code, with files and sockets of its own. What it can reach when
 * it goes wrong is this process: the PINs of its tokens, and no key of any other kind.
 * Owner: one thread, one loop; the crew's threads call the module. Never: waits for the module;
 * signs for anybody but the keyring, which has judged the content; tells anybody a PIN.
 */
#ifndef PENSTOCK_TOKEN_TOKENRING_H
#define PENSTOCK_TOKEN_TOKENRING_H

#include "dataplane/wire/chan.h"
#include "handshake/token/crew.h"

#define TOKENRING_FILES_MAX 65536 /* attachment numbers are 16 bits */
#define TOKENRING_BEFORE    7 /* revisions that handshakes may have begun on, as in the keyring */

struct tokenring_key {
    struct tokenkey *key; /* held; NULL: not of this module */
    bool waits;           /* PREPARE waits for it */
};

struct tokenring_set { /* of one revision, by identity */
    uint64_t revision;
    uint16_t n;
    bool lenient; /* it runs already: what is away is waited for, and no reason to refuse */
    struct tokenring_key keys[];
};

struct tokenring_file {
    int fd; /* -1: none */
    uint32_t flags;
};

struct tokenring {
    int control, keys; /* keys: the keyring's channel, or -1 */
    int mgmt;          /* which is told how the keys stand; -1: nobody */
    bool untold;       /* there is something to tell */
    struct crew *crew;
    const struct crew_job *unsent; /* waits for room in that channel */
    struct tokenring_set *running, *prepared;
    struct tokenring_set *before[TOKENRING_BEFORE]; /* newest first */
    bool preparing;                                 /* the launcher waits for an answer */
    uint64_t revision;                              /* of what is attached so far */
    int image;
    struct tokenring_file *files;
    uint32_t n_files;
    bool done;
    int exit_code;
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];
};

/* control becomes the ring's; m stays the caller's. NULL: out of memory. */
struct tokenring *tokenring_new(int control, struct module *m);
void tokenring_free(struct tokenring *t);
/*
 * Say READY and serve until the launcher closes the channel. Returns the exit status; 1 also when
 * the module hangs or has no token any more: the launcher starts another process.
 */
int tokenring_run(struct tokenring *t);

/* tokenorders.c: what the launcher orders. 0, or -EPROTO: not in this order, or malformed. */
int tokenring_order(struct tokenring *t, struct chan_msg *m);
void tokenring_drop_attached(struct tokenring *t);
void tokenring_free_set(struct tokenring_set **set);
/* A key was looked for: if PREPARE waited for it alone, answer. 0, or what chan_send_wait() says.
 */
int tokenring_looked(struct tokenring *t, const struct tokenkey *k);
/* Tell the launcher which PINs of the running revision were refused. */
int tokenring_tell_refused(struct tokenring *t);

#endif
