/*
 * files: opens what the configuration names, and keeps copies of key files.
 *
 * Why: only the launcher opens paths. mgmt reads certificates and CRLs through descriptors; a key
 * file never reaches it: mgmt gets a token, and the copy goes to the keyring alone. A copy is
 * sealed, so that writing to the file later can not change a running revision.
 * Owner: the launcher. Never: blocks on a device or pipe, reads beyond a bound, keeps key bytes in
 * its own memory.
 */
#ifndef PENSTOCK_LAUNCHER_FILES_H
#define PENSTOCK_LAUNCHER_FILES_H

#include <stdbool.h>
#include <stdint.h>
#include "dataplane/wire/control.h"
#include "mgmt/launcher/modules.h"

#define FILES_CONFIG_MAX      (16u * 1024 * 1024)
#define FILES_CERTIFICATE_MAX (1024u * 1024)
#define FILES_CRL_MAX         (256u * 1024 * 1024)
#define FILES_KEY_MAX         (64u * 1024)
#define FILES_KEYS_MAX        8192 /* copies kept at a time */

struct key_copy {
    uint32_t token;
    int fd;
    uint64_t revision; /* the last one that attached it; 0: none yet */
    bool applied;      /* a revision with it was applied: its token stays good */
    char *module;      /* of a key in a token; then fd holds a struct token_key; else NULL */
};

struct files {
    int dir;                       /* of the configuration file: paths are relative to it */
    const struct modules *modules; /* which may be loaded; NULL: by place */
    struct key_copy *keys;
    unsigned n_keys, cap_keys;
};

void files_init(struct files *f);
void files_fini(struct files *f);
/*
 * Open the configuration file, remember its directory, return a sealed copy of its text.
 * Descriptor, or -errno: -EISDIR, -EINVAL (neither file nor directory), -EFBIG, -ENOENT, ...
 */
int files_read_config(struct files *f, const char *path);
/*
 * Serve an OPEN of mgmt. 0 and in *fd the descriptor for mgmt (-1 for a key: its copy is kept under
 * the token, an older one of that token dropped), or -errno as above and -ENOBUFS (too many keys).
 * Of a URI: what modules_find() says, and of its PIN's file as above or -ERANGE (no PIN in it).
 */
int files_open(struct files *f, const struct control_open *m, int *fd);
/* The copy under a token, marked as used by a revision. Borrowed, or -ENOENT. */
int files_key(struct files *f, uint32_t token, uint64_t revision);
/* The module of a key in a token; NULL: it is a key file, or there is none. */
const char *files_module(struct files *f, uint32_t token);
/*
 * A change has ended. Applied: what this revision did not attach is dropped. Refused: what no
 * applied revision had.
 */
void files_applied(struct files *f, uint64_t revision);
void files_refused(struct files *f);
/* mgmt is gone, and with it the meaning of every token. */
void files_forget(struct files *f);

#endif
