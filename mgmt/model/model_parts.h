/* model_parts: private to model*.c. */
#ifndef PENSTOCK_MGMT_MODEL_PARTS_H
#define PENSTOCK_MGMT_MODEL_PARTS_H

#include "mgmt/model/node.h"

int model_name(const struct node *n, const char *name);
/* One link, into a struct model_link. */
int model_link(const struct node *n, const char *name, void *out);
/* The built-in link, behind the others. */
int model_management(const struct node *n, struct model *m);
int model_listen(const struct node *n, struct model_link *l);
int model_limits(const struct node *n, struct policy_limits *lim);
void model_link_defaults(struct model_link *l);
/* One peer rule. */
int model_rule(const struct node *n, struct policy_rule *r);
/* The list of peer rules of one side. */
int model_rules(const struct node *n, struct model_tls *t);

#endif
