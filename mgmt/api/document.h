/*
 * document: what can be done with a configuration as JSON: tags, differences, patches.
 *
 * Why: every resource is a part of one document; a change is a new whole document. Owner: pure; new
 * values are the caller's. Never: changes what it is given.
 */
#ifndef PENSTOCK_MGMT_API_DOCUMENT_H
#define PENSTOCK_MGMT_API_DOCUMENT_H

#include <jansson.h>

#define DOCUMENT_TAG_MAX     40
#define DOCUMENT_POINTER_MAX 512

/* Keys sorted: the same document gives the same text. The caller frees it. NULL: out of memory. */
char *document_text(const json_t *doc);
/* A strong entity tag of a value, quotes included (RFC 9110 8.8.3). */
void document_tag(const json_t *value, char tag[DOCUMENT_TAG_MAX]);
void document_text_tag(const char *text, char tag[DOCUMENT_TAG_MAX]);
/* RFC 7396: the patched copy. NULL: out of memory, or nested deeper than 64. */
json_t *document_merge(const json_t *target, const json_t *patch);
/*
 * Three ways: what `mine` changed since `base`, on top of `theirs`, which also began there. NULL:
 * both changed one thing differently; `where` is its JSON pointer ("" where memory was short).
 */
json_t *document_rebase(const json_t *base, const json_t *mine, const json_t *theirs,
                        char where[DOCUMENT_POINTER_MAX]);
/*
 * What differs, as an array of {"path": JSON pointer, "from": value, "to": value}; from is absent
 * for what is new, to for what is gone. Arrays differ as a whole.
 */
json_t *document_diff(const json_t *from, const json_t *to);

#endif
