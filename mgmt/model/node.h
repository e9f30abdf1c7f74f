/*
 * node: walking a JSON document with its pointer at hand.
 *
 * Why: every complaint names the place (RFC 6901), what is there, and what would be right; unknown
 * keys are complaints too, with the nearest known one. Owner: plain values on the stack; the
 * document is the model's.
 */
#ifndef PENSTOCK_MGMT_MODEL_NODE_H
#define PENSTOCK_MGMT_MODEL_NODE_H

#include "mgmt/model/model.h"

struct node {
    json_t *v; /* NULL: absent */
    char at[256];
    struct err *e;
};

/* The member of an object (absent: v NULL), the i-th element of an array. */
struct node node_member(const struct node *n, const char *key);
struct node node_element(const struct node *n, size_t i);

/* Each returns 0, or -EINVAL with the error filled. Absent values leave *out as it is. */
int node_object(const struct node *n,
                const char *const *known);                 /* an object with these keys only */
int node_string(const struct node *n, const char **out);   /* not empty */
int node_required(const struct node *n, const char *what); /* present */
int node_bool(const struct node *n, bool *out);
int node_number(const struct node *n, uint32_t min, uint32_t max, uint32_t *out);
/* Seconds, maybe with a fraction, as milliseconds. */
int node_seconds(const struct node *n, double min, double max, uint32_t *out_ms);
/* One of the words, its index. */
int node_word(const struct node *n, const char *const *words, uint8_t *out);
/* An array of strings (or, where `single`, also one string). */
int node_strings(const struct node *n, bool single, unsigned max, struct model_strings *out);
/* The list must not be empty where it stands at all. */
int node_some(const struct node *n, const struct model_strings *list, const char *fix);
/* Control bytes of the document in a message would reach a terminal: they become '?'. */
void node_clean(struct err *e);
/* "/links/management/..." is "/management/..." to the reader. */
void node_place(struct err *e);
int node_fail(const struct node *n, const char *fix, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

#endif
