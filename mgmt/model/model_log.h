/* model_log: where log lines and audit rows are sent (log.syslog). Private to the model. */
#ifndef PENSTOCK_MGMT_MODEL_LOG_H
#define PENSTOCK_MGMT_MODEL_LOG_H

#include "mgmt/model/node.h"

/* Judge its form; the link that it becomes is judged as a link. 0 or -EINVAL. */
int model_log(const struct node *n);

#endif
